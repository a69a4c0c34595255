"""Offer the operator's commands for users' connections: `flask connections`."""

import sys

import click
from flask import Flask
from flask.cli import AppGroup

from commands import count, prepared_house
from services import vault
from services.vault import NotConfigured

connections_group = AppGroup("connections", help="Look after the stored credentials of users' systems.")


def register(app: Flask) -> None:
    """Add the commands to `flask`."""
    app.cli.add_command(connections_group)


@connections_group.command("rotate")
def rotate_keys() -> None:
    """Encrypt all credentials with the first key of CREDENTIALS_KEY; exit 1 if any cannot be read."""
    house = prepared_house()
    try:
        done = vault.rotate(house.db, house.vault)
    except NotConfigured:
        raise click.ClickException("There is no key: set CREDENTIALS_KEY first.") from None
    click.echo(f"Encrypted {count(done.renewed, 'connection', 'connections')} with the first key.")
    if done.current:
        click.echo(f"{count(done.current, 'connection', 'connections')} had it already.")
    if done.unreadable:
        unread = count(done.unreadable, "connection", "connections")
        click.echo(f"{unread} cannot be read with any key of CREDENTIALS_KEY and stayed as they were.")
        sys.exit(1)
