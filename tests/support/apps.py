"""Put apps away that a test has made."""

from flask import Flask

from clients.claude import ClaudeModel
from services.house import House


def close_app(app: Flask) -> None:
    """End what the app is still answering, and close what it keeps open; a process would simply end."""
    house: House = app.extensions["house"]
    house.chat.shutdown(timeout=5)
    if isinstance(house.model, ClaudeModel):
        house.model.close()
    house.db.engine.dispose()
