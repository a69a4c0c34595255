"""Let clicks and events of one payer meet in four processes: everything is paid for once and counts once."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any, TypeVar

import pytest
import requests

from services import audit
from services.reconcile import reconcile
from services.transaction import Database, connect, utcnow
from tests.fakes.stripe import FakeStripe
from tests.support.databases import PostgresServer, Source
from tests.support.servers import Browser, Server, servers, wait_for
from tests.support.tills import (
    WEBHOOK,
    Holding,
    customers_at,
    environment,
    event_row,
    gateway_to,
    holding,
    open_sessions,
    paid_at,
    price_list_at,
    purchases_of,
)

T = TypeVar("T")
Thing = dict[str, Any]
PRICES = {"starter": 1900, "professional": 7900, "business": 19900}
UPGRADE, PURCHASE = "/api/subscription/upgrade", "/api/credits/purchase"


@dataclass
class Market:
    """Four processes on one database, and the Stripe that they sell through; its events are held."""

    stripe: FakeStripe
    db: Database
    four: list[Server]
    numbers: Iterator[int]

    def payer(self) -> Browser:
        """Sign somebody up."""
        return Browser(self.four[0], f"payer{next(self.numbers)}@example.com")

    def at(self, number: int) -> Server:
        """Return one of the processes."""
        return self.four[number % len(self.four)]

    def deliver(self, events: Sequence[Thing]) -> list[requests.Response]:
        """Deliver events at the same moment, one to each process in turn."""

        def post(number: int) -> requests.Response:
            body, signature = self.stripe.signed(events[number])
            headers = {"Content-Type": "application/json", "Stripe-Signature": signature}
            return requests.post(self.at(number).url + WEBHOOK, data=body, headers=headers, timeout=60)

        return at_once(post, len(events))

    def subscriber(self, tier: str = "starter") -> Browser:
        """Sign somebody up who has paid for a plan."""
        payer = self.payer()
        self.stripe.pay(payer.post(UPGRADE, {"tier_name": tier}).json()["session_id"])
        self.settle()
        assert holding(self.db, payer.id).tier == tier
        return payer

    def settle(self) -> None:
        """Let all events arrive that are held, one after the other."""
        for event in self.take_events():
            assert self.deliver([event])[0].status_code == 200

    def take_events(self) -> list[Thing]:
        """Return the events that are held, and hold them no longer."""
        events, self.stripe.held[:] = list(self.stripe.held), []
        return events

    def is_sound(self) -> None:
        """Check the ledger, and that our records are what Stripe says."""
        assert audit.audit(self.db) == []
        report = reconcile(
            self.db, gateway_to(self.stripe), since=utcnow() - timedelta(days=1), apply=False, now=utcnow()
        )
        assert (report.differences, report.done, report.unexplained) == ([], [], [])


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def market(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """Return the processes, started once for all tests; each test has payers of its own."""
    source: Source = request.getfixturevalue("sqlite_files" if request.param == "sqlite" else "postgres")
    url = source.prepared()
    db = connect(url, pool_size=5)
    with FakeStripe(checks=False) as stripe:
        price_list_at(stripe, db)
        stripe.hold = True
        variables = environment(stripe) | {"BASE_URL": "http://shop.test"}
        with servers(tmp_path_factory.mktemp("market"), url, count=4, **variables) as four:
            yield Market(stripe, db, four, count(1))
    db.engine.dispose()
    if isinstance(source, PostgresServer):
        source.drop(url)


def at_once(deed: Callable[[int], T], times: int) -> list[T]:
    """Do something from many threads that all begin at the same moment."""
    meet = threading.Barrier(times)

    def begin(number: int) -> T:
        meet.wait()
        return deed(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(begin, range(times)))


def clicks(market: Market, payer: Browser, times: int, wanted: Sequence[tuple[str, Thing]]) -> list[requests.Response]:
    """Click many times at once, each wish in turn, over all processes."""

    def click(number: int) -> requests.Response:
        path, body = wanted[number % len(wanted)]
        return payer.post(path, body, market.at(number // len(wanted)))

    return at_once(click, times)


def only_clear(answers: list[requests.Response]) -> list[Thing]:
    """Check that each answer is a success or a 409 that says why, and return the successes."""
    kinds = Counter((answer.status_code, answer.json().get("error")) for answer in answers)
    allowed = {(200, None), (409, "change_in_progress"), (409, "already_on_tier"), (409, "checkout_replaced")}
    allowed |= {(409, "nothing_to_cancel")}
    assert set(kinds) <= allowed, (kinds, [answer.text for answer in answers if answer.status_code > 409])
    assert kinds[(200, None)] >= 1, kinds
    return [answer.json() for answer in answers if answer.status_code == 200]


# --- Events -----------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_twenty_copies_of_one_event_grant_once(market: Market) -> None:
    payer = market.payer()
    market.stripe.pay(payer.post(PURCHASE, {"pack_size": 100}).json()["session_id"])
    market.stripe.pay(payer.post(UPGRADE, {"tier_name": "starter"}).json()["session_id"])
    event = next(event for event in market.take_events() if event["type"] == "invoice.paid")
    answers = market.deliver([event] * 20)
    assert {answer.status_code for answer in answers} == {200}
    outcomes = Counter(answer.json()["outcome"] for answer in answers)
    assert outcomes == {"applied": 1, "already_done": 19}
    row = event_row(market.db, event["id"])
    assert row is not None
    assert (row.outcome, row.attempts) == ("applied", 1)
    assert holding(market.db, payer.id) == Holding("starter", 200, 100, None, False)
    market.is_sound()


@pytest.mark.timeout(300)
def test_months_of_events_that_all_arrive_at_once_grant_everything(market: Market) -> None:
    payer = market.payer()
    market.stripe.pay(payer.post(UPGRADE, {"tier_name": "starter"}).json()["session_id"])
    packs = [payer.post(PURCHASE, {"pack_size": size}).json()["session_id"] for size in (100,)]
    market.stripe.pay(packs[0])
    assert payer.post(UPGRADE, {"tier_name": "professional"}).json()["success"]
    again = payer.post(PURCHASE, {"pack_size": 250}).json()["session_id"]
    market.stripe.pay(again)
    market.stripe.refund(market.stripe.payment_of(again) or "", 400)
    market.stripe.advance(timedelta(days=32))
    events = [event for event in market.take_events() for _ in range(2)]
    random.shuffle(events)
    answers = market.deliver(events)
    assert {answer.status_code for answer in answers} == {200}
    assert holding(market.db, payer.id) == Holding("professional", 1000, 300, None, False)
    assert paid_at(market.stripe, payer.id) == [1900, 1000, 6000, 1600, 7900]
    assert [purchase.payment_status for purchase in purchases_of(market.db, payer.id)] == ["completed"] * 2
    market.is_sound()


# --- Payment pages ----------------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/subscription/create-checkout", {"tier_name": "starter"}),
        (UPGRADE, {"tier_name": "starter"}),
        (PURCHASE, {"pack_size": 100}),
    ],
)
def test_twenty_clicks_open_one_page_for_one_customer(market: Market, path: str, body: Thing) -> None:
    payer = market.payer()
    answers = only_clear(clicks(market, payer, 20, [(path, body)]))
    assert len({answer["checkout_url"] for answer in answers}) == 1
    assert len(answers) == 20
    assert len(customers_at(market.stripe, payer.id)) == 1
    assert open_sessions(market.stripe, payer.id) == [answers[0]["session_id"]]
    assert len(purchases_of(market.db, payer.id)) == (path == PURCHASE)
    market.stripe.pay(answers[0]["session_id"])
    market.settle()
    market.is_sound()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("mode", "wanted"),
    [
        ("subscription", [(UPGRADE, {"tier_name": "starter"}), (UPGRADE, {"tier_name": "professional"})]),
        ("payment", [(PURCHASE, {"pack_size": 100}), (PURCHASE, {"pack_size": 500})]),
    ],
)
def test_two_wishes_at_once_leave_one_open_page(market: Market, mode: str, wanted: Sequence[tuple[str, Thing]]) -> None:
    payer = market.payer()
    only_clear(clicks(market, payer, 20, wanted))
    left = open_sessions(market.stripe, payer.id)
    assert len(left) <= 1
    last = payer.post(*wanted[0]).json()["session_id"]
    assert open_sessions(market.stripe, payer.id, mode) == [last]
    market.stripe.pay(last)
    market.settle()
    assert len(paid_at(market.stripe, payer.id)) == 1
    market.is_sound()


# --- Changes of plan --------------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_ten_clicks_on_an_upgrade_charge_once(market: Market) -> None:
    payer = market.subscriber()
    answers = only_clear(clicks(market, payer, 10, [(UPGRADE, {"tier_name": "professional"})]))
    assert {answer["success"] for answer in answers} == {True}
    assert holding(market.db, payer.id) == Holding("professional", 1000, 0, None, False)
    market.settle()
    assert holding(market.db, payer.id) == Holding("professional", 1000, 0, None, False)
    assert paid_at(market.stripe, payer.id) == [1900, 6000]
    market.is_sound()


@pytest.mark.timeout(300)
def test_clicks_on_an_upgrade_that_waits_for_its_payment_lead_to_one_invoice(market: Market) -> None:
    payer = market.subscriber()
    market.stripe.set_card(mine(market, payer)[0], "action")
    answers = only_clear(clicks(market, payer, 8, [(UPGRADE, {"tier_name": "professional"})]))
    (invoice_id,) = {answer["session_id"] for answer in answers}
    assert paid_at(market.stripe, payer.id) == [1900]
    market.stripe.authenticate(invoice_id)
    market.settle()
    assert holding(market.db, payer.id) == Holding("professional", 1000, 0, None, False)
    assert paid_at(market.stripe, payer.id) == [1900, 6000]
    market.is_sound()


@pytest.mark.timeout(300)
def test_clicks_on_an_upgrade_that_is_declined_leave_what_was_pending(market: Market) -> None:
    payer = market.subscriber("professional")
    assert payer.post(UPGRADE, {"tier_name": "starter"}).json()["success"]
    market.stripe.set_card(mine(market, payer)[0], "declined")
    answers = clicks(market, payer, 8, [(UPGRADE, {"tier_name": "business"})])
    assert {answer.status_code for answer in answers} <= {402, 409}
    market.settle()
    assert holding(market.db, payer.id) == Holding("professional", 1000, 0, "starter", False)
    assert paid_at(market.stripe, payer.id) == [7900]
    market.is_sound()
    market.stripe.set_card(mine(market, payer)[0], "ok")
    assert payer.post(UPGRADE, {"tier_name": "business"}).json()["success"]
    market.settle()
    assert holding(market.db, payer.id) == Holding("business", 3000, 0, None, False)
    assert paid_at(market.stripe, payer.id) == [7900, 12000]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "wanted",
    [
        [(UPGRADE, {"tier_name": "professional"}), (UPGRADE, {"tier_name": "business"})],
        [(UPGRADE, {"tier_name": "professional"}), ("/api/subscription/cancel", {})],
        [(UPGRADE, {"tier_name": "professional"}), (UPGRADE, {"tier_name": "free"}), ("/api/subscription/resume", {})],
    ],
    ids=["two-upgrades", "cancel-and-upgrade", "down-up-and-undo"],
)
def test_changes_that_meet_charge_what_the_plan_costs(market: Market, wanted: Sequence[tuple[str, Thing]]) -> None:
    payer = market.subscriber()
    only_clear(clicks(market, payer, 3 * len(wanted), wanted))
    market.settle()
    has = holding(market.db, payer.id)
    assert sum(paid_at(market.stripe, payer.id)) == PRICES[has.tier]
    (live,) = [one for one in market.stripe.subscriptions.values() if one["customer"] in mine(market, payer)]
    assert live["cancel_at_period_end"] == has.ends
    market.is_sound()
    # Whatever came of it, the plan can still be changed.
    assert payer.post("/api/subscription/resume", {}).status_code == 200
    assert holding(market.db, payer.id).pending is None
    assert live["items"]["data"][0]["price"]["unit_amount"] == PRICES[has.tier]


def mine(market: Market, payer: Browser) -> list[str]:
    return customers_at(market.stripe, payer.id)


@pytest.mark.timeout(300)
def test_clicks_and_events_of_many_payers_keep_apart(market: Market) -> None:
    payers = [market.payer() for _ in range(6)]
    sizes = [100, 250, 500, 1000, 100, 250]

    def buy(number: int) -> None:
        page = payers[number].post(PURCHASE, {"pack_size": sizes[number]}, market.at(number)).json()
        market.stripe.pay(page["session_id"])

    at_once(buy, len(payers))
    wait_for(lambda: len(market.stripe.held) >= 6, "the events did not come")
    events = market.take_events() * 2
    random.shuffle(events)
    assert {answer.status_code for answer in market.deliver(events)} == {200}
    assert [holding(market.db, payer.id).pack for payer in payers] == sizes
    market.is_sound()
