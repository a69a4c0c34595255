"""Check that payments can work: the key, the webhook, the prices and the portal; nothing is changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import func, select

from clients.payments import Gateway, NoSuchObject, PaymentsUnavailable, Price
from models import EventOutcome, StripeCatalogEntry, StripeEvent
from services import catalogue
from services.catalogue_items import PORTAL, Item, items
from services.stripe_event_types import HANDLED_EVENTS
from services.transaction import Database

WEBHOOK_PATH = "/api/stripe/webhook"
_HERE = {"localhost", "127.0.0.1", "::1", "0.0.0.0"}
_SYNC = "run `flask stripe sync`"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    ok: bool
    text: str


def check(
    db: Database,
    gateway: Gateway | None,
    *,
    base_url: str,
    production: bool,
    webhook_secret_set: bool,
) -> list[Finding]:
    """Look at everything that taking payments needs, and return what was found."""
    if gateway is None or gateway.simulated:
        return [Finding(False, "STRIPE_SECRET_KEY is not in use: payments are simulated")]
    try:
        gateway.webhook_endpoints()
    except (PaymentsUnavailable, NoSuchObject) as error:
        accepted = [Finding(False, f"Stripe was asked and did not answer: {error}")]
        return accepted + list(_own_settings(gateway, base_url, production, webhook_secret_set))
    return [
        Finding(True, "STRIPE_SECRET_KEY is accepted"),
        *_own_settings(gateway, base_url, production, webhook_secret_set),
        *_endpoint(gateway, base_url),
        *_prices(db, gateway),
        *_other_mode(db, gateway),
        _portal(db, gateway),
        *_events(db),
    ]


# --- What the settings alone tell -----------------------------------------------------------------------------------


def _own_settings(gateway: Gateway, base_url: str, production: bool, webhook_secret_set: bool) -> Iterator[Finding]:
    if gateway.livemode:
        yield Finding(True, "The key is a live key: real money moves")
        yield _public_address(base_url)
    elif production:
        yield Finding(False, "The key is a test key, and APP_ENV is production: nobody really pays")
    else:
        yield Finding(True, "The key is a test key: no real money moves")
    if webhook_secret_set:
        yield Finding(True, "STRIPE_WEBHOOK_SECRET is set")
    else:
        yield Finding(False, "STRIPE_WEBHOOK_SECRET is not set: events are refused, so nobody gets what they pay for")


def _public_address(base_url: str) -> Finding:
    if _is_here(base_url):
        return Finding(False, f"BASE_URL is {base_url}: with a live key people must be able to come back from Stripe")
    if urlsplit(base_url).scheme != "https":
        return Finding(False, f"BASE_URL is {base_url}: with a live key Stripe sends events to https only")
    return Finding(True, f"BASE_URL is {base_url}")


def _is_here(base_url: str) -> bool:
    return (urlsplit(base_url).hostname or "") in _HERE


# --- What Stripe tells ----------------------------------------------------------------------------------------------


def _endpoint(gateway: Gateway, base_url: str) -> Iterator[Finding]:
    url = base_url.rstrip("/") + WEBHOOK_PATH
    ours = [endpoint for endpoint in gateway.webhook_endpoints() if endpoint.url == url and endpoint.enabled]
    if not ours:
        yield _no_endpoint(gateway, base_url, url)
        return
    if len(ours) > 1:
        yield Finding(False, f"{len(ours)} enabled webhook endpoints point to {url}: only one can have our secret")
    for endpoint in ours:
        missing = [] if "*" in endpoint.events else sorted(set(HANDLED_EVENTS) - endpoint.events)
        if missing:
            yield Finding(False, f"The webhook endpoint {endpoint.id} does not send {', '.join(missing)}")
        else:
            yield Finding(True, f"The webhook endpoint {endpoint.id} sends every event that is handled to {url}")


def _no_endpoint(gateway: Gateway, base_url: str, url: str) -> Finding:
    if _is_here(base_url) and not gateway.livemode:
        # Stripe can't reach this machine, so there is nothing to find; its own command line passes events on.
        address = url.partition("://")[2]
        return Finding(True, f"Events come here only while `stripe listen --forward-to {address}` runs")
    return Finding(False, f"No enabled webhook endpoint at Stripe points to {url}")


def _events(db: Database) -> Iterator[Finding]:
    """Say what has come so far, and yield a finding for each kind of event that could not be handled."""
    with db.read() as tx:
        counted = tx.execute(select(StripeEvent.outcome, func.count()).group_by(StripeEvent.outcome)).all()
        failed = tx.execute(
            select(StripeEvent.type, StripeEvent.error, func.count())
            .where(StripeEvent.outcome == EventOutcome.FAILED)
            .group_by(StripeEvent.type, StripeEvent.error)
        ).all()
    for kind, error, number in failed:
        yield Finding(False, f"{number} events {kind} could not be handled ({error}): `flask stripe reconcile --apply`")
    numbers = {str(outcome): number for outcome, number in counted}
    handled = numbers.get("applied", 0) + numbers.get("unchanged", 0)
    others = f"{numbers.get('foreign', 0)} were of other products, {numbers.get('unknown_type', 0)} of other types"
    yield Finding(True, f"{handled} events were handled so far; {others}")


def _prices(db: Database, gateway: Gateway) -> Iterator[Finding]:
    with db.read() as tx:
        sold = [item for item in items(tx) if item.is_sold]
        ours = {item: catalogue.price_for(tx, item.kind, item.key, livemode=gateway.livemode) for item in sold}
    found = {price.lookup_key: price for price in gateway.prices([item.lookup_key for item in sold])}
    wrong = [Finding(False, text) for item in sold if (text := _wrong(item, found.get(item.lookup_key), ours[item]))]
    yield from wrong
    if not wrong:
        yield Finding(True, f"All {len(sold)} prices are at Stripe and equal to the price list")


def _wrong(item: Item, price: Price | None, entry: StripeCatalogEntry | None) -> str | None:
    if price is None or not price.active:
        return f"There is no price for {item.label} at Stripe: {_SYNC}"
    if not item.is_met_by(price):
        return f"Stripe's price for {item.label} differs from the price list ({item.cost(item.amount)}): {_SYNC}"
    if entry is None or entry.id != price.id:
        return f"The price for {item.label} is at Stripe, but not in this database: {_SYNC}"
    return None


def _other_mode(db: Database, gateway: Gateway) -> Iterator[Finding]:
    """Yield a finding if the database also offers prices of the mode that the key is not for."""
    other = StripeCatalogEntry.livemode != gateway.livemode
    with db.read() as tx:
        number = tx.scalar(select(func.count()).where(other, StripeCatalogEntry.active)) or 0
    if not number:
        return
    if gateway.livemode:
        yield Finding(False, f"Live and test are mixed: {number} prices of test mode are still offered: {_SYNC}")
    else:
        text = f"Live and test are mixed: the key is a test key, and the database holds {number} live prices"
        yield Finding(False, f"{text}: is it the production database?")


def _portal(db: Database, gateway: Gateway) -> Finding:
    with db.read() as tx:
        entry = catalogue.price_for(tx, PORTAL, PORTAL, livemode=gateway.livemode)
    portal = next((one for one in gateway.portals() if entry is not None and one.id == entry.id), None)
    if portal is None:
        return Finding(False, f"The customer portal is not set up: {_SYNC}")
    if not portal.fits:
        return Finding(False, f"The customer portal lets people do what we don't mean: {_SYNC}")
    return Finding(True, "The customer portal is set up: cards, invoices, and cancelling at the period's end")
