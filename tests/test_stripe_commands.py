"""The operator's commands for payments, as `flask stripe ...` runs them."""

from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from app import create_app
from services.stripe_event_types import HANDLED_EVENTS
from tests.fakes.stripe import FakeStripe
from tests.support.apps import close_app
from tests.support.environment import make_settings

BAD = "BAD  "


def _flask(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(args=["stripe", *words])


# --- sync -----------------------------------------------------------------------------------------------------------


def test_sync_says_line_by_line_what_it_does(stripe: FakeStripe, app: Flask) -> None:
    first = _flask(app, "sync")
    assert first.exit_code == 0
    assert first.output.splitlines()[0] == "Creating tier 'Starter' at Stripe: $19 a month"
    assert first.output.splitlines()[-1] == "Creating the customer portal at Stripe"
    again = _flask(app, "sync")
    assert again.exit_code == 0
    assert len(again.output.splitlines()) == 8
    assert all("is up to date at Stripe" in line for line in again.output.splitlines())


def test_sync_needs_a_key(app: Flask) -> None:
    done = _flask(app, "sync")
    assert (done.exit_code, done.output) == (1, "Error: Payments are simulated: set STRIPE_SECRET_KEY first.\n")


def test_sync_says_in_one_line_why_it_broke_off(stripe: FakeStripe, app: Flask) -> None:
    stripe.fail("POST /v1/prices", "500", times=None)
    done = _flask(app, "sync")
    assert done.exit_code == 1
    assert done.output.endswith("What was done stays done; run it again.\n")
    assert "Traceback" not in done.output
    stripe.stop_failing()
    assert _flask(app, "sync").exit_code == 0


# --- check ----------------------------------------------------------------------------------------------------------


def test_check_says_that_all_is_well(stripe: FakeStripe, app: Flask) -> None:
    _flask(app, "sync")
    stripe.register_webhook("http://localhost:5000/api/stripe/webhook", HANDLED_EVENTS)
    done = _flask(app, "check")
    assert done.exit_code == 0
    assert [line for line in done.output.splitlines() if not line.startswith("ok   ")] == []


def test_check_says_what_is_bad_and_exits_1(stripe: FakeStripe, app: Flask) -> None:
    done = _flask(app, "check")
    assert done.exit_code == 1
    assert f"{BAD}There is no price for tier 'Starter' at Stripe: run `flask stripe sync`\n" in done.output
    assert f"{BAD}The customer portal is not set up: run `flask stripe sync`\n" in done.output


def test_check_without_a_key(app: Flask) -> None:
    done = _flask(app, "check")
    assert done.output == f"{BAD}STRIPE_SECRET_KEY is not in use: payments are simulated\n"
    assert done.exit_code == 1


@pytest.mark.parametrize("overrides", [{"stripe_secret_key": "sk_test_ofSomebodyElse"}])
def test_check_never_shows_the_key(stripe: FakeStripe, app: Flask) -> None:
    done = _flask(app, "check")
    assert done.exit_code == 1
    assert "does not accept this server's STRIPE_SECRET_KEY" in done.output
    assert "ofSomebodyElse" not in done.output and stripe.webhook_secret not in done.output


@pytest.mark.one_database
@pytest.mark.parametrize("command", ["sync", "check"])
def test_an_unprepared_database_is_told_in_one_line(database_url: str, tmp_path: Path, command: str) -> None:
    app = create_app(make_settings(tmp_path, database_url=database_url))
    done = _flask(app, command)
    close_app(app)
    assert done.exit_code == 2
    assert done.output == "Error: The database is not prepared: run `python init_subscription_system.py` first.\n"
