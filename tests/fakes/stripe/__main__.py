"""Serve the fake for people: `python -m tests.fakes.stripe --port 12111 --webhook http://localhost:5000/...`."""

import argparse
import contextlib
import sys
import threading

from tests.fakes.stripe import FakeStripe


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.stripe", description="A stand-in for Stripe.")
    parser.add_argument("--port", type=int, default=12111)
    parser.add_argument("--webhook", default="http://localhost:5000/api/stripe/webhook", help="where events go")
    parser.add_argument("--secret-key", default="sk_test_fake")
    parser.add_argument("--webhook-secret", default="whsec_fake")
    given = parser.parse_args()
    with (
        FakeStripe(
            given.webhook, secret_key=given.secret_key, webhook_secret=given.webhook_secret, port=given.port
        ) as fake,
        contextlib.suppress(KeyboardInterrupt),
    ):
        fake.register_webhook(given.webhook)
        sys.stdout.write(
            f"The stand-in for Stripe is at {fake.url}; its control page is {fake.url}/control\n"
            f"STRIPE_API_BASE={fake.url} STRIPE_SECRET_KEY={given.secret_key} "
            f"STRIPE_WEBHOOK_SECRET={given.webhook_secret}\n"
        )
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
