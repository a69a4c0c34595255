"""Bring events to the product in every order: as they came, backwards, shuffled, repeated, or not at all."""

import random
from datetime import timedelta

from services.reconcile import reconcile
from services.stripe_event_types import HANDLED_EVENTS
from tests.fakes.stripe.store import Thing
from tests.support.lives import Life

ORDERS = ("in order", "backwards", "shuffled", "some lost", "all lost")


class Mail:
    """What is on its way to one shop, and what has arrived."""

    def __init__(self, life: Life, seed: str) -> None:
        self.life = life
        self.random = random.Random(seed)
        self.waiting: list[Thing] = []
        self.arrived: list[Thing] = []
        self.deliveries = 0

    def some(self) -> bool:
        """Deliver some of what waits, and say whether the product has done anything at Stripe because of it."""
        self._collect()
        chosen = [event for event in self.waiting if self.random.random() < self.random.choice((0.1, 0.6, 1.0))]
        if self.arrived and self.random.random() < 0.1:
            chosen.append(self.random.choice(self.arrived))
        self.random.shuffle(chosen)
        return self._deliver(chosen)

    def round(self, order: str) -> bool:
        """Let everything arrive that has happened, by its events or without them; say the same as `some`."""
        self._collect()
        chosen = list(self.waiting)
        if order == "backwards":
            chosen.reverse()
        if order in ("some lost", "all lost"):
            chosen = [event for event in chosen if order == "some lost" and self.random.random() < 0.4]
        if order != "all lost":
            chosen += [event for event in chosen if self.random.random() < 0.3] * self.random.choice((1, 2))
            chosen += self.random.sample(self.arrived, min(2, len(self.arrived)))
        if order in ("shuffled", "some lost"):
            self.random.shuffle(chosen)
        did = self._deliver(chosen)
        self.waiting.clear()
        if order in ("some lost", "all lost"):
            did |= self._reconcile()
        # What the product does at Stripe makes events, too; they come with the next round, or right away.
        self._collect()
        return did

    def _reconcile(self) -> bool:
        life, before = self.life, self._written()
        shop = life.shop
        since = life.setting.start - timedelta(days=1)
        report = reconcile(shop.db, shop.gateway, since=since, apply=True, now=shop.now)
        assert report.unexplained == [], report.unexplained
        return self._written() != before

    def _collect(self) -> None:
        held = self.life.shop.stripe.held
        handled = [event for event in held if event["type"] in HANDLED_EVENTS]
        handled += [event for event in held if event["type"] not in HANDLED_EVENTS and self.random.random() < 0.02]
        self.waiting += sorted(handled, key=lambda event: str(event["id"]))
        held.clear()

    def _deliver(self, events: list[Thing]) -> bool:
        before = self._written()
        for event in events:
            status = self.life.shop.stripe.deliver(event).status_code
            assert status == 200, f"{event['type']} was answered with {status}"
            self.deliveries += 1
            if event in self.waiting:
                self.waiting.remove(event)
                self.arrived.append(event)
        return self._written() != before

    def _written(self) -> int:
        return sum(call.method != "GET" for call in self.life.shop.stripe.calls)
