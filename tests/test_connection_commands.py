"""The operator's commands for users' connections, as `flask connections ...` runs them."""

from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from services import connections
from services.house import House
from services.transaction import utcnow
from services.vault import Vault
from tests.fakes.github import TOKEN, FakeGitHub
from tests.support.connections import KEY, OTHER_KEY, connect_github, rows_of
from tests.support.wallets import new_user


@pytest.fixture
def overrides() -> dict[str, Any]:
    """Put a new key before the old one."""
    return {"credentials_key": f"{KEY}, {OTHER_KEY}"}


def _flask(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(args=["connections", *words])


def test_rotating_says_how_many_were_encrypted_anew(app: Flask, house: House) -> None:
    user_id = new_user(house.db)
    with FakeGitHub() as github:
        connect_github(house.db, Vault([OTHER_KEY]), user_id, github.url, TOKEN)
    done = _flask(app, "rotate")
    assert (done.exit_code, done.output) == (0, "Encrypted 1 connection with the first key.\n")
    again = _flask(app, "rotate")
    assert again.exit_code == 0
    assert again.output == "Encrypted 0 connections with the first key.\n1 connection had it already.\n"
    opened = connections.open_for(house.db, Vault([KEY]), user_id, "github", None, now=utcnow())
    assert opened.settings["token"] == TOKEN


def test_rotating_fails_loudly_when_something_cannot_be_read(app: Flask, house: House) -> None:
    with FakeGitHub() as github:
        connect_github(
            house.db, Vault(["a lost key, which nobody has any more"]), new_user(house.db), github.url, TOKEN
        )
    [before] = rows_of(house.db)
    done = _flask(app, "rotate")
    assert done.exit_code == 1
    assert "1 connection cannot be read with any key of CREDENTIALS_KEY and stayed as they were." in done.output
    assert rows_of(house.db)[0].settings_encrypted == before.settings_encrypted


@pytest.mark.one_database
@pytest.mark.parametrize("overrides", [{"app_env": "production", "secret_key": KEY, "payments": "simulated"}])
def test_rotating_needs_a_key(app: Flask) -> None:
    done = _flask(app, "rotate")
    assert (done.exit_code, done.output) == (1, "Error: There is no key: set CREDENTIALS_KEY first.\n")
