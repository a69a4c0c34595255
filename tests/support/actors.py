"""Let tests speak of people: Alice and Bob, each with a browser of their own."""

import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

PASSWORD = "correct horse battery"

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Actor:
    """Someone with a browser; what is not defined here goes to Flask's test client."""

    def __init__(self, app: Flask, email: str, password: str = PASSWORD) -> None:
        self.app = app
        self.email = email
        self.password = password
        self.client: FlaskClient = app.test_client()
        self.id = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def sign_up(self, **more: Any) -> TestResponse:
        """Sign up through the front door, by JSON."""
        answer = self.client.post("/signup", json={"email": self.email, "password": self.password, **more})
        if answer.status_code == 201:
            self.id = answer.get_json()["user"]["id"]
        return answer

    def log_in(self) -> TestResponse:
        """Log in by JSON."""
        return self.client.post("/login", json={"email": self.email, "password": self.password})

    def submit(self, path: str, data: dict[str, str] | None = None, *, page: str | None = None) -> TestResponse:
        """Send a form as a browser does, with the token of the page that it stands on."""
        return self.client.post(path, data={**(data or {}), "csrf_token": self.form_token(page or path)})

    def form_token(self, page: str) -> str:
        """Return the token of the forms on a page."""
        found = _TOKEN.search(self.client.get(page).get_data(as_text=True))
        assert found, f"{page} has no form with a token"
        return found.group(1)

    def chat(self, message: str, **more: Any) -> TestResponse:
        """Send the agent a message and wait for the whole answer, as JSON."""
        return self.client.post("/api/chat", json={"message": message, **more})

    def wallet(self) -> dict[str, Any]:
        """Return the wallet as the API shows it."""
        answer = self.client.get("/api/subscription")
        assert answer.status_code == 200, answer.get_data(as_text=True)
        subscription: dict[str, Any] = answer.get_json()["subscription"]
        return subscription

    def credits(self) -> int:
        """Return how many credits can be spent now."""
        return int(self.wallet()["credits_remaining"])


def signed_up(app: Flask, name: str) -> Actor:
    """Return someone new, signed up and signed in."""
    actor = Actor(app, f"{name}@example.com")
    answer = actor.sign_up()
    assert answer.status_code == 201, answer.get_data(as_text=True)
    return actor
