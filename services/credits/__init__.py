"""Charge, settle, refund, grant and roll over: the only writer of wallets and of the ledger.

Every function runs inside the caller's write transaction and never commits. `wake` comes first: it locks the wallet's
row, so that whatever follows sees and changes it alone; usage logs, messages and conversations are locked after it, in
this order. Every change goes through `posting`, which writes the wallet and its ledger row together. A request that is
refused rolls back what `wake` did on its behalf; the next use does it again.
"""

from services.credits.packs import claw_back_pack, claw_back_plan, complete_purchase
from services.credits.plans import (
    begin_paid_period,
    fall_to_free,
    grant_late,
    mirror,
    schedule,
    unschedule,
    upgrade,
)
from services.credits.posting import LedgerError
from services.credits.refunds import refunded
from services.credits.spending import (
    Work,
    charge,
    end_leases,
    forget_conversations,
    give_up,
    refund,
    release_stale,
    renew,
    settle,
)
from services.credits.wallet import FREE, enter, free_tier, open_wallet, refresh, wake

__all__ = [
    "FREE",
    "LedgerError",
    "Work",
    "begin_paid_period",
    "charge",
    "claw_back_pack",
    "claw_back_plan",
    "complete_purchase",
    "end_leases",
    "enter",
    "fall_to_free",
    "forget_conversations",
    "free_tier",
    "give_up",
    "grant_late",
    "mirror",
    "open_wallet",
    "refresh",
    "refund",
    "refunded",
    "release_stale",
    "renew",
    "schedule",
    "settle",
    "unschedule",
    "upgrade",
    "wake",
]
