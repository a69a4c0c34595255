"""Wish up lives at random: what could happen next to somebody who stands as this person does now."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tests.support.lives import Life, Setting, Step

STARTS = (
    datetime(2026, 1, 31, 12, tzinfo=UTC),
    datetime(2026, 6, 15, 9, 30, tzinfo=UTC),
    datetime(2026, 3, 30, 23, 59, 59, tzinfo=UTC),
    datetime(2027, 12, 31, 6, tzinfo=UTC),
    datetime(2028, 1, 29, 0, 0, 1, tzinfo=UTC),
    datetime(2028, 2, 29, 12, tzinfo=UTC),
)
PAID_TIERS = ("starter", "professional", "business")
SIZES = (100, 250, 500, 1000)
CARDS = ("ok",) * 6 + ("declined", "action_yes", "action_no", "late", "late", "leave")
UNDECIDED = ("needs_response", "warning_needs_response")
AMOUNTS = (1, 5, 15, 50, 150, 400, 900)
MINUTES = (1, 10, 60, 150, 20 * 60, 24 * 60, 26 * 60, 3 * 1440, 6 * 1440, 15 * 1440, 31 * 1440, 31 * 1440)


def setting(chance: random.Random) -> Setting:
    """Return where and when a life begins."""
    return Setting(
        start=chance.choice(STARTS),
        late_starts_as=chance.choice(("active", "incomplete")),
        afterwards=chance.choice(("canceled", "canceled", "unpaid", "past_due")),
        draft_hours=chance.choice((0, 0, 1)),
    )


def wishes(life: Life, chance: random.Random) -> Iterator[Step]:
    """Yield what may happen next, having looked at what has happened; most people subscribe first."""
    if chance.random() < 0.7:
        yield ("choose", chance.choice(("starter", *PAID_TIERS)), chance.choice(("ok", *CARDS)))
    for _ in range(chance.randint(5, 16)):
        yield _wish(life, chance)


def _wish(life: Life, chance: random.Random) -> Step:
    stripe = life.shop.stripe
    live = any(one["status"] in ("active", "past_due", "unpaid") for one in stripe.subscriptions.values())
    processing = any(one["status"] == "processing" for one in stripe.payment_intents.values())
    can_pay = any(one["status"] == "open" for one in (*stripe.sessions.values(), *stripe.invoices.values()))
    paid = any(one["status"] == "succeeded" for one in stripe.payment_intents.values())
    undecided = any(one["status"] in UNDECIDED for one in stripe.disputes.values())
    weights: dict[str, float] = {
        "pass": 5,
        "choose": 6 if live else 2,
        "order": 2,
        "barrier": 1,
        "spend": 2,
        "charge": 0.8,
        "fail": 0.8,
        "look": 0.4,
        "resume": 0.7,
        "lost_pack": 0.3,
        "cancel": 0.8 if live else 0.1,
        "card": 1.5 if live else 0.1,
        "portal": 0.6 if live else 0,
        "dashboard_price": 0.3 if live else 0,
        "end": 0.3 if live else 0,
        "second": 0.5 if live else 0.1,
        "delete_customer": 0.12,
        "settle": 2.5 if processing else 0,
        "pay": 1.5 if can_pay else 0,
        "refund": 1 if paid else 0,
        "dispute": 0.8 if paid else 0,
        "close": 3 if undecided else 0,
    }
    return _details(chance.choices(list(weights), list(weights.values()))[0], life, chance)


def _details(word: str, life: Life, chance: random.Random) -> Step:
    """Return the step of this word, with all that it needs."""
    stripe, card = life.shop.stripe, chance.choice(CARDS)
    pay_card, tier, size = "ok" if card == "leave" else card, chance.choice(PAID_TIERS), chance.choice(SIZES)
    subscription, payment = _latest(stripe.subscriptions, chance), _one(stripe.payment_intents, chance, "succeeded")
    dispute = _one(stripe.disputes, chance, *UNDECIDED)
    has_bill = any(one["status"] == "open" for one in stripe.invoices.values())
    bill, page = _one(stripe.invoices, chance, "open"), _one(stripe.sessions, chance, "open")
    steps: dict[str, Step] = {
        "pass": ("pass", _seconds(life, chance)),
        "choose": ("choose", tier, card),
        "order": ("order", size, card),
        "lost_pack": ("lost_pack", size, pay_card),
        "second": ("second", tier, pay_card),
        "spend": ("spend", chance.choice(AMOUNTS)),
        "charge": ("charge", chance.choice(AMOUNTS)),
        "card": ("card", chance.choice(("ok", "ok", "declined", "declined", "action", "late"))),
        "portal": ("portal_cancel", subscription, chance.random() < 0.6),
        "dashboard_price": ("dashboard_price", subscription, "starter"),
        "end": ("end", subscription),
        "settle": ("settle", _one(stripe.payment_intents, chance, "processing"), chance.random() < 0.7),
        "pay": ("pay_invoice", bill, pay_card) if has_bill else ("pay_page", page, pay_card),
        "refund": ("refund", payment, chance.choice((0.333, 0.5, 1, 1))),
        "dispute": ("dispute", payment, chance.choice((0.4, 1, 1)), chance.random() < 0.25),
        "close": ("escalate", dispute) if chance.random() < 0.2 else ("close", dispute, chance.random() < 0.5),
    }
    return steps.get(word, (word,))


def _seconds(life: Life, chance: random.Random) -> int:
    """Return how long to wait: some round time, or until just before, at, or after the end of a period."""
    ends = [
        one["items"]["data"][0]["current_period_end"] - life.shop.stripe.world.stamp
        for one in life.shop.stripe.subscriptions.values()
        if one["status"] in ("active", "past_due", "unpaid")
    ]
    if ends and chance.random() < 0.4:
        return max(1, chance.choice(ends) + chance.choice((-3600, 0, 60, 7200, 25 * 3600)))
    return chance.choice(MINUTES) * 60 if chance.random() < 0.97 else int(timedelta(days=366).total_seconds())


def _latest(things: dict[str, object], chance: random.Random) -> int:
    return len(things) - 1 if chance.random() < 0.7 else chance.randrange(max(1, len(things)))


def _one(things: dict[str, dict[str, object]], chance: random.Random, *statuses: str) -> int:
    """Return the place of one of these that stands like this."""
    fitting = [at for at, thing in enumerate(things.values()) if thing["status"] in statuses]
    return chance.choice(fitting or [0])
