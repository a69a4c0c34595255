"""Read the settings once, and refuse bad ones in one clear line."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from config import ConfigError, Settings, load_settings
from tests.support.environment import make_settings

KEY = "0123456789abcdef0123456789abcdef"


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
