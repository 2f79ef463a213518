"""A client that leaves: its queries, threads, files and connection end with it."""

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.flows.faulty_parts import Fault
from tests.flows.raw_exchange import Connection, ask
from tests.flows.service import Service, serving

ROWS = 300_000
PROMISED_SECONDS = 1.0
NOISE_SECONDS = 4.0
"""Other work on the machine may delay what this one promises."""

SLOW = " OR ".join(f"t LIKE '%_a%_a%_a{number}x'" for number in range(100))
NOTHING = f"_where={quote(SLOW)}"
ALL_SLOWLY = f"_where={quote(f'NOT ({SLOW})')}"


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A service, and a view of its running queries."""

    service: Service
    queries: Fault


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("leaving")
    data = folder / "data"
    data.mkdir()
    numbers = pa.array(range(ROWS), pa.int64())
    texts = pa.array([f"{'a' * 100}{number}" for number in range(ROWS)])
    pq.write_table(pa.table({"n": numbers, "t": texts}), data / "slow.parquet", row_group_size=ROWS)
    queries = Fault()
    with serving(
        data,
        home=folder / "home",
        adapt=queries.adapt,
        scan_slots=2,
        scan_wait_seconds=30,
        spool_bytes=1_000_000,
    ) as service:
        # Files that stay open from the first request on.
        assert ask(service.port, "/slow.csv?n=1").whole
        yield Watched(service=service, queries=queries)


def eventually(happens: Callable[[], bool]) -> bool:
    """Look again and again, for as long as a promise and some noise take."""
    ends = time.monotonic() + PROMISED_SECONDS + NOISE_SECONDS
    while not happens():
        if time.monotonic() > ends:
            return False
        threading.Event().wait(0.02)
    return True


def no_thread_works() -> bool:
    return not {"ahead", "producer"} & {thread.name for thread in threading.enumerate()}


def open_files() -> list[str]:
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            links.append(str(descriptor.readlink()))
        except FileNotFoundError:
            continue
    return links


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A request, and how far its client waits before it leaves."""

    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    version: str = "1.1"
    bytes_read: int = 0


VISITS = {
    "a scan that finds nothing": Visit(target=f"/slow.csv?{NOTHING}"),
    "a scan that streams": Visit(target=f"/slow.csv?{ALL_SLOWLY}", bytes_read=1000),
    "a compressed stream": Visit(
        target=f"/slow.csv?{ALL_SLOWLY}", headers={"Accept-Encoding": "gzip"}, bytes_read=1000
    ),
    "a sort": Visit(target=f"/slow.csv?_sort=-t&{ALL_SLOWLY}"),
    "groups": Visit(target=f"/slow.csv?_select=n,count(*)&_group=n&{ALL_SLOWLY}"),
    "distinct rows": Visit(target=f"/slow.csv?_distinct=1&{ALL_SLOWLY}"),
    "a page": Visit(target=f"/slow.csv?_limit=10&{NOTHING}"),
    "a counting pass": Visit(target=f"/slow.csv?{ALL_SLOWLY}", headers={"Range": "bytes=9-"}),
    "an answer with a length": Visit(target=f"/slow.csv?{ALL_SLOWLY}", version="1.0"),
    "a Parquet file": Visit(target=f"/slow.parquet?{ALL_SLOWLY}"),
    "a count": Visit(target=f"/slow/-/count.json?{NOTHING}"),
}


@pytest.mark.parametrize("name", VISITS)
def test_the_query_ends_when_its_client_leaves(watched: Watched, name: str) -> None:
    visit = VISITS[name]
    before = open_files()
    connection = Connection(
        watched.service.port, visit.target, headers=visit.headers, version=visit.version
    )
    assert watched.queries.running_becomes(1, within_seconds=20)
    connection.take(visit.bytes_read)
    connection.leave()
    within = PROMISED_SECONDS + NOISE_SECONDS
    assert watched.queries.running_becomes(0, within_seconds=within)
    assert eventually(no_thread_works)
    assert eventually(lambda: len(open_files()) <= len(before)), (before, open_files())
    assert not list(watched.service.resources.spools.folder.iterdir())


def test_a_client_that_stands_still_and_leaves_takes_its_temporary_file_along(
    watched: Watched,
) -> None:
    def waits_on_disk() -> bool:
        folder = str(watched.service.resources.spools.folder)
        return any(path.startswith(folder) for path in open_files())

    connection = Connection(watched.service.port, "/slow.csv?_null=x", slow=True)
    connection.take(1000)
    assert eventually(waits_on_disk)
    connection.leave()
    assert watched.queries.running_becomes(0, within_seconds=PROMISED_SECONDS + NOISE_SECONDS)
    assert eventually(lambda: not waits_on_disk())
    assert eventually(no_thread_works)


def test_a_client_that_leaves_the_queue_makes_room_for_the_next(watched: Watched) -> None:
    port = watched.service.port
    running = [Connection(port, f"/slow.csv?{NOTHING}") for _ in range(2)]
    assert watched.queries.running_becomes(2, within_seconds=20)
    queueing = [Connection(port, f"/slow.csv?{NOTHING}") for _ in range(3)]
    for connection in [*queueing, *running]:
        connection.leave()
    assert watched.queries.running_becomes(0, within_seconds=PROMISED_SECONDS + NOISE_SECONDS)
    answer = ask(port, "/slow.csv?n=7")
    assert (answer.status, answer.whole) == (200, True)
    assert eventually(no_thread_works)


LEFT_EARLY = [
    Visit(target="/slow.csv?n__gte=1", bytes_read=100_000),
    Visit(target="/slow.ndjson", headers={"Accept-Encoding": "zstd"}, bytes_read=10_000),
    Visit(target="/slow.parquet?n__gte=1", bytes_read=10_000),
    Visit(target="/slow.csv", headers={"Range": "bytes=1000000-"}, bytes_read=100_000),
    Visit(target="/slow.parquet", bytes_read=10_000),
]


@pytest.mark.parametrize("visit", LEFT_EARLY, ids=lambda visit: visit.target)
def test_many_clients_that_leave_leave_nothing_behind(watched: Watched, visit: Visit) -> None:
    # What the last request left to the collector of cycles would hold a slot until it comes by.
    gc.disable()
    try:
        before = len(open_files())
        for _ in range(12):
            connection = Connection(
                watched.service.port, visit.target, headers=visit.headers, slow=True
            )
            connection.take(visit.bytes_read)
            connection.leave()
        within = PROMISED_SECONDS + NOISE_SECONDS
        assert watched.queries.running_becomes(0, within_seconds=within)
        assert eventually(no_thread_works)
        assert eventually(lambda: len(open_files()) <= before)
    finally:
        gc.enable()


def test_a_range_that_ends_early_ends_its_query(watched: Watched) -> None:
    gc.disable()
    try:
        assert ask(watched.service.port, "/slow.csv").whole
        part = ask(watched.service.port, "/slow.csv", headers={"Range": "bytes=0-99"})
        assert (part.status, len(part.body)) == (206, 100)
        within = PROMISED_SECONDS + NOISE_SECONDS
        assert watched.queries.running_becomes(0, within_seconds=within)
        assert eventually(no_thread_works)
    finally:
        gc.enable()


def test_a_head_request_leaves_no_query_behind(watched: Watched) -> None:
    gc.disable()
    try:
        connection = Connection(watched.service.port, "/slow.parquet?n__gte=2", method="HEAD")
        assert b"200 OK" in connection.take(16)
        connection.leave()
        within = PROMISED_SECONDS + NOISE_SECONDS
        assert watched.queries.running_becomes(0, within_seconds=within)
        assert eventually(no_thread_works)
    finally:
        gc.enable()


def test_no_descriptor_is_lost_in_fifty_downloads_that_broke(watched: Watched) -> None:
    def leave_one() -> None:
        connection = Connection(watched.service.port, f"/slow.csv?n__gte={os.getpid()}", slow=True)
        connection.take(5000)
        connection.leave()

    leave_one()
    assert eventually(no_thread_works)
    before = len(open_files())
    for _ in range(50):
        leave_one()
    assert watched.queries.running_becomes(0, within_seconds=PROMISED_SECONDS + NOISE_SECONDS)
    assert eventually(no_thread_works)
    assert eventually(lambda: len(open_files()) <= before)
