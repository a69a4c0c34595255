"""Read the settings once, and refuse bad ones in one clear line."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from agent import bounded
from agent.tools.aws import calls as aws_calls
from agent.tools.kubernetes import client
from clients.outward import AllowList, Outward
from config import ConfigError, Settings, load_settings
from tests.support.environment import make_settings

KEY = "0123456789abcdef0123456789abcdef"
GOOD_PLACES = [
    "db.example",
    "DB.example:5432",
    "prometheus",
    "10.0.0.5",
    "10.0.0.5:9090",
    "10.0.0.0/8",
    "::1",
    "[::1]",
    "[fd00::1]:9090",
    "fd00::/8",
    "localhost",
    "Grafana.Example.",
    "db.example.:5432",
    "my_db",
    "_etcd._tcp.example",
    "a-b.c--d",
    "1a.2b",
    "1.2.example",
    "0x.example",
    "x" * 63,
    ".".join(["x" * 63] * 3 + ["y" * 61]),
    ".".join(["x" * 63] * 3 + ["y" * 61]) + ".",
    "xn--bcher-kva.example",
    "10.0.0.0/255.0.0.0",
    "10.0.0.5/32",
    "db.example:00080",
    "FD00::1",
    "::ffff:10.0.0.1",
    "fd00::1:9090",
]
BAD_PLACES = [
    "db.example:0",
    "db.example:65536",
    "db.example:http",
    "10.0.0.1/8",
    "10.0.0.0/33",
    "10.0.0.0/8:80",
    "10.0.0",
    "256.0.0.1",
    "fd00::/129",
    "[fd00::1",
    "[db.example]:80",
    "http://db.example",
    "a b",
    "*.example",
    "a.-b",
    "a-.b",
    "-a",
    "a-",
    ".a",
    "a..b",
    "a...",
    ".",
    "x" * 64,
    ".".join(["x" * 63] * 3 + ["y" * 62]),
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
    "0x7f000001",
    "0177.0.0.1",
    "foo.1",
    "foo.0x1",
    "10.0.0.1.",
    "１０.0.0.1",
    "bücher.example",
    "db%2eexample",
    "db.example:",
    "db.example:+80",
    "db.example:８0",
    ":80",
    "[]",
    "[]:80",
    "[10.0.0.1]:80",
    "[fd00::1]9090",
    "[fd00::1]:",
    "fd00::1]",
    "fe80::1%eth0",
    "[fe80::1%eth0]:80",
    "fe80::%eth0/64",
    "10.0.0.0/",
    "10.0.0.0/-1",
    "/8",
    "db.example/24",
    "user@db.example",
    "a\nb",
]


def _load(**given: Any) -> Settings:
    return load_settings(_env_file=None, **given)


def test_the_defaults_run_on_a_bare_machine() -> None:
    settings = _load()
    assert (settings.app_env, settings.port, settings.agent_mode) == ("development", 5000, "offline")
    assert (settings.payment_mode, settings.rate_limits, settings.charge_lease_seconds) == ("simulated", "on", 900)
    assert settings.public_url == "http://localhost:5000"
    assert settings.database.startswith("sqlite:////")


def test_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "PORT": "8080",
        "BASE_URL": "https://agent.example/",
        "ADMIN_EMAILS": "a@example.com, b@example.com,",
        "ANTHROPIC_API_KEY": "sk-ant-x",
        "STRIPE_SECRET_KEY": "sk_test_x",
        "REDIS_URL": "redis://localhost:6379/0",
        "RATE_LIMIT_CHAT": "5/second;100/hour",
        "DATABASE_URL": "postgres://user:pw@db.example/app",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = _load()
    assert (settings.port, settings.public_url) == (8080, "https://agent.example")
    assert settings.admin_emails == ["a@example.com", "b@example.com"]
    assert (settings.agent_mode, settings.payment_mode) == ("claude", "stripe")
    assert settings.database == "postgresql://user:pw@db.example/app"


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_a_blank_value_is_not_set(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name.upper(), " ")
    assert getattr(_load(), name) == Settings.model_fields[name].default


def test_a_blank_value_still_overrides_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=8080\nHOST=0.0.0.0\nDB_POOL_SIZE=\n")
    monkeypatch.setenv("PORT", "")
    settings = load_settings(_env_file=tmp_path / ".env")
    assert (settings.port, settings.host, settings.db_pool_size) == (5000, "0.0.0.0", 10)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"SECRET_KEY=\xff\n")
    with pytest.raises(ConfigError, match=".env cannot be read"):
        load_settings(_env_file=tmp_path / ".env")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("postgresql+psycopg2://user:p%40w@db.example:5433/app?sslmode=require", None),
        ("postgresql+asyncpg://user@db.example/app", "postgresql://user@db.example/app"),
        ("postgres+psycopg://user@db.example/app", "postgresql://user@db.example/app"),
        ("sqlite+aiosqlite:////srv/app.db", "sqlite:////srv/app.db"),
    ],
)
def test_other_drivers_mean_ours(given: str, meant: str | None) -> None:
    found = _load(database_url=given).database
    assert found == (meant or "postgresql://user:p%40w@db.example:5433/app?sslmode=require")
    create_engine(found).dispose()


@pytest.mark.parametrize("host", ["0.0.0.0", "::1", "localhost", "agent.example.com", "agent_1"])
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    assert _load(host=host).host == host


def test_places_and_dns_servers_for_tools_are_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLS_ALLOW_PRIVATE", ", ".join(GOOD_PLACES))
    monkeypatch.setenv("TOOLS_DNS_SERVERS", "9.9.9.9, 127.0.0.1:5353,2620:fe::fe, [::1]:5353,")
    settings = _load()
    assert settings.tools_allow_private == GOOD_PLACES
    assert settings.tools_dns_servers == ["9.9.9.9", "127.0.0.1:5353", "2620:fe::fe", "[::1]:5353"]
    # Whatever the settings let pass, the way out can read.
    out = Outward(AllowList.parse(settings.tools_allow_private), settings.tools_dns_servers)
    assert len(out.servers) == 4


@pytest.mark.parametrize("place", GOOD_PLACES)
def test_a_good_place_is_good_for_the_settings_and_for_the_way_out(place: str) -> None:
    assert _load(tools_allow_private=[place]).tools_allow_private == [place]
    assert AllowList.parse([place]).entries


@pytest.mark.parametrize("place", BAD_PLACES)
def test_a_bad_place_is_bad_for_the_settings_and_for_the_way_out(place: str) -> None:
    # Whatever the way out can't read stops the start with one clear line, and not later with a traceback.
    with pytest.raises(
        ConfigError, match="^TOOLS_ALLOW_PRIVATE: .* is not a host, host:port, address or network"
    ) as bad:
        _load(tools_allow_private=[place])
    assert "\n" not in str(bad.value)
    with pytest.raises(ValueError, match="."):
        AllowList.parse([place])


def test_long_reports_end_before_the_time_of_a_tool_is_up() -> None:
    longest = max(aws_calls.SECONDS_MAX, client.SECONDS_IN_ALL, bounded.WAIT_SECONDS + 10)
    assert longest <= Settings.model_fields["tool_max_seconds"].default - 10


def test_a_socket_of_redis_is_what_the_library_calls_it() -> None:
    assert _load(redis_url="unix:///run/redis.sock").redis_url == "redis+unix:///run/redis.sock"


def test_blank_values_are_like_none(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("DATABASE_URL", "ANTHROPIC_API_KEY", "STRIPE_SECRET_KEY", "REDIS_URL", "BASE_URL", "ADMIN_EMAILS")
    for name in names:
        monkeypatch.setenv(name, " ")
    settings = _load()
    assert (settings.agent_mode, settings.payment_mode, settings.admin_emails) == ("offline", "simulated", [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_ENV", "staging"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("DATABASE_URL", "mysql://host/name"),
        ("DATABASE_URL", "not an address"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "postgresql://host:port/name"),
        ("DATABASE_URL", "postgresql://host:65536/name"),
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_URL", "redis://localhost:port"),
        ("REDIS_URL", "redis://localhost:65536"),
        ("HOST", "not a host"),
        ("HOST", "256.0.0.1"),
        ("HOST", "http://localhost"),
        ("BASE_URL", "http://agent.example:port"),
        ("RATE_LIMIT_SIGNUP", "0/minute"),
        ("RATE_LIMIT_SIGNUP", "5/minute;0/hour"),
        ("RATE_LIMIT_CHAT", "often"),
        ("RATE_LIMIT_LOGIN", "30/fortnight"),
        ("RATE_LIMITS", "maybe"),
        ("AGENT", "claude"),
        ("AGENT", "gpt"),
        ("PAYMENTS", "stripe"),
        ("BASE_URL", "agent.example"),
        ("ANTHROPIC_BASE_URL", "ftp://x"),
        ("CHARGE_LEASE_SECONDS", "0"),
        ("DB_POOL_SIZE", "-1"),
        ("ADMIN_EMAILS", "alice"),
        *(("TOOLS_ALLOW_PRIVATE", value) for value in BAD_PLACES),
        ("TOOLS_DNS_SERVERS", "dns.example"),
        ("TOOLS_DNS_SERVERS", "9.9.9.9:0"),
        ("TOOLS_DNS_SERVERS", "9.9.9.9,[::1"),
        ("CREDENTIALS_KEY", "short"),
        ("CREDENTIALS_KEY", f"{KEY},short"),
        ("CREDENTIALS_KEY", ","),
    ],
)
def test_a_bad_value_stops_the_start_with_one_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        _load()
    assert "\n" not in str(refused.value)
    assert name in str(refused.value)


def test_a_secret_is_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_ENV", "production")
    monkeypatch.setenv("SECRET_KEY", "short-secret")
    monkeypatch.setenv("DATABASE_URL", "mysql://user:hunter22@host/name")
    with pytest.raises(ConfigError) as refused:
        _load()
    monkeypatch.setenv("REDIS_URL", "redis://:hunter22/5@host")
    monkeypatch.setenv("CREDENTIALS_KEY", "hunter22")
    with pytest.raises(ConfigError) as refused_too:
        _load(app_env="development", database_url="postgresql://host:hunter22/name")
    assert "hunter22" not in str(refused_too.value)
    assert "short-secret" not in str(refused.value) and "hunter22" not in str(refused.value)


def test_a_secret_is_never_shown_with_the_others(tmp_path: Path) -> None:
    given = {"database_url": "postgresql://user:hunter22@host/name", "redis_url": "redis://:hunter22@host"}
    shown = repr(make_settings(tmp_path, secret_key="hunter22", stripe_secret_key="hunter22", **given))
    assert "hunter22" not in shown


def test_production_is_strict() -> None:
    with pytest.raises(ConfigError, match="SECRET_KEY"):
        _load(app_env="production", payments="simulated")
    with pytest.raises(ConfigError, match="SECRET_KEY"):
        _load(app_env="production", payments="simulated", secret_key="too short")
    with pytest.raises(ConfigError, match="simulated"):
        _load(app_env="production", secret_key=KEY)
    settings = _load(app_env="production", secret_key=KEY, payments="simulated")
    assert settings.agent_mode == "none"
    assert _load(app_env="production", secret_key=KEY, payments="simulated", agent="offline").agent_mode == "offline"
    assert _load(app_env="production", secret_key=KEY, stripe_secret_key="sk_live_x").payment_mode == "stripe"


def test_credentials_have_keys_of_their_own(tmp_path: Path) -> None:
    other = KEY[::-1]
    assert _load(credentials_key=f" {KEY} ,{other},").credential_keys() == [KEY, other]
    production = {"app_env": "production", "secret_key": KEY, "payments": "simulated"}
    assert _load(**production).credential_keys() == []
    assert _load(**production, credentials_key=KEY).credential_keys() == [KEY]
    [made] = _load(instance_path=tmp_path).credential_keys()
    assert _load(instance_path=tmp_path).credential_keys() == [made]
    assert len(made) >= 32 and made != _load(instance_path=tmp_path).signing_key()
    assert _load(secret_key=KEY).credential_keys() != _load(secret_key=other).credential_keys()


def test_the_key_of_development_is_made_once_and_private(tmp_path: Path) -> None:
    settings = _load(instance_path=tmp_path / "instance")
    key = settings.signing_key()
    assert len(key) >= 32
    assert _load(instance_path=tmp_path / "instance").signing_key() == key
    path = tmp_path / "instance" / "secret_key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path / "instance") == ["secret_key"]


def test_a_relative_file_is_the_same_one_for_every_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _load(database_url="sqlite:///data/app.db").database == f"sqlite:///{tmp_path}/data/app.db"
    assert _load(database_url="sqlite:////srv/app.db").database == "sqlite:////srv/app.db"
