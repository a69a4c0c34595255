"""Keep credentials so that only the right connection of the right user gets them back."""

from collections.abc import Iterator, Mapping

import pytest
from sqlalchemy import update

from agent.types import ToolError
from models import Connection
from services import connections, vault
from services.transaction import Database, utcnow
from services.vault import NotConfigured, Owner, Rotation, Unreadable, Vault
from tests.fakes.github import TOKEN, FakeGitHub
from tests.support.connections import KEY, OTHER_KEY, connect_github, rows_of
from tests.support.wallets import new_user

OWNER = Owner(1, "3f6f0b0e-0000-4000-8000-000000000001", "github")
SETTINGS = {"token": "secret-ü-\N{SNOWMAN}"}


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """Return a GitHub on loopback."""
    with FakeGitHub() as server:
        yield server


def test_what_goes_in_comes_out_and_looks_different_each_time() -> None:
    kept = Vault([KEY])
    one, two = (kept.encrypt(OWNER, SETTINGS) for _ in range(2))
    assert one != two and "secret" not in one
    assert kept.decrypt(OWNER, one) == kept.decrypt(OWNER, two) == SETTINGS


@pytest.mark.parametrize(
    "other",
    [Owner(2, OWNER.connection_id, "github"), Owner(1, OWNER.connection_id[::-1], "github"), Owner(1, "x", "aws")],
)
def test_it_opens_for_no_other_user_connection_or_kind(other: Owner) -> None:
    kept = Vault([KEY])
    with pytest.raises(Unreadable):
        kept.decrypt(other, kept.encrypt(OWNER, SETTINGS))


def test_it_opens_with_no_other_key_and_says_nothing_of_what_is_inside(capsys: pytest.CaptureFixture[str]) -> None:
    encrypted = Vault([KEY]).encrypt(OWNER, SETTINGS)
    with pytest.raises(Unreadable) as refused:
        Vault([OTHER_KEY]).decrypt(OWNER, encrypted)
    seen = "".join(capsys.readouterr()) + refused.value.message + repr(refused.value.__context__)
    assert "secret" not in seen and KEY not in seen
    assert (refused.value.status, refused.value.code) == (503, "connection_unreadable")


@pytest.mark.parametrize("damaged", ["", "x", "gAAAA", "\u00fc", "gAAAAABm" + "A" * 200])
def test_what_is_damaged_is_refused(damaged: str) -> None:
    with pytest.raises(Unreadable):
        Vault([KEY]).decrypt(OWNER, damaged)


def test_every_key_opens_and_the_first_one_closes() -> None:
    old, both, new = Vault([OTHER_KEY]), Vault([KEY, OTHER_KEY]), Vault([KEY])
    assert both.decrypt(OWNER, old.encrypt(OWNER, SETTINGS)) == SETTINGS
    assert new.decrypt(OWNER, both.encrypt(OWNER, SETTINGS)) == SETTINGS


def test_without_a_key_it_is_closed() -> None:
    closed = Vault([])
    assert not closed.is_open
    for deed in (lambda: closed.encrypt(OWNER, SETTINGS), lambda: closed.decrypt(OWNER, "x")):
        with pytest.raises(NotConfigured):
            deed()


# --- Rows -----------------------------------------------------------------------------------------------------------


def test_a_row_that_was_moved_to_another_user_is_refused(database: Database, github: FakeGitHub) -> None:
    alice, mallory = new_user(database), new_user(database)
    kept = Vault([KEY])
    stolen = connect_github(database, kept, alice, github.url, TOKEN)["id"]
    with database.write() as tx:
        tx.execute(update(Connection).where(Connection.id == stolen).values(user_id=mallory))
    with pytest.raises(ToolError, match="cannot be read") as refused:
        connections.open_for(database, kept, mallory, "github", None, now=utcnow())
    assert refused.value.ours


def test_settings_that_were_copied_into_another_row_are_refused(database: Database, github: FakeGitHub) -> None:
    alice = new_user(database)
    kept = Vault([KEY])
    connect_github(database, kept, alice, github.url, TOKEN, name="one")
    two = connect_github(database, kept, alice, github.url, TOKEN, name="two")["id"]
    [copied] = [row.settings_encrypted for row in rows_of(database) if row.id != two]
    with database.write() as tx:
        tx.execute(update(Connection).where(Connection.id == two).values(settings_encrypted=copied))
    with pytest.raises(ToolError, match="“two”"):
        connections.open_by_id(database, kept, alice, two, now=utcnow())


def test_rotating_encrypts_every_row_with_the_new_key(database: Database, github: FakeGitHub) -> None:
    users = [new_user(database) for _ in range(3)]
    for user_id in users:
        connect_github(database, Vault([OTHER_KEY]), user_id, github.url, TOKEN)
    both, new = Vault([KEY, OTHER_KEY]), Vault([KEY])
    assert vault.rotate(database, both) == Rotation(3, 0, 0)
    assert vault.rotate(database, both) == vault.rotate(database, new) == Rotation(0, 3, 0)
    for user_id in users:
        opened = connections.open_for(database, new, user_id, "github", None, now=utcnow())
        assert opened.settings["token"] == TOKEN


def test_rotating_leaves_a_row_alone_that_changes_meanwhile(database: Database, github: FakeGitHub) -> None:
    class Meanwhile(Vault):
        """Change every row right before it would be written."""

        def encrypt(self, owner: Owner, settings: Mapping[str, str]) -> str:
            with database.write() as tx:
                tx.execute(update(Connection).values(settings_encrypted="newer"))
            return super().encrypt(owner, settings)

    connect_github(database, Vault([OTHER_KEY]), new_user(database), github.url, TOKEN)
    assert vault.rotate(database, Meanwhile([KEY, OTHER_KEY])) == Rotation(0, 0, 0)
    assert rows_of(database)[0].settings_encrypted == "newer"


def test_rotating_leaves_what_it_cannot_read_and_says_how_much_that_is(database: Database, github: FakeGitHub) -> None:
    alice = new_user(database)
    connect_github(database, Vault(["a key that nobody has any more, alas"]), alice, github.url, TOKEN, name="lost")
    connect_github(database, Vault([OTHER_KEY]), alice, github.url, TOKEN, name="old")
    before = {row.name: row.settings_encrypted for row in rows_of(database)}
    assert vault.rotate(database, Vault([KEY, OTHER_KEY])) == Rotation(1, 0, 1)
    after = {row.name: row.settings_encrypted for row in rows_of(database)}
    assert after["lost"] == before["lost"] and after["old"] != before["old"]
    with pytest.raises(NotConfigured):
        vault.rotate(database, Vault([]))
