"""Offer a site that is paid through a stand-in for Stripe, whose hosted pages people reach on a port of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes.anthropic_server import FakeAnthropic
from tests.fakes.stripe import FakeStripe
from tests.journeys.support import Witness
from tests.support import processes
from tests.support.databases import SqliteFiles
from tests.support.servers import Server, servers
from tests.support.tills import WEBHOOK, environment


@dataclass(frozen=True)
class PaidSite:
    """One `python app.py` and where its payments go."""

    server: Server
    stripe: FakeStripe


@pytest.fixture(scope="session")
def paid_site(
    fake_model: FakeAnthropic,
    sqlite_files: SqliteFiles,
    tmp_path_factory: pytest.TempPathFactory,
    browser_type_launch_args: dict[str, Any],
) -> Iterator[PaidSite]:
    """Return the site of all journeys that pay; its price list is taken to Stripe as an operator does it."""
    model = {"AGENT": "claude", "ANTHROPIC_API_KEY": "sk-ant-test", "ANTHROPIC_BASE_URL": fake_model.url}
    folder = tmp_path_factory.mktemp("paid")
    url = sqlite_files.prepared()
    with FakeStripe() as stripe:
        variables = {**model, **environment(stripe)}
        told = processes.run(
            *("-m", "flask", "stripe", "sync"), env=processes.environment(folder, DATABASE_URL=url, **variables)
        )
        assert told.returncode == 0, told.stderr
        with servers(folder, url, **variables) as (server,):
            stripe.webhook_url = f"{server.url}{WEBHOOK}"
            yield PaidSite(server, stripe)
            stripe.wait_delivered()
    log = next(folder.glob("server-*.log")).read_text(errors="replace")
    assert "Traceback" not in log, log[log.index("Traceback") :][:4000]


@pytest.fixture
def stripe(paid_site: PaidSite) -> FakeStripe:
    """Return Stripe, which knows the price list, nobody yet, and stands at this moment."""
    paid_site.stripe.wait_delivered()
    paid_site.stripe.forget_people(datetime.now(UTC))
    return paid_site.stripe


@pytest.fixture
def site(paid_site: PaidSite, stripe: FakeStripe) -> Server:
    """Return the site that the journeys of this folder are about."""
    return paid_site.server


@pytest.fixture
def witness(witness: Witness, stripe: FakeStripe) -> Witness:
    """Watch as ever; people go to Stripe's pages, but ours load nothing from there."""
    witness.let_go_to(stripe.url)
    return witness
