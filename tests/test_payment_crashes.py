"""Kill the server with SIGKILL between Stripe's deed and our commit: the next click, event or comparison puts it right.

No transaction is open while Stripe is asked, so that the kind of database makes no difference here.
"""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

from clients.payments import Order
from models import User
from services import audit
from services.reconcile import Report, reconcile
from services.transaction import Database, connect, utcnow
from tests.fakes.stripe import FakeStripe
from tests.support.databases import SqliteFiles
from tests.support.servers import PASSWORD, Browser, Server, servers, wait_for
from tests.support.tills import (
    WEBHOOK,
    Holding,
    customer_of,
    customers_at,
    environment,
    event_row,
    gateway_to,
    holding,
    open_sessions,
    pages_of,
    paid_at,
    price_list_at,
    purchases_of,
)

pytestmark = pytest.mark.timeout(300)

Thing = dict[str, Any]
SITE = "http://shop.test"
UPGRADE, PURCHASE = "/api/subscription/upgrade", "/api/credits/purchase"


@dataclass
class Scene:
    """A server that lives, one that is about to die, and the Stripe that both sell through; its events are held."""

    folder: Path
    url: str
    stripe: FakeStripe
    db: Database
    survivor: Server
    numbers: Iterator[int]

    def payer(self) -> Browser:
        """Sign somebody up."""
        return Browser(self.survivor, f"payer{next(self.numbers)}@example.com")

    def subscriber(self, tier: str = "starter") -> Browser:
        """Sign somebody up who has paid for a plan."""
        payer = self.payer()
        self.stripe.pay(payer.post(UPGRADE, {"tier_name": tier}).json()["session_id"])
        self.arrive()
        return payer

    def kill_after(self, call: str, deed: Callable[[Server], object]) -> None:
        """Do something at a new server, and kill it when Stripe has done this call and not yet answered."""
        method, path = call.split(" ")
        pattern = re.compile(path.replace("*", "[^/]+"))
        self.stripe.fail(call, "hang_after:60")
        with servers(self.folder, self.url, **variables(self.stripe)) as (victim,):
            before = len(self.stripe.calls)

            def try_it() -> None:
                with suppress(requests.ConnectionError):
                    deed(victim)

            thread = threading.Thread(target=try_it)
            thread.start()

            def is_done() -> bool:
                asked = self.stripe.calls[before:]
                return any(one.method == method and pattern.fullmatch(one.path) for one in asked)

            wait_for(is_done, f"Stripe was never asked: {call}")
            victim.kill()
            thread.join()
        self.stripe.stop_failing()

    def deliver(self, event: Thing, server: Server | None = None) -> requests.Response:
        """Deliver an event."""
        return self.stripe.deliver(event, (server or self.survivor).url + WEBHOOK)

    def take_events(self) -> list[Thing]:
        """Return the events that are held, and hold them no longer."""
        events, self.stripe.held[:] = list(self.stripe.held), []
        return events

    def arrive(self) -> None:
        """Let all events arrive that are held."""
        for event in self.take_events():
            assert self.deliver(event).status_code == 200

    def compare(self, *, apply: bool, later: timedelta = timedelta(0)) -> Report:
        """Compare our records with Stripe, as the operator's command does."""
        now = utcnow() + later
        return reconcile(self.db, gateway_to(self.stripe), since=now - timedelta(days=1), apply=apply, now=now)

    def is_sound(self) -> None:
        """Check the ledger, and that our records are what Stripe says."""
        assert audit.audit(self.db) == []
        assert self.compare(apply=False).agrees


def variables(stripe: FakeStripe) -> dict[str, str]:
    return environment(stripe) | {"BASE_URL": SITE}


@pytest.fixture(scope="module")
def scene(sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Return the scene; the server that lives is started once for all tests, each of which has a payer of its own."""
    url, folder = sqlite_files.prepared(), tmp_path_factory.mktemp("crashes")
    db = connect(url, pool_size=5)
    with FakeStripe(checks=False) as stripe:
        price_list_at(stripe, db)
        stripe.hold = True
        with servers(folder, url, **variables(stripe)) as (survivor,):
            yield Scene(folder, url, stripe, db, survivor, count(1))
    db.engine.dispose()


# --- Pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["POST /v1/customers", "POST /v1/checkout/sessions"])
def test_a_click_after_a_crash_comes_to_the_same_page(scene: Scene, call: str) -> None:
    payer = scene.payer()
    scene.kill_after(call, lambda victim: payer.post(PURCHASE, {"pack_size": 100}, victim))
    again = payer.post(PURCHASE, {"pack_size": 100})
    assert again.status_code == 200
    assert len(customers_at(scene.stripe, payer.id)) == 1
    assert open_sessions(scene.stripe, payer.id) == [again.json()["session_id"]]
    assert len(purchases_of(scene.db, payer.id)) == len(pages_of(scene.db, payer.id)) == 1
    scene.stripe.pay(again.json()["session_id"])
    scene.arrive()
    assert holding(scene.db, payer.id) == Holding("free", 20, 100, None, False)
    scene.is_sound()


def test_a_page_that_nobody_came_back_to_is_found_and_closed_by_the_next_wish(scene: Scene) -> None:
    payer = scene.payer()
    crashed = {"tier_name": "starter"}
    scene.kill_after("POST /v1/checkout/sessions", lambda victim: payer.post(UPGRADE, crashed, victim))
    wanted = payer.post(UPGRADE, {"tier_name": "professional"})
    assert open_sessions(scene.stripe, payer.id) == [wanted.json()["session_id"]]
    scene.stripe.pay(wanted.json()["session_id"])
    scene.arrive()
    assert holding(scene.db, payer.id) == Holding("professional", 1000, 0, None, False)
    scene.is_sound()


# --- Events -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["delivered again", "compared"])
def test_an_event_that_was_lost_in_a_crash_counts_once(scene: Scene, how: str) -> None:
    payer = scene.payer()
    scene.stripe.pay(payer.post(UPGRADE, {"tier_name": "starter"}).json()["session_id"])
    event = next(event for event in scene.take_events() if event["type"] == "invoice.paid")
    scene.kill_after("GET /v1/invoices", lambda victim: scene.deliver(event, victim))
    assert holding(scene.db, payer.id).tier == "free"
    assert event_row(scene.db, event["id"]) is None
    if how == "delivered again":
        assert scene.deliver(event).json()["outcome"] == "applied"
        assert scene.deliver(event).json()["outcome"] == "already_done"
    else:
        assert not scene.compare(apply=True).agrees
    assert holding(scene.db, payer.id) == Holding("starter", 200, 0, None, False)
    scene.is_sound()


@pytest.mark.parametrize("call", ["DELETE /v1/subscriptions/*", "POST /v1/refunds"])
def test_a_second_plan_is_given_back_once(scene: Scene, call: str) -> None:
    payer = scene.subscriber()
    gateway = gateway_to(scene.stripe)
    price = gateway.prices(["devops-agent:tier:professional"])[0].id
    stale = Order(customer_of(scene.db, payer.id), price, "subscription", SITE, SITE, {})
    scene.stripe.pay(gateway.open_checkout(stale, key=f"stale-{call}").id)
    events = scene.take_events()
    paid = next(event for event in events if event["type"] == "invoice.paid")
    scene.kill_after(call, lambda victim: scene.deliver(paid, victim))
    for event in events:
        assert scene.deliver(event).status_code == 200
    scene.arrive()
    assert paid_at(scene.stripe, payer.id) == [1900, 0]
    assert holding(scene.db, payer.id) == Holding("starter", 200, 0, None, False)
    scene.is_sound()


# --- Changes of plan --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["clicked again", "compared"])
def test_an_upgrade_that_was_charged_counts_once(scene: Scene, how: str) -> None:
    payer = scene.subscriber()
    wanted = {"tier_name": "professional"}
    scene.kill_after("POST /v1/subscriptions/*", lambda victim: payer.post(UPGRADE, wanted, victim))
    assert holding(scene.db, payer.id).tier == "starter"
    if how == "clicked again":
        again = payer.post(UPGRADE, wanted)
        assert (again.status_code, again.json()["error"]) == (409, "already_on_tier")
    elif how == "compared":
        scene.compare(apply=True)
    scene.arrive()
    assert holding(scene.db, payer.id) == Holding("professional", 1000, 0, None, False)
    assert paid_at(scene.stripe, payer.id) == [1900, 6000]
    scene.is_sound()


@pytest.mark.parametrize(
    ("how", "pending"), [("clicked again", "starter"), ("compared", "starter"), ("compared", "free")]
)
def test_what_was_pending_before_an_upgrade_is_not_lost(scene: Scene, how: str, pending: str) -> None:
    """The pending change is taken back first; the crash comes before the upgrade is asked for."""
    payer = scene.subscriber("professional")
    assert payer.post(UPGRADE, {"tier_name": pending}).status_code == 200
    scene.arrive()
    before = holding(scene.db, payer.id)
    assert before.pending == pending
    wanted = {"tier_name": "business"}
    scene.kill_after("POST /v1/subscriptions/*", lambda victim: payer.post(UPGRADE, wanted, victim))
    if how == "clicked again":
        assert payer.post(UPGRADE, wanted).json()["success"]
        after, charged = Holding("business", 3000, 0, None, False), [7900, 12000]
    else:
        scene.arrive()
        scene.compare(apply=True, later=timedelta(minutes=6))
        after, charged = before, [7900]
    scene.arrive()
    assert holding(scene.db, payer.id) == after
    assert paid_at(scene.stripe, payer.id) == charged
    scene.is_sound()


def test_a_cancellation_that_stripe_has_is_taken_over(scene: Scene) -> None:
    payer = scene.subscriber()
    cancel = "/api/subscription/cancel"
    scene.kill_after("POST /v1/subscriptions/*", lambda victim: payer.post(cancel, {}, victim))
    assert not holding(scene.db, payer.id).ends
    again = payer.post(cancel, {})
    assert (again.status_code, again.json()["error"]) == (409, "nothing_to_cancel")
    assert holding(scene.db, payer.id) == Holding("starter", 200, 0, "free", True)
    scene.arrive()
    scene.is_sound()


# --- The account ------------------------------------------------------------------------------------------------------


def delete_account(payer: Browser, server: Server) -> requests.Response:
    """Delete the account with the form on the settings page."""
    session = payer.session
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', session.get(f"{server.url}/settings").text)
    assert token
    form = {"password": PASSWORD, "csrf_token": token.group(1)}
    return session.post(f"{server.url}/settings/delete", data=form, allow_redirects=False, timeout=60)


def test_an_account_whose_plan_has_ended_can_still_be_deleted(scene: Scene) -> None:
    payer = scene.subscriber()
    scene.kill_after("DELETE /v1/subscriptions/*", lambda victim: delete_account(payer, victim))
    with scene.db.read() as tx:
        assert tx.get_one(User, payer.id).deleted_at is None
    assert delete_account(payer, scene.survivor).status_code == 303
    scene.arrive()
    with scene.db.read() as tx:
        assert tx.get_one(User, payer.id).deleted_at is not None
    statuses = {one["status"] for one in scene.stripe.subscriptions.values() if one["customer"] in mine(scene, payer)}
    assert statuses == {"canceled"}
    scene.is_sound()


def mine(scene: Scene, payer: Browser) -> list[str]:
    return customers_at(scene.stripe, payer.id)
