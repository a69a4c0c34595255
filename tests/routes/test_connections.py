"""Add, list and delete connections over HTTP, and see them on the settings page."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from flask import Flask
from sqlalchemy import func, select

from agent.tools.kubernetes.resources import ALL, SECRETS
from config import ROOT
from models import AllowedTool, Connection
from routes import limits
from services import allowed_tools
from services.house import House
from services.transaction import utcnow
from tests.fakes.github import TOKEN, FakeGitHub
from tests.support.actors import PASSWORD, Actor
from tests.support.connections import KEY, everything_stored

PRODUCTION = {"app_env": "production", "secret_key": KEY, "payments": "simulated"}


@pytest.fixture
def overrides() -> dict[str, Any]:
    """Let connections reach this machine."""
    return {"tools_allow_private": "127.0.0.1"}


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """Return a GitHub on loopback."""
    with FakeGitHub() as server:
        yield server


def _body(github: FakeGitHub, **more: Any) -> dict[str, Any]:
    return {"kind": "github", "name": "code", "settings": {"token": TOKEN, "api_url": github.url}, **more}


def _count(house: House, table: type) -> int:
    with house.db.read() as tx:
        return tx.scalar(select(func.count()).select_from(table)) or 0


def test_a_connection_lives_from_its_test_to_its_deletion(alice: Actor, house: House, github: FakeGitHub) -> None:
    answer = alice.post("/api/connections", json=_body(github))
    assert answer.status_code == 201
    added = answer.get_json()["connection"]
    assert set(added) == {"id", "kind", "name", "settings", "found", "created_at", "last_used_at"}
    assert (added["settings"]["token"], added["found"]["login"]) == (f"****{TOKEN[-4:]}", "octocat")
    assert alice.get("/api/connections").get_json() == {"connections": [added]}
    gone = alice.delete(f"/api/connections/{added['id']}")
    assert (gone.status_code, gone.data) == (204, b"")
    assert alice.delete(f"/api/connections/{added['id']}").status_code == 404
    assert alice.get("/api/connections").get_json() == {"connections": []}


def test_a_secret_goes_nowhere_but_into_the_vault(
    alice: Actor, house: House, github: FakeGitHub, capfd: pytest.CaptureFixture[str]
) -> None:
    assert alice.post("/api/connections", json=_body(github)).status_code == 201
    wrong = {"token": f"{TOKEN}-of-another", "api_url": github.url}
    assert alice.post("/api/connections", json=_body(github, name="b", settings=wrong)).status_code == 400
    shown = [alice.get(path).get_data(as_text=True) for path in ("/api/connections", "/settings")]
    seen = {"api": shown[0], "page": shown[1], "logs": "".join(capfd.readouterr()), "rows": everything_stored(house.db)}
    assert [name for name, text in seen.items() if TOKEN in text] == []
    assert all("octocat" in seen[name] for name in ("api", "page", "rows"))


def test_another_users_connection_is_404(alice: Actor, bob: Actor, house: House, github: FakeGitHub) -> None:
    added = alice.post("/api/connections", json=_body(github)).get_json()["connection"]
    answer = bob.delete(f"/api/connections/{added['id']}")
    assert (answer.status_code, answer.get_json()["error"]) == (404, "connection_not_found")
    assert bob.get("/api/connections").get_json() == {"connections": []}
    assert _count(house, Connection) == 1


def test_what_the_test_found_is_said(alice: Actor, house: House, github: FakeGitHub) -> None:
    answer = alice.post(
        "/api/connections", json=_body(github, settings={"token": "wrong-token-0", "api_url": github.url})
    )
    assert answer.status_code == 400
    said = "GitHub says that the token is wrong, expired or revoked."
    assert answer.get_json() == {"error": "connection_failed", "message": said}
    assert _count(house, Connection) == 0


@pytest.mark.one_database
def test_nothing_private_is_reached(alice: Actor, github: FakeGitHub) -> None:
    settings = {"url": "http://169.254.169.254/latest"}
    answer = alice.post("/api/connections", json={"kind": "prometheus", "name": "x", "settings": settings})
    assert (answer.status_code, answer.get_json()["error"]) == (400, "connection_failed")


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("body", "error", "fields"),
    [
        ("{", "invalid_json", None),
        ([], "invalid_json", None),
        ({}, "invalid_input", ["kind"]),
        ({"kind": 1}, "invalid_input", ["kind"]),
        ({"kind": "github", "name": True, "settings": {}}, "invalid_input", ["name"]),
        ({"kind": "github", "name": "a\0", "settings": {}}, "invalid_input", ["name"]),
        ({"kind": "github", "name": "a"}, "invalid_input", ["settings"]),
        ({"kind": "github", "name": "a", "settings": "x"}, "invalid_input", ["settings"]),
        ({"kind": "github", "name": "a", "settings": {"token": ["x"]}}, "invalid_input", ["token"]),
        ({"kind": "ftp", "name": "a", "settings": {}}, "invalid_input", ["kind"]),
        ({"kind": "loki", "name": "a", "settings": {"url": "x"}}, "invalid_input", ["url"]),
        ({"kind": "kubernetes", "name": "a", "settings": {}}, "invalid_input", ["kubeconfig"]),
        ({"kind": "kubernetes", "name": "a", "settings": {"kubeconfig": "{"}}, "invalid_input", ["kubeconfig"]),
    ],
)
def test_wrong_input_changes_nothing(alice: Actor, house: House, body: Any, error: str, fields: Any) -> None:
    raw = body if isinstance(body, str) else json.dumps(body)
    answer = alice.post("/api/connections", data=raw, content_type="application/json")
    told = answer.get_json()
    assert (answer.status_code, told["error"]) == (400, error)
    assert list(told.get("fields", {})) == (fields or [])
    assert _count(house, Connection) == 0


@pytest.mark.one_database
def test_strangers_forms_and_other_sites_are_kept_out(alice: Actor, client: Any, github: FakeGitHub) -> None:
    assert client.post("/api/connections", json=_body(github)).status_code == 401
    assert client.get("/api/connections").status_code == client.delete("/api/connections/x").status_code == 401
    assert alice.post("/api/connections", data={"kind": "github"}).status_code == 415
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert alice.post("/api/connections", json=_body(github), headers=foreign).status_code == 403
    assert github.asked == []


@pytest.mark.one_database
@pytest.mark.parametrize("overrides", [{"tools_allow_private": "127.0.0.1", "rate_limits": "on"}])
def test_trying_connections_is_limited_per_person(
    alice: Actor, bob: Actor, github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_CONNECTION_TESTS", "2/minute")
    tried = [alice.post("/api/connections", json=_body(github, name=f"n{n}")).status_code for n in range(3)]
    assert tried == [201, 201, 429]
    assert bob.post("/api/connections", json=_body(github)).status_code == 201


@pytest.mark.one_database
@pytest.mark.parametrize("overrides", [PRODUCTION, {**PRODUCTION, "credentials_key": KEY}], ids=["off", "on"])
def test_production_offers_connections_once_it_has_a_key(app: Flask, github: FakeGitHub, overrides: Any) -> None:
    alice = Actor(app, "alice@example.com")
    at_home = {"base_url": "https://localhost"}
    alice.client.post("/signup", json={"email": alice.email, "password": PASSWORD}, **at_home)
    answer = alice.client.post("/api/connections", json=_body(github), **at_home)
    page = alice.client.get("/settings", **at_home).get_data(as_text=True)
    has_key = "credentials_key" in overrides
    # With a key it is the guard of the way out that refuses, since nothing private is allowed here.
    assert answer.status_code == (400 if has_key else 503)
    assert answer.get_json()["error"] == ("connection_failed" if has_key else "connections_not_configured")
    assert ("Connections are switched off on this site" in page) == (not has_key)
    assert ("Add a connection" in page) == has_key


LATEST_RUNS = 'href="/chat?message=show+the+latest+workflow+runs+of+owner%2Frepo">Ask: show the latest'


# --- The settings page ----------------------------------------------------------------------------------------------


def test_the_page_shows_connections_and_what_may_run_without_asking(
    alice: Actor, bob: Actor, house: House, github: FakeGitHub
) -> None:
    alice.post("/api/connections", json=_body(github, name="<b>code</b>"))
    with house.db.write() as tx:
        allowed_tools.allow(tx, alice.id, "cidr_calc", 3, now=utcnow())
    page = alice.get("/settings").get_data(as_text=True)
    for words in (
        "&lt;b&gt;code&lt;/b&gt;",
        f"****{TOKEN[-4:]}",
        "octocat",
        "not used yet",
        "For at most 3 credits",
        LATEST_RUNS,
    ):
        assert words in page
    theirs = bob.get("/settings").get_data(as_text=True)
    assert "Nothing is connected" in theirs and "Tools that may run without asking" not in theirs
    [listed] = alice.get("/api/allowed-tools").get_json()["tools"]
    assert (listed["name"], listed["credits"], bob.get("/api/allowed-tools").get_json()) == (
        "cidr_calc",
        3,
        {"tools": []},
    )
    assert bob.delete("/api/allowed-tools/cidr_calc").status_code == 404
    assert alice.delete("/api/allowed-tools/cidr_calc").status_code == 204
    assert "Tools that may run without asking" not in alice.get("/settings").get_data(as_text=True)


def test_deleting_the_account_deletes_its_connections(
    alice: Actor, bob: Actor, house: House, github: FakeGitHub
) -> None:
    for person in (alice, bob):
        assert person.post("/api/connections", json=_body(github)).status_code == 201
        with house.db.write() as tx:
            allowed_tools.allow(tx, person.id, "cidr_calc", 3, now=utcnow())
    assert alice.submit("/settings/delete", {"password": PASSWORD}, page="/settings").status_code == 303
    assert (_count(house, Connection), _count(house, AllowedTool)) == (1, 1)
    assert len(bob.get("/api/connections").get_json()["connections"]) == 1


def test_the_manifests_that_are_offered_allow_what_the_tools_read_and_no_more() -> None:
    folder = ROOT / "templates" / "settings" / "manifests"
    reading = [one for one in yaml.safe_load_all((folder / "reading.yaml").read_text()) if one["kind"] == "ClusterRole"]
    writing = [one for one in yaml.safe_load_all((folder / "writing.yaml").read_text()) if one["kind"] == "ClusterRole"]
    readable = {(rule["apiGroups"][0], word) for rule in reading[0]["rules"] for word in rule["resources"]}
    assert readable == {(one.group, one.plural) for one in ALL if one is not SECRETS} | {("", "pods/log")}
    assert {verb for rule in reading[0]["rules"] for verb in rule["verbs"]} == {"get", "list"}
    writable = {(rule["apiGroups"][0], word) for rule in writing[0]["rules"] for word in rule["resources"]}
    assert writable == {("apps", "deployments"), ("apps", "deployments/scale")}
