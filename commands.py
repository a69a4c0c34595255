"""Offer the operator's commands: `flask credits`, `flask users` and `flask revenue`."""

import secrets
import sys
from collections.abc import Mapping
from datetime import timedelta

import click
from flask import Flask, current_app
from flask.cli import AppGroup

from errors import AppError
from services import accounts, audit, costs, credits, idempotency, revenue, schema
from services.house import House
from services.price_list import money
from services.revenue import Projection
from services.transaction import utcnow

credits_group = AppGroup("credits", help="Look after the wallets and their ledger.")
users_group = AppGroup("users", help="Make accounts and admins.")
revenue_group = AppGroup("revenue", help="Look ahead.")


def register(app: Flask) -> None:
    """Add the commands to `flask`."""
    for group in (credits_group, users_group, revenue_group):
        app.cli.add_command(group)


# --- flask credits --------------------------------------------------------------------------------------------------


@credits_group.command("audit")
def audit_credits() -> None:
    """Check every wallet against its ledger; exit 1 if anything is off."""
    house = prepared_house()
    findings = audit.audit(house.db)
    for finding in findings:
        print(finding)
    if findings:
        print(f"The ledger does not add up: {count(len(findings), 'finding', 'findings')}. Nothing was changed.")
        sys.exit(1)
    wallets, entries = audit.size(house.db)
    print(f"The ledger adds up: {count(wallets, 'wallet', 'wallets')}, {count(entries, 'entry', 'entries')}.")


@credits_group.command("release-stale")
def release_stale() -> None:
    """Refund charges whose lease has run out, and forget idempotency keys of more than 30 days ago."""
    house = prepared_house()
    released = credits.release_stale(house.db, now=utcnow(), simulated=house.simulated)
    with house.db.write() as tx:
        idempotency.prune(tx, now=utcnow())
    print(f"Refunded {count(released, 'charge', 'charges')} whose lease had run out.")


@credits_group.command("costs")
@click.option("--days", type=click.IntRange(1, 3660), default=30, show_default=True, help="How far to look back.")
def show_costs(days: int) -> None:
    """Show what the model cost, by model, beside the credits that were taken, by action."""
    found = costs.since(prepared_house().db, utcnow() - timedelta(days=days))
    for model in found.models:
        whole = model.input_tokens + model.cache_write_tokens + model.cache_read_tokens
        unknown = f", {model.unpriced:,} without a known price" if model.unpriced else ""
        print(
            f"{model.model}: {count(model.messages, 'answer', 'answers')}{unknown}, {whole:,} tokens in "
            f"({model.cache_read_tokens:,} from the cache), {model.output_tokens:,} out "
            f"({model.thinking_tokens:,} thought), {_micros(model.micros)}"
        )
    for action in found.actions:
        took = "" if action.mean_ms is None else f", {action.mean_ms:,} ms on average"
        print(f"{action.action}: {action.count:,} times, {action.failed:,} failed, {action.credits:,} credits{took}")
    each = f", {_micros(found.micros / found.credits)} for each" if found.credits else ""
    print(f"In {days} days: {_micros(found.micros)} for {count(found.credits, 'credit', 'credits')} used{each}.")


def _micros(micros: float) -> str:
    return f"${micros / 1_000_000:,.4f}"


# --- flask users ----------------------------------------------------------------------------------------------------


@users_group.command("create")
@click.argument("email")
@click.option("--admin", is_flag=True, help="Make the account an admin.")
def create_user(email: str, admin: bool) -> None:
    """Make an account; an empty password, or no terminal to ask at, means that one is made up and shown once."""
    house = prepared_house()
    typed = _ask_password()
    password = typed or secrets.token_urlsafe(15)
    try:
        account, credits_remaining = accounts.create(
            house.db,
            email=email,
            password=password,
            address_key=accounts.address_secret(house.settings.signing_key()),
            now=utcnow(),
        )
    except AppError as error:
        raise click.ClickException(error.message) from None
    if admin:
        accounts.promote(house.db, account.email, utcnow())
    role = "admin" if admin else "account"
    print(f"Created the {role} {account.email} with {count(credits_remaining, 'credit', 'credits')}.")
    if not typed:
        print(f"Password, shown only now: {password}")


@users_group.command("promote")
@click.argument("email")
def promote_user(email: str) -> None:
    """Make an existing account an admin."""
    if not accounts.promote(prepared_house().db, email, utcnow()):
        raise click.ClickException(f"There is no account with the address {email}.")
    print(f"{email} is an admin.")


def _ask_password() -> str:
    if sys.stdin.isatty():
        question = "Password (leave empty to have one made)"
        return str(click.prompt(question, default="", show_default=False, hide_input=True))
    return sys.stdin.readline().rstrip("\r\n")


# --- flask revenue --------------------------------------------------------------------------------------------------


@revenue_group.command("project")
@click.option("--mix", help="How many people are on each plan, such as free=80,starter=15.")
def project_revenue(mix: str | None) -> None:
    """Show what a mix of plans brings in a month and a year."""
    prices = revenue.prices(prepared_house().db)
    scenarios = {"Your mix": _parse_mix(mix)} if mix else revenue.SCENARIOS
    try:
        projections = {name: revenue.project(prices, counts) for name, counts in scenarios.items()}
    except revenue.UnknownTier as error:
        raise click.ClickException(str(error)) from None
    for name, projection in projections.items():
        _print_projection(name, projection)
    print("Credit packs come on top.")


def _parse_mix(mix: str) -> Mapping[str, int]:
    parts = [part.partition("=") for part in mix.split(",")]
    counts = {tier.strip(): users.strip() for tier, _, users in parts}
    if len(counts) < len(parts) or not all(users.isascii() and users.isdigit() for users in counts.values()):
        raise click.ClickException(f"{mix!r} is not a mix such as free=80,starter=15")
    return {tier: int(users) for tier, users in counts.items()}


def _print_projection(name: str, projection: Projection) -> None:
    print(f"{name} ({count(projection.users, 'user', 'users')})")
    for line in projection.lines:
        print(f"  {line.users:,} {line.tier}: {money(line.monthly_cents)}/mo")
    print(f"  MRR: {money(projection.mrr_cents)}/month")
    print(f"  ARR: {money(projection.arr_cents)}/year\n")


# --- What they share ------------------------------------------------------------------------------------------------


class NotPrepared(click.ClickException):
    """Say that the tables are not there yet; exit 2, since 1 is a check's word for something that is off."""

    exit_code = 2


def prepared_house() -> House:
    """Return the app's parts; raises NotPrepared."""
    house: House = current_app.extensions["house"]
    if not schema.is_current(house.db):
        raise NotPrepared("The database is not prepared: run `python init_subscription_system.py` first.")
    return house


def count(number: int, one: str, many: str) -> str:
    """Say a number with its noun."""
    return f"{number:,} {one if number == 1 else many}"
