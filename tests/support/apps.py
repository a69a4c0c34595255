"""Put apps away that a test has made."""

from flask import Flask

from services.house import House


def close_app(app: Flask) -> None:
    """End what the app is still answering, and close what it keeps open; a process would simply end."""
    house: House = app.extensions["house"]
    house.chat.shutdown(timeout=5)
    kept_open = getattr(house.model, "_client", None)
    if kept_open is not None:
        kept_open.close()
    house.db.engine.dispose()
