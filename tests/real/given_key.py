"""Know whether this machine was given a key with which Stripe itself may be asked."""

import os

KEY = os.environ.get("STRIPE_TEST_KEY", "")
HAS_KEY = KEY.startswith("sk_test_")
NOTICE = "tests/real was left out: no STRIPE_TEST_KEY is given: Stripe itself was not asked"
