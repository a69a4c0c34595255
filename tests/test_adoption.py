"""Take over the database of an older sketch of the product, without losing a row."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from models import Base, User
from services import schema
from services.addresses import canonical
from services.passwords import hash_password, verify
from services.transaction import Database, connect

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def empty(database_url: str) -> Iterator[Database]:
    """Open a database without any tables."""
    db = connect(database_url, pool_size=3)
    schema.make_directory(db)
    yield db
    db.engine.dispose()


_OLD_USERS = """
    CREATE TABLE users (
        id INTEGER PRIMARY KEY, username VARCHAR(80) NOT NULL, email VARCHAR(120), password_hash VARCHAR(128),
        created_at VARCHAR(40), UNIQUE (username)
    )
"""
_OLD_PEOPLE = [
    (1, "alice", "Alice@Example.com", "pbkdf2:sha256:1$salt$abc", "2025-03-01 10:00:00"),
    (2, "alice2", "alice+work@example.com", "$2b$12$abcdef", None),
    (3, "alice3", "ALICE@example.com", None, "2025-05-01T10:00:00+02:00"),
    (4, "alice4", "alice@EXAMPLE.com", "", "soon"),
    (9, "nobody", None, None, "2025-01-01"),
]


def _make_old(db: Database, *statements: str) -> None:
    with db.write() as tx:
        for statement in statements:
            tx.execute(text(statement))


def _add_old_people(db: Database) -> None:
    with db.write() as tx:
        for row in _OLD_PEOPLE:
            values = dict(zip(("id", "username", "email", "password", "created"), row, strict=True))
            tx.execute(text("INSERT INTO users VALUES (:id, :username, :email, :password, :created)"), values)


def _users(db: Database) -> list[User]:
    with db.read() as tx:
        return tx.query(User).order_by(User.id).all()


def test_old_people_keep_their_rows(empty: Database) -> None:
    _make_old(empty, _OLD_USERS)
    _add_old_people(empty)
    schema.upgrade(empty)
    people = _users(empty)
    assert [user.id for user in people] == [1, 2, 3, 4, 9]
    assert [user.email for user in people] == [row[2] for row in _OLD_PEOPLE]
    assert [user.username for user in people] == [row[1] for row in _OLD_PEOPLE]
    assert [user.password_hash for user in people] == ["pbkdf2:sha256:1$salt$abc", "$2b$12$abcdef", None, None, None]
    assert people[0].created_at == datetime(2025, 3, 1, 10, tzinfo=UTC)
    assert people[2].created_at == datetime(2025, 5, 1, 8, tzinfo=UTC)
    assert not any(user.is_admin for user in people)


def test_old_addresses_that_collide_keep_a_key_each(empty: Database) -> None:
    _make_old(empty, _OLD_USERS)
    _add_old_people(empty)
    schema.upgrade(empty)
    assert [user.email_key for user in _users(empty)] == [
        "alice@example.com",
        "alice+work@example.com",
        "alice@example.com#3",
        "alice@example.com#4",
        None,
    ]


def test_new_people_get_the_next_id(empty: Database) -> None:
    _make_old(empty, _OLD_USERS)
    _add_old_people(empty)
    schema.upgrade(empty)
    with empty.write() as tx:
        tx.add(User(email="bob@example.com", email_key="bob@example.com", created_at=NOW))
    assert _users(empty)[-1].id == 10


def test_a_table_called_user_is_taken_over(empty: Database) -> None:
    _make_old(
        empty,
        'CREATE TABLE "user" (id INTEGER PRIMARY KEY, email VARCHAR(120), is_admin BOOLEAN)',
        "INSERT INTO \"user\" VALUES (5, 'bob@example.com', true)",
    )
    schema.upgrade(empty)
    assert [(user.id, user.email_key, user.is_admin) for user in _users(empty)] == [(5, "bob@example.com", True)]
    assert schema.set_aside_tables(empty) == ["user_before_credits"]


def test_a_readable_password_is_hashed_and_forgotten(empty: Database) -> None:
    _make_old(
        empty,
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(120), password VARCHAR(200))",
        "INSERT INTO users VALUES (1, 'alice@example.com', 'correct horse')",
    )
    kept = hash_password("battery staple")
    with empty.write() as tx:
        tx.execute(text("INSERT INTO users VALUES (2, 'bob@example.com', :kept)"), {"kept": kept})
    schema.upgrade(empty)
    alice, bob = _users(empty)
    assert verify(alice.password_hash, "correct horse")
    assert bob.password_hash == kept
    with empty.read() as tx:
        old = tx.execute(text("SELECT password FROM users_before_credits ORDER BY id")).scalars().all()
    assert old == ["", kept]


def test_people_with_other_ids_get_numbers(empty: Database) -> None:
    _make_old(
        empty,
        "CREATE TABLE users (id VARCHAR(36) PRIMARY KEY, email VARCHAR(120), created_at TIMESTAMP)",
        "INSERT INTO users VALUES ('b', 'young@example.com', '2025-02-02 00:00:00')",
        "INSERT INTO users VALUES ('a', 'old@example.com', '2025-01-01 00:00:00')",
    )
    schema.upgrade(empty)
    assert [(user.id, user.email) for user in _users(empty)] == [(1, "old@example.com"), (2, "young@example.com")]


_OLD_SKETCH = (
    _OLD_USERS,
    "CREATE TABLE conversations (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id), title VARCHAR(200))",
    "CREATE TABLE messages (id INTEGER PRIMARY KEY, conversation_id INTEGER REFERENCES conversations (id))",
    "CREATE INDEX ix_conversations_user_id_updated_at ON conversations (user_id)",
    "CREATE TABLE subscription_tiers (id INTEGER PRIMARY KEY, name VARCHAR(50) UNIQUE, monthly_price FLOAT)",
    "CREATE TABLE user_subscriptions (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id), "
    "tier_id INTEGER REFERENCES subscription_tiers (id), credits_remaining FLOAT)",
    "CREATE TABLE credit_purchases (id INTEGER PRIMARY KEY, price_paid FLOAT)",
    "CREATE TABLE usage_logs (id INTEGER PRIMARY KEY, credits_used FLOAT, "
    "CONSTRAINT uq_users_email_key UNIQUE (credits_used))",
    "CREATE TABLE servers (id INTEGER PRIMARY KEY, owner INTEGER REFERENCES users (id))",
    "INSERT INTO users (id, username, email) VALUES (1, 'alice', 'alice@example.com')",
    "INSERT INTO conversations VALUES (1, 1, 'old talk')",
    "INSERT INTO messages VALUES (1, 1)",
    "INSERT INTO subscription_tiers VALUES (1, 'free', 0.0)",
    "INSERT INTO user_subscriptions VALUES (1, 1, 1, 17.5)",
    "INSERT INTO servers VALUES (1, 1)",
)


def test_old_tables_are_kept_under_another_name(empty: Database) -> None:
    _make_old(empty, *_OLD_SKETCH)
    schema.upgrade(empty)
    assert schema.set_aside_tables(empty) == [
        "conversations_before_credits",
        "credit_purchases_before_credits",
        "messages_before_credits",
        "subscription_tiers_before_credits",
        "usage_logs_before_credits",
        "user_subscriptions_before_credits",
        "users_before_credits",
    ]
    with empty.read() as tx:
        assert tx.execute(text("SELECT title FROM conversations_before_credits")).scalar() == "old talk"
        assert tx.execute(text("SELECT credits_remaining FROM user_subscriptions_before_credits")).scalar() == 17.5
        assert tx.execute(text("SELECT owner FROM servers")).scalar() == 1
    assert len(_users(empty)) == 1


def test_a_database_taken_over_has_the_tables_of_the_models(empty: Database) -> None:
    _make_old(empty, *_OLD_SKETCH)
    schema.upgrade(empty)
    options = {"compare_type": True, "include_object": schema.is_ours, "target_metadata": Base.metadata}
    with empty.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)
    assert [(kind, table.name) for kind, table in differences] == [("remove_table", "servers")]


def test_an_address_has_one_key() -> None:
    assert canonical(" Alice+Spam+more@Example.COM ") == "alice@example.com"
    assert canonical("+tag@example.com") == "+tag@example.com"
    assert canonical("no address") == "no address"
