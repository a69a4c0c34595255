"""Make, open, change and delete accounts."""

from datetime import UTC, datetime, timedelta
from time import perf_counter

import pytest
from sqlalchemy import func, select, update

from errors import AppError, Conflict, InvalidInput
from models import LoginSession, User, UserSubscription
from services import accounts, passwords
from services.accounts import Entry
from services.sessions import Browser
from services.transaction import Database
from tests.support.wallets import SIMULATED

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BROWSER = Browser(timedelta(days=30))
KEY = accounts.address_secret("some signing key")
PASSWORD = "correct horse battery"


def _sign_up(db: Database, email: str = "alice@example.com", now: datetime = NOW) -> Entry:
    return accounts.sign_up(
        db, email=email, password=PASSWORD, username=None, browser=BROWSER, address_key=KEY, now=now
    )


def _log_in(db: Database, email: str = "alice@example.com", password: str = PASSWORD) -> Entry:
    return accounts.log_in(db, email=email, password=password, browser=BROWSER, simulated=True, now=NOW)


@pytest.mark.parametrize(
    ("email", "key"),
    [
        ("alice@example.com", "alice@example.com"),
        ("ALICE@Example.COM", "alice@example.com"),
        ("alice+tag@example.com", "alice@example.com"),
        ("alice+a+b@example.com", "alice@example.com"),
        (" alice@example.com ", "alice@example.com"),
        ("al.ice@example.com", "al.ice@example.com"),
        ("+alice@example.com", "+alice@example.com"),
        ("u\u0308ber@example.com", "\u00fcber@example.com"),
        ("alice@M\u00dcNCHEN.de", "alice@m\u00fcnchen.de"),
        ("alice@xn--mnchen-3ya.de", "alice@m\u00fcnchen.de"),
        ("alice@m\u00fcnchen\uff0ede", "alice@m\u00fcnchen.de"),
        ("ａｌｉｃｅ＋tag@example.com", "alice@example.com"),
        ("alice@ｅｘａｍｐｌｅ.com", "alice@example.com"),
        ("root@LOCALHOST", "root@localhost"),
        ("root+tag@printer.local", "root@printer.local"),
        ("Not an address", "not an address"),
        ("a" * 400 + "@example.com", ""),
    ],
)
def test_an_address_has_one_spelling_that_counts(email: str, key: str) -> None:
    assert accounts.email_key(email) == key


@pytest.mark.one_database
@pytest.mark.parametrize("email", ["a@printer.local", "a@localhost", "a@example.invalid", "a@example.test"])
def test_an_address_of_ones_own_network_is_fine(database: Database, email: str) -> None:
    assert _sign_up(database, email).account.email == email
    assert _log_in(database, email).account.email == email


@pytest.mark.parametrize("mark", ["\u0316\u0301", "\ufdfa", "a.", " "])
def test_a_hostile_address_is_looked_at_quickly(mark: str) -> None:
    began = perf_counter()
    for whole in (f"{mark * 500_000}@example.com", f"alice@{mark * 500_000}", f"{mark * 100}@{mark * 50}"):
        accounts.email_key(whole)
    assert perf_counter() - began < 1


def test_full_width_letters_are_the_same_person(database: Database) -> None:
    _sign_up(database)
    with pytest.raises(Conflict):
        _sign_up(database, "ａlice@example.com")


def test_user_wallet_and_session_are_made_together(database: Database) -> None:
    with database.write() as tx:
        tx.execute(update(UserSubscription).values(credits_remaining=0))
        # Without the Free tier no wallet can be made.
        tx.connection().exec_driver_sql("UPDATE subscription_tiers SET name = 'gone' WHERE name = 'free'")
    with pytest.raises(Exception, match="Free tier"):
        _sign_up(database)
    with database.read() as tx:
        assert tx.scalar(select(func.count()).select_from(User)) == 0
        assert tx.scalar(select(func.count()).select_from(LoginSession)) == 0


def test_an_address_is_taken_once(database: Database) -> None:
    _sign_up(database)
    with pytest.raises(Conflict):
        _sign_up(database, "Alice+2@example.com")


def test_a_log_in_fails_when_the_password_changes_meanwhile(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = _sign_up(database)
    real = passwords.verify

    def slow(stored: str | None, password: str) -> bool:
        fits = real(stored, password)
        with database.write() as tx:
            tx.execute(update(User).where(User.id == entry.account.id).values(password_hash="changed"))
        return fits

    monkeypatch.setattr(passwords, "verify", slow)
    with pytest.raises(AppError) as refused:
        _log_in(database)
    assert refused.value.status == 401


def test_an_unknown_address_takes_as_long_as_a_wrong_password(database: Database) -> None:
    _sign_up(database)

    def seconds(email: str) -> float:
        fastest = 9.0
        for _ in range(7):
            began = perf_counter()
            with pytest.raises(AppError):
                _log_in(database, email, "wrong password")
            fastest = min(fastest, perf_counter() - began)
        return fastest

    known, unknown = seconds("alice@example.com"), seconds("nobody@example.com")
    assert unknown > known / 2


def test_former_addresses_need_the_key_to_be_recognised() -> None:
    other = accounts.address_secret("another signing key")
    assert accounts.address_hash("alice@example.com", KEY) != accounts.address_hash("alice@example.com", other)
    assert accounts.address_hash("alice@example.com", KEY) != accounts.address_hash("bob@example.com", KEY)
    assert KEY != b"some signing key"


def test_deleting_twice_is_refused(database: Database) -> None:
    entry = _sign_up(database)
    accounts.delete_account(database, SIMULATED, entry.account.id, PASSWORD, address_key=KEY, now=NOW)
    with pytest.raises(InvalidInput):
        accounts.delete_account(database, SIMULATED, entry.account.id, PASSWORD, address_key=KEY, now=NOW)


def test_a_deleted_account_comes_back_with_its_old_anchor_and_nothing_to_spend(database: Database) -> None:
    first = _sign_up(database)
    later = NOW + timedelta(days=10)
    accounts.delete_account(database, SIMULATED, first.account.id, PASSWORD, address_key=KEY, now=later)
    second = _sign_up(database, "ALICE+new@example.com", now=later)
    assert second.credits_remaining == 0
    with database.read() as tx:
        wallet = tx.scalars(select(UserSubscription).where(UserSubscription.user_id == second.account.id)).one()
    assert (wallet.billing_anchor, wallet.period_granted) == (NOW, 20)
    assert wallet.current_period_end == datetime(2026, 12, 22, 12, 0, tzinfo=UTC)


def test_an_account_deleted_after_months_of_absence_is_remembered_with_its_present_period(database: Database) -> None:
    first = _sign_up(database)
    later = NOW + timedelta(days=100)
    accounts.delete_account(database, SIMULATED, first.account.id, PASSWORD, address_key=KEY, now=later)
    second = _sign_up(database, now=later + timedelta(days=1))
    assert second.credits_remaining == 0
    with database.read() as tx:
        wallet = tx.scalars(select(UserSubscription).where(UserSubscription.user_id == second.account.id)).one()
    assert (wallet.billing_anchor, wallet.current_period_end) == (NOW, datetime(2027, 3, 22, 12, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    "stored", ["", "plain", "$argon2id$broken", "scrypt:1:2", "md5$salt$hash", "pbkdf2:sha256:x$a$b"]
)
def test_a_broken_hash_fits_no_password(stored: str) -> None:
    assert not passwords.verify(stored, "plain")
    assert not passwords.verify(stored, "")


def test_only_old_hashes_are_outdated() -> None:
    assert not passwords.is_outdated(passwords.hash_password(PASSWORD))
    assert passwords.is_outdated("scrypt:32768:8:1$abc$def")
    assert passwords.is_outdated("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA")


def test_an_account_is_made_without_a_session(database: Database) -> None:
    account, credits_remaining = accounts.create(
        database, email="root@localhost", password=PASSWORD, address_key=KEY, now=NOW
    )
    assert (account.email, credits_remaining) == ("root@localhost", 20)
    assert accounts.promote(database, "ROOT+x@localhost", NOW)
    assert not accounts.promote(database, "nobody@localhost", NOW)
    with database.read() as tx:
        assert tx.scalar(select(func.count()).select_from(LoginSession)) == 0
        user = tx.scalars(select(User)).one()
    assert (user.is_admin, user.email_verified_at) == (True, NOW)
