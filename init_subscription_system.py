"""Prepare the database: migrate it, put the price list in place, and give every old user a wallet.

Edit the price list below and run `python init_subscription_system.py`; it is safe to run again at any time.
"""

import sys

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from config import ConfigError, Settings, load_settings
from models import SubscriptionTier, User, UserSubscription
from services import credits, price_list, schema
from services.database_errors import first_line
from services.price_list import PriceListError, money
from services.transaction import Database, connect, utcnow

# The price list, in dollars and credits a month. A tier or pack that is taken out becomes inactive and its holders
# keep it; a changed one counts from each wallet's next period on. The tier 'free' is where everybody starts. Pages show
# the credits and the price of one by themselves, so features need not repeat them.
# fmt: off
TIERS = [
    {
        'name': 'free',
        'display_name': 'Free Tier',
        'monthly_price': 0.0,
        'monthly_credits': 20,
        'description': 'Try it on real questions.',
        'features': [
            'All checks and tools',
            'Every conversation kept',
            'Failures refunded',
        ],
    },
    {
        'name': 'starter',
        'display_name': 'Starter',
        'monthly_price': 19.0,
        'monthly_credits': 200,
        'description': 'For one developer.',
        'features': ['Everything in Free'],
    },
    {
        'name': 'professional',
        'display_name': 'Professional',
        'monthly_price': 79.0,
        'monthly_credits': 1000,
        'description': 'For work that leans on it every day.',
        'features': ['Everything in Starter'],
    },
    {
        'name': 'business',
        'display_name': 'Business',
        'monthly_price': 199.0,
        'monthly_credits': 3000,
        'description': 'For the heaviest use.',
        'features': ['Everything in Professional'],
    },
]

# Credits that are bought once and never expire, in dollars.
PACKS = [
    {'credits': 100, 'price': 10.0},
    {'credits': 250, 'price': 20.0, 'popular': True},
    {'credits': 500, 'price': 35.0},
    {'credits': 1000, 'price': 60.0},
]

# What each action costs, in credits: a message, and each tool by its name. A tool that is not listed is not for sale.
ACTIONS = {
    'chat_message': 1,
    'http_check': 0,
    'tls_inspect': 0,
    'dns_lookup': 0,
    'log_analyze': 1,
    'k8s_manifest_lint': 0,
    'dockerfile_lint': 0,
    'compose_lint': 0,
    'ci_lint': 0,
    'terraform_review': 1,
    'cron_explain': 0,
    'cidr_calc': 0,
    'secret_scan': 0,
    'k8s_get': 1,
    'k8s_logs': 1,
    'k8s_diagnose': 1,
    'k8s_scale': 5,
    'k8s_restart': 5,
    'github_runs': 1,
    'github_deploy': 5,
    'promql_query': 1,
    'loki_query': 1,
    'aws_read': 1,
}
# fmt: on

_BATCH = 100
_SHOWN = 20


def main() -> int:
    """Run the script; return its exit status, 2 when the settings, the price list or the database won't do."""
    try:
        settings = load_settings()
        db = connect(settings.database, pool_size=2)
        try:
            _run(db)
        finally:
            db.engine.dispose()
    except SQLAlchemyError as error:
        return _give_up(f"the database refused: {first_line(error)}")
    except (ConfigError, PriceListError, schema.SchemaError, OSError) as error:
        return _give_up(str(error))
    except (ValueError, ImportError) as error:
        # None that is known to happen, so the kind of error may say more than its words.
        return _give_up(f"the database cannot be prepared: {type(error).__name__}: {error}")
    return 0


def prepare(settings: Settings) -> None:
    """Migrate the database and put in place what it has no prices of yet; for a server that starts.

    Prices that are there stay as they are until the operator runs the script.
    """
    db = connect(settings.database, pool_size=1)
    try:
        schema.upgrade(db)
        if price_list.is_empty(db):
            price_list.apply(db, TIERS, PACKS, ACTIONS, now=utcnow())
        else:
            price_list.add_actions(db, ACTIONS)
    finally:
        db.engine.dispose()


def give_wallets(db: Database) -> int:
    """Give the Free tier to every user who has no wallet, in short transactions; return how many there were."""
    given = 0
    while batch := _without_wallet(db):
        with db.write() as tx:
            for user_id in batch:
                credits.open_wallet(tx, user_id, now=utcnow())
        given += len(batch)
    return given


def active_credits(db: Database) -> int:
    """Return the sum of what all accounts can spend, deleted ones left out."""
    total = select(func.sum(UserSubscription.credits_remaining)).join(User, User.id == UserSubscription.user_id)
    with db.read() as tx:
        return int(tx.scalar(total.where(User.deleted_at.is_(None))) or 0)


def _run(db: Database) -> None:
    # A wrong list stops here, before the database is touched.
    price_list.check(TIERS, PACKS, ACTIONS)
    schema.upgrade(db)
    changes = price_list.apply(db, TIERS, PACKS, ACTIONS, now=utcnow())
    print("Creating subscription tiers...")
    for line in changes.tiers:
        print(f"  {line}")
    print("\nSubscription tiers set up successfully!")
    print(f"Migration complete! {give_wallets(db)} users migrated to free tier.")
    print(f"\nTotal Active Credits: {active_credits(db)}")
    _print_details(db, changes)


def _print_details(db: Database, changes: price_list.Changes) -> None:
    print("\nPrice list")
    for tier in _active_tiers(db):
        price = f"{money(tier.monthly_price_cents)}/mo"
        print(f"  {tier.display_name:<16}{price:>10}{tier.monthly_credits:>9,} credits a month")
    for line in (*changes.packs, *changes.actions):
        print(f"  {line}")
    _print_old_tables(db)
    _print_unreachable(db)


def _print_old_tables(db: Database) -> None:
    kept = schema.set_aside_tables(db)
    if not kept:
        return
    print("\nThe tables of the older database were kept; drop them when you no longer need them:")
    for name in kept:
        print(f"  {name}")
    wallets = schema.count_set_aside(db, UserSubscription.__tablename__)
    if wallets:
        print(
            f"\nOld wallets that are kept there and were not carried over: {wallets:,}. Everybody began with a new one."
        )


def _print_unreachable(db: Database) -> None:
    query = select(User.id, User.username).where(User.email.is_(None), User.deleted_at.is_(None)).order_by(User.id)
    with db.read() as tx:
        people = tx.execute(query).all()
    if not people:
        return
    print(f"\nAccounts without an e-mail address, which nobody can log in to: {len(people):,}")
    for user_id, username in people[:_SHOWN]:
        print(f"  {user_id} {username!r}" if username else f"  {user_id}")
    if len(people) > _SHOWN:
        print(f"  and {len(people) - _SHOWN:,} more")


def _active_tiers(db: Database) -> list[SubscriptionTier]:
    query = select(SubscriptionTier).where(SubscriptionTier.is_active)
    with db.read() as tx:
        return list(tx.scalars(query.order_by(SubscriptionTier.monthly_price_cents, SubscriptionTier.id)))


def _without_wallet(db: Database) -> list[int]:
    query = select(User.id).outerjoin(UserSubscription, UserSubscription.user_id == User.id)
    query = query.where(UserSubscription.id.is_(None), User.deleted_at.is_(None)).order_by(User.id).limit(_BATCH)
    with db.read() as tx:
        return list(tx.scalars(query))


def _give_up(reason: str) -> int:
    print(f"init_subscription_system.py: {reason}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
