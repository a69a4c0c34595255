"""Try, store and open users' connections; nobody ever gets another one's."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from agent.kinds import KINDS
from agent.registry import default_tools
from agent.types import ToolError
from clients.offline.understand import understand
from errors import AppError, InvalidInput, NotFound
from models import User
from services import allowed_tools, connections
from services.transaction import Database, utcnow
from services.vault import Vault
from tests.fakes.github import TOKEN, FakeGitHub
from tests.fakes.scripted_web import Reply
from tests.support.connections import KEY, OUT, connect_github, everything_stored, rows_of
from tests.support.wallets import new_user

VAULT = Vault([KEY])
# A certificate without its key.
HALF_A_KUBECONFIG = """
clusters: [{name: c, cluster: {server: "https://k.example"}}]
users: [{name: u, user: {client-certificate-data: eA==}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
"""
NOW = utcnow()


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """Return a GitHub on loopback."""
    with FakeGitHub() as server:
        yield server


@pytest.fixture
def alice(database: Database) -> int:
    """Make a user."""
    return new_user(database)


@pytest.fixture
def bob(database: Database) -> int:
    """Make another user."""
    return new_user(database)


def _refused(database: Database, user_id: int, **given: Any) -> AppError:
    values: dict[str, Any] = {"kind": "github", "name": "code", "settings": {"token": TOKEN}, **given}
    with pytest.raises(AppError) as refused:
        connections.add(database, VAULT, OUT, user_id, **values, now=NOW)
    return refused.value


# --- Adding ---------------------------------------------------------------------------------------------------------


def test_a_connection_is_tried_and_stored(database: Database, alice: int, github: FakeGitHub) -> None:
    github.scopes = "repo"
    added = connect_github(database, VAULT, alice, github.url, TOKEN)
    assert github.paths == ["/user"]
    assert connections.list_view(database, alice) == [added]
    assert (added["kind"], added["name"], added["last_used_at"]) == ("github", "code", None)
    assert added["settings"] == {"token": f"****{TOKEN[-4:]}", "api_url": github.url}
    assert added["found"] == {"login": "octocat", "scopes": "repo"}


def test_no_secret_is_stored_in_the_clear(
    database: Database, alice: int, github: FakeGitHub, capfd: pytest.CaptureFixture[str]
) -> None:
    # A hostile server sends back what it was told.
    github.override = lambda asked: Reply(200, {"login": f"you said {asked.headers['authorization']}"})
    added = connect_github(database, VAULT, alice, github.url, TOKEN)
    stored = everything_stored(database)
    # Said without the texts, which are long and not for a terminal.
    seen = [name for name, text in (("database", stored), ("answer", str(added))) if TOKEN in text]
    assert (added["id"] in stored, seen) == (True, [])
    assert TOKEN not in "".join(capfd.readouterr())
    assert connections.open_for(database, VAULT, alice, "github", None, now=NOW).settings["token"] == TOKEN


def test_a_connection_that_does_not_work_is_not_stored(database: Database, alice: int, github: FakeGitHub) -> None:
    refused = _refused(database, alice, settings={"token": "wrong-token-0123", "api_url": github.url})
    assert (refused.status, refused.code) == (400, "connection_failed")
    assert "wrong, expired or revoked" in refused.message and "wrong-token-0123" not in refused.message
    assert rows_of(database) == []


def test_nobody_waits_for_the_database_while_a_connection_is_tried(
    database: Database, alice: int, bob: int, github: FakeGitHub
) -> None:
    github.hold()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(connect_github, database, VAULT, alice, github.url, TOKEN)
        while not github.asked:
            assert not slow.done()
        with database.write() as tx:
            tx.execute(update(User).where(User.id == alice).values(username="written meanwhile"))
        github.let_go.set()
        assert slow.result()["found"]["login"] == "octocat"


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"kind": "ftp"}, {"kind"}),
        ({"name": " "}, {"name"}),
        ({"name": "a" * 81}, {"name"}),
        ({"name": "a\nb"}, {"name"}),
        ({"name": "\ud800"}, {"name"}),
        ({"name": f"my {TOKEN}", "settings": {"token": TOKEN}}, {"name"}),
        ({"settings": {}}, {"token"}),
        ({"kind": "kubernetes", "settings": {}}, {"kubeconfig"}),
        ({"name": "", "settings": {"token": ""}}, {"name", "token"}),
        ({"settings": {"token": "short"}}, {"token"}),
        ({"settings": {"token": 5}}, {"token"}),
        ({"settings": {"token": f"{TOKEN}\0"}}, {"token"}),
        ({"settings": {"token": TOKEN, "api_url": "ftp://x"}}, {"api_url"}),
        ({"settings": {"token": TOKEN, "nonsense": "x"}}, {"settings"}),
        ({"kind": "aws", "settings": {"region": "eu-west-1"}}, {"access_key_id", "secret_access_key"}),
        ({"kind": "kubernetes", "settings": {"kubeconfig": HALF_A_KUBECONFIG}}, {"kubeconfig"}),
    ],
)
@pytest.mark.one_database
def test_wrong_input_is_named_field_by_field(
    database: Database, alice: int, given: dict[str, Any], fields: set[str]
) -> None:
    refused = _refused(database, alice, **given)
    assert isinstance(refused, InvalidInput)
    assert set(refused.details["fields"]) == fields
    assert TOKEN not in str(refused.to_json())


def test_a_name_is_taken_once_per_kind_and_user(database: Database, alice: int, bob: int, github: FakeGitHub) -> None:
    connect_github(database, VAULT, alice, github.url, TOKEN, name=" code ")
    connect_github(database, VAULT, bob, github.url, TOKEN)
    refused = _refused(database, alice)
    assert (refused.status, refused.code) == (409, "connection_exists")
    assert refused.details["fields"] == {"name": "You already have a GitHub connection called “code”."}
    assert len(github.asked) == 2


def test_of_many_who_add_the_same_name_at_once_one_succeeds(database: Database, alice: int, github: FakeGitHub) -> None:
    def add(_number: int) -> str:
        try:
            return str(connect_github(database, VAULT, alice, github.url, TOKEN)["id"])
        except AppError as error:
            return error.code

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(add, range(6)))
    assert done.count("connection_exists") == 5
    assert [row.id for row in rows_of(database)] == [one for one in done if one != "connection_exists"]


def test_there_is_a_limit_also_for_those_who_add_at_once(
    database: Database, alice: int, bob: int, github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CONNECTIONS_MAX", 3)

    def add(number: int) -> str:
        try:
            return str(connect_github(database, VAULT, alice, github.url, TOKEN, name=f"n{number}")["name"])
        except AppError as error:
            return f"{error.status} {error.code}"

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(add, range(6)))
    assert done.count("409 too_many_connections") == 3
    assert len(rows_of(database)) == 3
    connect_github(database, VAULT, bob, github.url, TOKEN)


def test_an_account_that_goes_meanwhile_gets_nothing(database: Database, alice: int, github: FakeGitHub) -> None:
    with database.write() as tx:
        tx.execute(update(User).where(User.id == alice).values(deleted_at=NOW))
    with pytest.raises(NotFound):
        connect_github(database, VAULT, alice, github.url, TOKEN)
    assert rows_of(database) == []


def test_a_site_without_a_key_takes_none(database: Database, alice: int) -> None:
    with pytest.raises(AppError) as refused:
        connections.add(database, Vault([]), OUT, alice, "github", "code", {"token": TOKEN}, now=NOW)
    assert (refused.value.status, refused.value.code) == (503, "connections_not_configured")


# --- What to do with it ---------------------------------------------------------------------------------------------


def test_each_connection_has_something_to_ask_that_names_it_where_it_must(
    database: Database, alice: int, github: FakeGitHub
) -> None:
    def asked() -> list[str]:
        return [one["message"] for one in connections.page_view(database, alice)]

    connect_github(database, VAULT, alice, github.url, TOKEN, name="code")
    assert asked() == ["show the latest workflow runs of owner/repo"]
    connect_github(database, VAULT, alice, github.url, TOKEN, name="my work")
    assert asked()[1] == 'show the latest workflow runs of owner/repo on connection "my work"'


@pytest.mark.parametrize("kind", list(KINDS))
def test_what_to_ask_of_a_connection_is_understood(kind: str) -> None:
    tools = [{"name": tool.name} for tool in default_tools()]
    [step] = understand(f'{connections.FIRST_QUESTIONS[kind]} on connection "my work"', tools)
    assert step.input["connection"] == "my work"
    assert next(tool for tool in default_tools() if tool.name == step.tool).needs_connection == kind


# --- Opening --------------------------------------------------------------------------------------------------------


def test_a_tool_gets_the_only_connection_or_the_one_that_it_names(
    database: Database, alice: int, github: FakeGitHub
) -> None:
    def opened(name: str | None) -> str:
        return connections.open_for(database, VAULT, alice, "github", name, now=NOW).name

    with pytest.raises(ToolError, match="Connect a GitHub account on the settings page first."):
        opened(None)
    connect_github(database, VAULT, alice, github.url, TOKEN, name="Work")
    assert opened(None) == opened("Work") == opened(" work ") == "Work"
    connect_github(database, VAULT, alice, github.url, TOKEN, name="home")
    assert opened("home") == "home"
    for wrong in (None, "", "prod"):
        with pytest.raises(ToolError, match="Say which") as caught:
            opened(wrong)
        assert '"Work"' in str(caught.value) and '"home"' in str(caught.value)


def test_only_the_owner_opens_lists_or_removes(database: Database, alice: int, bob: int, github: FakeGitHub) -> None:
    mine = connect_github(database, VAULT, alice, github.url, TOKEN)["id"]
    assert connections.list_view(database, bob) == []
    for name in (None, "code", mine):
        with pytest.raises(ToolError, match="Connect a GitHub account"):
            connections.open_for(database, VAULT, bob, "github", name, now=NOW)
    with pytest.raises(ToolError, match="deleted"):
        connections.open_by_id(database, VAULT, bob, mine, now=NOW)
    with pytest.raises(NotFound):
        connections.remove(database, bob, mine)
    assert connections.open_by_id(database, VAULT, alice, mine, now=NOW).id == mine
    connections.remove(database, alice, mine)
    assert rows_of(database) == []


def test_users_with_the_same_names_never_cross(database: Database, alice: int, bob: int) -> None:
    tokens = {alice: "token-of-alice-0123456789", bob: "token-of-bob-0123456789ab"}
    with FakeGitHub(tokens[alice]) as hers, FakeGitHub(tokens[bob]) as his:
        for user_id, server in ((alice, hers), (bob, his)):
            connect_github(database, VAULT, user_id, server.url, tokens[user_id], name="prod")

    def opened(number: int) -> bool:
        user_id = (alice, bob)[number % 2]
        now = NOW + timedelta(minutes=number)
        found = connections.open_for(database, VAULT, user_id, "github", "prod", now=now)
        return found.settings["token"] == tokens[user_id]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(opened, range(60)))


def test_the_last_use_is_noted_at_most_once_a_minute(database: Database, alice: int, github: FakeGitHub) -> None:
    connect_github(database, VAULT, alice, github.url, TOKEN)
    seen = []
    for seconds in (0, 59, 60):
        now = NOW.replace(microsecond=0) + timedelta(seconds=seconds)
        connections.open_for(database, VAULT, alice, "github", None, now=now)
        seen.append((now, rows_of(database)[0].last_used_at))
    assert [used == now for now, used in seen] == [True, False, True]


@pytest.mark.one_database
def test_the_values_to_take_out_of_answers_are_known(database: Database, alice: int, github: FakeGitHub) -> None:
    connect_github(database, VAULT, alice, github.url, TOKEN)
    opened = connections.open_for(database, VAULT, alice, "github", None, now=NOW)
    assert connections.secrets_of(opened) == [TOKEN]
    assert TOKEN not in repr(opened)


@pytest.mark.one_database
def test_the_values_of_all_connections_are_known_but_for_those_that_cannot_be_read(
    database: Database, alice: int, bob: int, github: FakeGitHub
) -> None:
    connect_github(database, VAULT, alice, github.url, TOKEN)
    connect_github(database, Vault(["a key that is gone, and 32 long ..."]), alice, github.url, TOKEN, name="lost")
    assert connections.all_secrets(database, VAULT, alice) == [TOKEN]
    assert connections.all_secrets(database, VAULT, bob) == []


# --- Tools that run without asking ----------------------------------------------------------------------------------


def test_allowed_tools_are_remembered_per_user_at_the_latest_price(database: Database, alice: int, bob: int) -> None:
    for price in (3, 4):
        with database.write() as tx:
            allowed_tools.allow(tx, alice, "promql_query", price, now=NOW)
    with database.read() as tx:
        assert allowed_tools.names(tx, alice) == {"promql_query": 4}
        assert allowed_tools.names(tx, bob) == {}
    [listed] = allowed_tools.list_view(database, alice)
    assert (listed["name"], listed["credits"]) == ("promql_query", 4)
    assert not allowed_tools.forget(database, bob, "promql_query")
    assert allowed_tools.forget(database, alice, "promql_query")
    assert allowed_tools.list_view(database, alice) == []
