"""Real services and workers, killed at moments that nobody chose: every job ends, once."""

import threading
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from tests.demo_rows import demo_database
from tests.flows.killed_jobs import KilledJobs, Wish, killed_jobs, undisturbed
from tests.flows.killed_service import killed_service
from tests.flows.tenant_homes import add_tenant, store
from tests.long_runs import Account, amount, seed, until
from tests.postgres_parts import PostgresServer

from penstock.local.home_layout import databases_path
from penstock.local.jobs.databases import FileDatabases
from penstock.model.tenant import Tenant

IN_FLIGHT = 4
LONGEST_WAIT_SECONDS = 2.0
KILL_SECONDS = 120
RULES = {"PENSTOCK_EXPORT_PART_ROWS": "20000", "PENSTOCK_JOB_CANCEL_SECONDS": "3"}

SMALL = [
    Wish(type="dataset-slice", params={"dataset": "numbers", "query": "_sort=-n"}),
    Wish(type="dataset-slice", params={"dataset": "numbers", "query": ""}, formats=["csv"]),
    Wish(type="customers", formats=["ndjson"]),
]
DEMO = [
    Wish(type="customers", formats=["csv"]),
    Wish(type="premium-pay"),
    Wish(type="orders-by-month", formats=["json"]),
    Wish(type="audit-trail", formats=["csv", "ndjson"]),
    Wish(type="order-lines", formats=["csv"]),
    Wish(type="tenant-backup"),
    Wish(
        type="dataset-slice",
        params={"dataset": "conservation-area", "query": "_sort=-entity"},
        formats=["csv"],
    ),
]


def kill(
    killed: KilledJobs, *, wanted: int, others: list[Callable[[], None]], others_of_a_hundred: int
) -> None:
    """Kill so many workers, each in the midst of a job, and others now and then."""
    while killed.kills["worker"] < wanted:
        while len(killed.unfinished()) < IN_FLIGHT:
            killed.begin()
        until(lambda: bool(killed.working()), what="a worker begins", seconds=KILL_SECONDS)
        threading.Event().wait(killed.chance.uniform(0, LONGEST_WAIT_SECONDS))
        killed.maybe_cancel()
        if killed.chance.randrange(100) < others_of_a_hundred:
            killed.chance.choice(others)()
        else:
            killed.kill_a_worker()


@pytest.fixture
def home(tmp_path: Path, postgres: PostgresServer) -> Path:
    home = tmp_path / "home"
    add_tenant(home, Tenant(id="acme", hosts=("localhost",)))
    numbers = pa.table({"n": range(300_000), "text": [f"row {n}" for n in range(300_000)]})
    store(home, "acme", "numbers", numbers, row_group_rows=20_000)
    return home


def test_workers_are_killed_at_random_and_every_job_ends_once(
    home: Path, postgres: PostgresServer, capfd: pytest.CaptureFixture[str]
) -> None:
    account = Account("short run of kills", seed(), capfd)
    with demo_database(postgres) as database:
        FileDatabases(databases_path(home)).put("acme", database.connection_string)
        with (
            killed_service(home, tenant="acme", settings=RULES) as service,
            killed_jobs(service, SMALL, account.chance) as killed,
        ):
            expected = undisturbed(killed)
            kill(killed, wanted=3, others=[killed.kill_service], others_of_a_hundred=10)
            killed.await_ends(seconds=KILL_SECONDS)
            killed.check(expected)


@pytest.mark.long
def test_200_workers_are_killed_at_random_and_every_job_ends_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    account = Account("random kills", seed(), capfd)
    with (
        killed_service(tmp_path, tenant="demo", demo=True, settings=RULES) as service,
        killed_jobs(service, DEMO, account.chance) as killed,
    ):
        expected = undisturbed(killed)
        kill(
            killed,
            wanted=amount("KILLS", usual=200),
            others=[killed.kill_service, killed.kill_all_workers, killed.kill_database],
            others_of_a_hundred=12,
        )
        killed.await_ends(seconds=600)
        ended = killed.check(expected)
        attempts = sum(job.attempt for job in killed.all_jobs())
    account.figures |= {
        "kills": dict(killed.kills),
        "while": dict(killed.phases),
        "jobs": dict(ended),
        "attempts of those": attempts,
        "redriven": killed.redriven,
    }
    account.tell()
