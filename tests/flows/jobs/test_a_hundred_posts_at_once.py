"""A hundred requests with one Idempotency-Key, all at one moment: one job, and nothing twice."""

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pyarrow as pa
import pytest
from tests.flows.killed_jobs import Wish
from tests.flows.killed_service import KilledService, add_key, killed_service
from tests.flows.tenant_homes import add_tenant, store

from penstock.local.home_layout import jobs_path
from penstock.model.tenant import Tenant

POSTS = 100
PATIENCE_SECONDS = 120
WISH = Wish(type="dataset-slice", params={"dataset": "numbers", "query": "n__lt=50"})


@pytest.fixture
def service(tmp_path: Path) -> Iterator[KilledService]:
    home = tmp_path / "home"
    add_tenant(home, Tenant(id="acme", hosts=("localhost",)))
    store(home, "acme", "numbers", pa.table({"n": range(1000)}))
    # Nobody works, so that everything that was made is still there.
    with killed_service(home, tenant="acme", settings={"PENSTOCK_WORKERS": "0"}) as running:
        yield running


def rows(service: KilledService, sql: str) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(jobs_path(service.home), timeout=30)) as records:
        return list(records.execute(sql))


def test_a_hundred_posts_at_one_moment_make_one_job_one_event_and_one_message(
    service: KilledService,
) -> None:
    other = add_key(service.home, "acme", user="bob")
    all_at_once = threading.Barrier(POSTS)

    def post(number: int) -> tuple[int, bytes, str | None]:
        # Two users, each with a key of the same text: what is one's is not the other's.
        key = service.key if number % 2 else other
        headers = {"host": "localhost", "x-api-key": key, "idempotency-key": "all-at-once"}
        with httpx.Client(timeout=PATIENCE_SECONDS) as client:
            all_at_once.wait(PATIENCE_SECONDS)
            answer = client.post(
                f"http://127.0.0.1:{service.port}/v1/exports", json=WISH.body, headers=headers
            )
        return answer.status_code, answer.content, answer.headers.get("location")

    with ThreadPoolExecutor(POSTS) as threads:
        answers = list(threads.map(post, range(POSTS)))
    assert {status for status, _, _ in answers} <= {202, 409}
    for first in (0, 1):
        made = {answer for answer in answers[first::2] if answer[0] == 202}
        assert len(made) == 1
    assert rows(service, "SELECT user, count(*) FROM job GROUP BY user ORDER BY user") == [
        ("ada", 1),
        ("bob", 1),
    ]
    events = Counter(name for name, _ in rows(service, "SELECT job_id, seq FROM job_event"))
    assert sorted(events.values()) == [1, 1]
    assert rows(service, "SELECT tenant, count(*) FROM message GROUP BY tenant") == [("acme", 2)]
