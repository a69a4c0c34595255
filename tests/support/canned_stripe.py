"""Answer Stripe's SDK with prepared words, for what the stateful fake never says."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import stripe

from clients.stripe_gateway import StripeGateway

SECRET_KEY = "sk_test_5ecretNobodyMaySee"
WEBHOOK_SECRET = "whsec_5ecretNobodyMaySee"
Answer = tuple[int, object]


class Canned(stripe.HTTPClient):
    """Give one answer after the other and note what was asked."""

    name = "canned"

    def __init__(self, *answers: Answer | Exception) -> None:
        super().__init__()
        self._answers = list(answers)
        self.calls: list[tuple[str, str]] = []
        self.bodies: list[str] = []
        self.keys: list[str | None] = []

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_more: Any
    ) -> tuple[str, int, Mapping[str, str]]:
        """Note the call and give the next answer."""
        self.calls.append((method, urlsplit(url).path))
        self.bodies.append(post_data or urlsplit(url).query)
        self.keys.append((headers or {}).get("Idempotency-Key"))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        # Told not to try again, the SDK does not wait between attempts.
        told = {"Request-Id": "req_canned", "Stripe-Should-Retry": "false"}
        return (body if isinstance(body, str) else json.dumps(body)), status, _AnyCase(told)

    def close(self) -> None:
        """Have nothing to close."""


class _AnyCase(dict[str, str]):
    """Headers that are found however they are written, as those of `requests`."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in headers.items()})

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """Return a header."""
        return super().get(name.lower(), default)


def canned_gateway(*answers: Answer | Exception) -> tuple[StripeGateway, Canned]:
    """Return a gateway that hears these answers, and the client that gives them."""
    client = Canned(*answers)
    return StripeGateway(SECRET_KEY, webhook_secret=WEBHOOK_SECRET, http_client=client), client


def refused(status: int, message: str = "No.", type: str = "invalid_request_error", **more: str) -> Answer:
    """Return an error in Stripe's shape."""
    return status, {"error": {"type": type, "message": message, **more}}
