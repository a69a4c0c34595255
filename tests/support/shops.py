"""Run the product's payments against the fake Stripe in one process: real SDK, real database, one clock."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from clients.stripe_gateway import StripeGateway
from errors import AppError
from models import CreditPurchase, StripeInvoice, User, UserSubscription
from services import audit, billing, catalogue, credits, stripe_events
from services.transaction import Database
from tests.fakes.stripe import FakeStripe
from tests.support.wallets import LEASE, wallet_of

SITE = "http://shop.test"
NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


class Shop:
    """A database, a gateway and the Stripe behind it; `stripe.hold` decides when events arrive."""

    def __init__(self, db: Database, stripe: FakeStripe, *, synced: bool = True) -> None:
        self.db = db
        self.stripe = stripe
        self.gateway = StripeGateway(
            stripe.secret_key,
            webhook_secret=stripe.webhook_secret,
            base=stripe.url,
            http_client=stripe.http_client(),
        )
        stripe.post.receiver = self.receive
        if synced:
            catalogue.sync(db, self.gateway, now=self.now)
        self._count = 0

    @property
    def now(self) -> datetime:
        """Return the time of the fake's clock, which is everybody's."""
        return self.stripe.now

    def receive(self, body: bytes, signature: str) -> int:
        """Take in an event as the webhook does, and return the status."""
        try:
            stripe_events.receive(self.db, self.gateway, body, signature, now=self.now)
        except AppError as error:
            return error.status
        return 200

    # --- What people do

    def new_user(self) -> int:
        """Sign somebody up."""
        with self.db.write() as tx:
            self._count += 1
            email = f"payer{self._count}-{id(self)}@example.com"
            user = User(email=email, email_key=email, created_at=self.now)
            tx.add(user)
            tx.flush()
            credits.open_wallet(tx, user.id, now=self.now)
            return user.id

    def choose(self, user_id: int, tier: str) -> dict[str, Any]:
        """Choose a plan."""
        return billing.choose_tier(self.db, self.gateway, user_id, tier_name=tier, site=SITE, now=self.now)

    def subscribe(self, user_id: int, tier: str, card: str = "ok") -> str:
        """Choose a plan and pay for it on the payment page; return the page's id."""
        page = self.choose(user_id, tier)
        self.stripe.pay(page["session_id"], card)
        self.arrive()
        return str(page["session_id"])

    def order(self, user_id: int, size: int) -> dict[str, Any]:
        """Ask for a pack, and return the answer with its payment page."""
        return billing.buy_pack(self.db, self.gateway, user_id, pack_size=size, site=SITE, now=self.now)

    def buy(self, user_id: int, size: int, card: str = "ok") -> str:
        """Buy a pack and return its payment page's id."""
        page = self.order(user_id, size)
        self.stripe.pay(page["session_id"], card)
        self.arrive()
        return str(page["session_id"])

    def cancel(self, user_id: int) -> dict[str, Any]:
        """Cancel the plan."""
        return billing.cancel(self.db, self.gateway, user_id, now=self.now)

    def resume(self, user_id: int) -> dict[str, Any]:
        """Undo what is pending."""
        return billing.resume(self.db, self.gateway, user_id, now=self.now)

    def spend(self, user_id: int, price: int) -> int:
        """Charge some credits for good and return the usage log's id."""
        with self.db.write() as tx:
            wallet = credits.wake(tx, user_id, now=self.now, simulated=False)
            work = credits.Work(user_id, "chat_message")
            log_id = credits.charge(tx, wallet, work, price=price, lease=LEASE, now=self.now).id
            credits.settle(tx, log_id, now=self.now, simulated=False)
            return log_id

    def arrive(self) -> None:
        """Wait until every event that is not held has been handled."""
        self.stripe.wait_delivered()

    # --- What can be seen

    def wallet(self, user_id: int) -> UserSubscription:
        """Return the wallet as it is stored."""
        return wallet_of(self.db, user_id)

    def state(self, user_id: int) -> tuple[str, int, int]:
        """Return the tier, the plan credits and the pack credits, after a look at the clock."""
        credits.refresh(self.db, user_id, now=self.now, simulated=False)
        wallet = self.wallet(user_id)
        return wallet.tier.name, wallet.plan_credits, wallet.pack_credits

    def customer(self, user_id: int) -> str:
        """Return the user's customer."""
        return str(self.wallet(user_id).stripe_customer_id)

    def invoices(self, user_id: int) -> list[StripeInvoice]:
        """Return the user's invoices, the oldest first."""
        with self.db.read() as tx:
            mine = select(StripeInvoice).where(StripeInvoice.user_id == user_id)
            return list(tx.scalars(mine.order_by(StripeInvoice.created_at, StripeInvoice.id)))

    def purchases(self, user_id: int) -> list[CreditPurchase]:
        """Return the user's purchases, the oldest first."""
        with self.db.read() as tx:
            mine = select(CreditPurchase).where(CreditPurchase.user_id == user_id)
            return list(tx.scalars(mine.order_by(CreditPurchase.id)))

    def is_sound(self) -> None:
        """Check that the ledger adds up."""
        assert audit.audit(self.db) == []
