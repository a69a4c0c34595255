"""Offer the operator's commands for payments: `flask stripe`."""

import sys
from collections.abc import Iterable, Iterator
from datetime import timedelta

import click
from flask import Flask
from flask.cli import AppGroup

from clients.payments import NoSuchObject
from commands import count, prepared_house
from errors import AppError
from services import catalogue, catalogue_check, reconcile
from services.catalogue_check import Finding
from services.reconcile import Report
from services.transaction import utcnow

stripe_group = AppGroup("stripe", help="Look after payments: what is sold at Stripe, and what has been paid.")


def register(app: Flask) -> None:
    """Add the commands to `flask`."""
    app.cli.add_command(stripe_group)


@stripe_group.command("sync")
def sync_catalogue() -> None:
    """Bring products, prices and the portal at Stripe in line with the price list; safe to run again."""
    house = prepared_house()
    if house.gateway.simulated:
        raise click.ClickException("Payments are simulated: set STRIPE_SECRET_KEY first.")
    try:
        _print_lines(catalogue.sync(house.db, house.gateway, now=utcnow()))
    except AppError as error:
        raise click.ClickException(f"{error.message} What was done stays done; run it again.") from None
    except NoSuchObject as error:
        raise click.ClickException(f"{error} What was done stays done; look at the log and run it again.") from None


@stripe_group.command("check")
def check_payments() -> None:
    """Check that payments can work; exit 1 if anything is bad."""
    house = prepared_house()
    findings = catalogue_check.check(
        house.db,
        house.gateway,
        base_url=house.settings.public_url,
        production=house.settings.is_production,
        webhook_secret_set=house.settings.stripe_webhook_secret is not None,
    )
    _print_findings(findings)
    if not all(finding.ok for finding in findings):
        sys.exit(1)


@stripe_group.command("reconcile")
@click.option("--days", default=3, show_default=True, type=click.IntRange(1, 3650), help="How far to look back.")
@click.option("--apply", is_flag=True, help="Bring in what was missed; without it nothing is changed.")
def reconcile_payments(days: int, apply: bool) -> None:
    """Compare our records with Stripe's; exit 1 if anything is (still) different."""
    house = prepared_house()
    if house.gateway.simulated:
        raise click.ClickException("Payments are simulated: there is nothing to compare with.")
    now = utcnow()
    try:
        report = reconcile.reconcile(house.db, house.gateway, since=now - timedelta(days=days), apply=apply, now=now)
    except AppError as error:
        raise click.ClickException(f"{error.message} What was brought in stays; run it again.") from None
    _print_lines(report_lines(report, applied=apply))
    if report.unexplained or (not apply and not report.agrees):
        sys.exit(1)


def report_lines(report: Report, *, applied: bool) -> Iterator[str]:
    """Say what a comparison has found, line by line."""
    yield from (f"{'Brought in' if applied else 'Different'}: {line}" for line in report.differences)
    yield from (f"{'Done' if applied else 'To do'} at Stripe: {line}" for line in report.done)
    yield from (f"LOOK AT THIS: {line}" for line in report.unexplained)
    compared = f"Compared {count(report.customers, 'customer', 'customers')} with Stripe"
    if report.agrees:
        yield f"{compared}: everything agrees."
    elif applied:
        yield f"{compared}; what was missed has been brought in."
    else:
        yield f"{compared}. Nothing was changed: run it again with --apply to bring in what was missed."


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _print_findings(findings: Iterable[Finding]) -> None:
    for finding in findings:
        click.echo(f"{'ok ' if finding.ok else 'BAD'}  {finding.text}")
