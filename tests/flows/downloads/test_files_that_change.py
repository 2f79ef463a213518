"""Files: replaced, rewritten or cut short in mid-download, and a disk that is full."""

import os
import random
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.flows.raw_exchange import Connection, ask
from tests.flows.service import Service, serving

ROWS = 2_000
GROUP_ROWS = 500


def fat_table(seed: int) -> pa.Table:
    """20 MB that hardly compress: more than sockets and memory hold on their way."""
    chance = random.Random(seed)
    texts = [chance.randbytes(5000).hex() for _ in range(ROWS)]
    return pa.table({"n": pa.array(range(ROWS), pa.int64()), "text": texts})


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """Two files of one schema."""
    made = []
    for seed in (1, 2):
        path = tmp_path_factory.mktemp("made") / "fat.parquet"
        pq.write_table(fat_table(seed), path, row_group_size=GROUP_ROWS)
        made.append(path.read_bytes())
    return made[0], made[1]


@pytest.fixture
def stored(tmp_path: Path, versions: tuple[bytes, bytes]) -> Path:
    path = tmp_path / "data" / "fat.parquet"
    path.parent.mkdir()
    path.write_bytes(versions[0])
    return path


def replace_it(path: Path, content: bytes) -> None:
    fresh = path.with_name("fresh.tmp")
    fresh.write_bytes(content)
    fresh.replace(path)


def rewrite_it(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def cut_it_short(path: Path, content: bytes) -> None:
    os.truncate(path, 10_000)


CHANGES = [replace_it, rewrite_it, cut_it_short]
SLICES = [
    "/fat.csv",
    "/fat.csv?n__gte=0",
    "/fat.ndjson?_select=text,n",
    "/fat.arrow?n__gte=0",
    "/fat.csv?_sort=-n",
    "/fat.parquet",
    "/fat.parquet?n__gte=0",
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("target", SLICES)
def test_one_answer_is_one_snapshot_or_breaks_off(
    tmp_path: Path,
    stored: Path,
    versions: tuple[bytes, bytes],
    target: str,
    change: Callable[[Path, bytes], None],
) -> None:
    with serving(
        stored.parent, home=tmp_path / "home", batch_rows=100, spool_bytes=100_000
    ) as service:
        before = ask(service.port, target)
        assert before.whole
        connection = Connection(service.port, target, slow=True)
        connection.take(1000)
        change(stored, versions[1])
        during = connection.rest()
        assert during.status == 200
        assert before.body.startswith(during.body)
        if during.whole:
            assert during.body == before.body
        after = ask(service.port, target)
        if change is cut_it_short:
            assert after.status >= 500
        else:
            assert after.whole
            assert after.headers["etag"] != before.headers["etag"]
            assert after.body != before.body


@pytest.mark.parametrize("change", CHANGES)
def test_a_range_of_what_was_there_before_is_not_patched_onto_it(
    tmp_path: Path,
    stored: Path,
    versions: tuple[bytes, bytes],
    change: Callable[[Path, bytes], None],
) -> None:
    with serving(stored.parent, home=tmp_path / "home") as service:
        for target in ("/fat.parquet", "/fat.csv?n__gte=0"):
            change(stored, versions[0])
            if change is cut_it_short:
                stored.write_bytes(versions[0])
            before = ask(service.port, target)
            change(stored, versions[1])
            headers = {"Range": "bytes=100-199", "If-Range": before.headers["etag"]}
            after = ask(service.port, target, headers=headers)
            assert after.status == (500 if change is cut_it_short else 200)


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """No file of this process grows beyond a size, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def service(tmp_path: Path, stored: Path) -> Iterator[Service]:
    with serving(stored.parent, home=tmp_path / "home", batch_rows=100) as running:
        yield running


@pytest.mark.parametrize("size_bytes", [1_000_000, 5_000_000, 9_000_000])
def test_a_slow_reader_gets_a_true_beginning_where_the_disk_is_full(
    service: Service, size_bytes: int
) -> None:
    # A sort isn't paused: all of its answer waits on disk.
    target = "/fat.csv?_sort=n"
    truth = ask(service.port, target)
    assert truth.whole
    with files_of_at_most(size_bytes):
        connection = Connection(service.port, target, slow=True)
        connection.take(1000)
        for thread in threading.enumerate():
            if thread.name == "producer":
                thread.join(20)
        exchange = connection.rest()
        assert not exchange.whole
        assert truth.body.startswith(exchange.body)
        assert len(exchange.body) > size_bytes // 2
        receipt = f"{service.url}/-/receipts/{exchange.headers['download-id']}"
        assert httpx.get(receipt).json()["state"] == "aborted"
    assert ask(service.port, target).whole


@pytest.mark.parametrize(
    ("target", "version", "headers"),
    [
        ("/fat.csv?n__gte=0", "1.0", {}),
        ("/fat.csv?n__gte=1", "1.1", {"Range": "bytes=5-"}),
        ("/fat.parquet?n__gte=2", "1.1", {}),
    ],
)
def test_an_answer_that_finds_no_room_on_disk_is_a_problem(
    service: Service, target: str, version: str, headers: dict[str, str]
) -> None:
    with files_of_at_most(1_000_000):
        refused = ask(service.port, target, version=version, headers=headers)
    assert refused.status in (500, 503)
    assert refused.problem["status"] == refused.status
    assert ask(service.port, target, version=version, headers=headers).whole
