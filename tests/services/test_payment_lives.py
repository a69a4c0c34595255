"""Random lives of paying customers: whatever happens, in whatever order it is told, the credit rules hold.

Each life is played twice beside a Stripe in this process, with its events in another order the second time; how the two
are kept comparable is told in `tests/support/lives_play.py`. At every barrier the audit is clean, a plain model of the
rules agrees with the wallet, and a further look at Stripe changes nothing.

`LIVES=2000 python -m pytest tests/services/test_payment_lives.py` plays more of them; `LIVES_FROM` is the number of the
first one, and `LIFE=<number>` plays a single one again.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from services.transaction import connect
from tests.fakes.stripe import FakeStripe
from tests.support.databases import PostgresServer, Source
from tests.support.lives_play import Count, random_life
from tests.support.lives_stage import open_stage
from tests.support.shops import NOON, Shop

LIVES = int(os.environ.get("LIVES", "24"))
"""How many lives are played in all; PostgreSQL takes every fourth one."""
FIRST = int(os.environ.get("LIVES_FROM", "1"))
ONE = os.environ.get("LIFE")
TOGETHER = 25
"""How many lives share a database, so that neither it nor the audit grows without end."""
MOST_STORIES = 3
"""After so many lives that went wrong no more are played."""


@pytest.mark.timeout(0)
def test_lives_follow_the_rules_in_every_order(databases: Source, request: pytest.FixtureRequest) -> None:
    kind = request.node.callspec.params["databases"]
    count, began, stories = Count(), time.monotonic(), list[str]()
    for some in chunks(kind):
        with stage(databases) as shop:
            for number in some:
                if len(stories) < MOST_STORIES and (story := random_life(shop, str(number), count)):
                    stories.append(story)
    sys.stdout.write(f"\n{kind}: {count}, {time.monotonic() - began:.0f} s\n")
    if stories:
        pytest.fail("\n\n".join(stories), pytrace=False)


def chunks(kind: str) -> Iterator[list[int]]:
    """Yield the numbers of lives that are played on one database of this kind."""
    numbers = [int(ONE)] if ONE else [n for n in range(FIRST, FIRST + LIVES) if (n % 4 == 0) == (kind == "postgresql")]
    for at in range(0, len(numbers), TOGETHER):
        yield numbers[at : at + TOGETHER]


@contextmanager
def stage(databases: Source) -> Iterator[Shop]:
    """Yield a shop on a new database."""
    url = databases.prepared()
    db = connect(url, pool_size=5)
    try:
        with FakeStripe(now=NOON, serve=False, checks=False) as stripe:
            yield open_stage(db, stripe)
    finally:
        db.engine.dispose()
        if isinstance(databases, PostgresServer):
            databases.drop(url)
