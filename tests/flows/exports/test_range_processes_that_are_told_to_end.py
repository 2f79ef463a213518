"""A service that is to end tells each process: one that reads a range leaves it to its worker."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.range_processes import PATIENCE_SECONDS, await_end_of, readers_of

from penstock.errors import JobCancelledError, RecoverableError
from penstock.exports.limits import ExportLimits
from penstock.local.home_layout import databases_path
from penstock.local.jobs.databases import FileDatabases
from penstock.local.jobs.range_pool import RangePool
from penstock.model.job_id import new_job_id
from penstock.ports import RangesRequest


@pytest.fixture
def database() -> Iterator[socket.socket]:
    """A server that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE_SECONDS)
        yield server


@pytest.fixture
def pool(database: socket.socket, tmp_path: Path) -> RangePool:
    port = database.getsockname()[1]
    FileDatabases(databases_path(tmp_path)).put("acme", f"postgresql://u:p@127.0.0.1:{port}/d")
    return RangePool(home=tmp_path, has_demo=False, limits=ExportLimits(), at_once=1)


def wanted() -> RangesRequest:
    job_id = new_job_id()
    described = {
        "number": 0,
        "snapshot": "00000003-0000001B-1",
        "sql": "SELECT 1 AS a",
        "parameters": [],
        "sort": ["a"],
    }
    return RangesRequest(
        tenant="acme",
        job_id=job_id,
        folder=f"exports/{job_id}",
        fencing_token=1,
        ranges=[described],
    )


class Meanwhile:
    """Does something once the process of the range has connected to its database."""

    def __init__(self, database: socket.socket, then: Callable[[list[int]], None]) -> None:
        self._database = database
        self._then = then
        self._connected: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join(PATIENCE_SECONDS)
        for connection in self._connected:
            connection.close()

    def _run(self) -> None:
        connection, _ = self._database.accept()
        self._connected.append(connection)
        self._then(readers_of(os.getpid()))


def tell(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


def told_nothing(_: int, __: int) -> None:
    pass


def test_a_worker_that_is_to_end_says_so_and_not_that_a_range_was_lost(
    pool: RangePool, database: socket.socket
) -> None:
    connected, ended = threading.Event(), list[int]()

    def cancelled() -> bool:
        # The process ends, and the worker hears that it is to, just behind this look.
        if connected.is_set() and not ended:
            ended.extend(readers_of(os.getpid()))
            tell(ended, signal.SIGKILL)
            assert await_end_of(ended)
            return False
        return bool(ended)

    with Meanwhile(database, lambda _: connected.set()), pytest.raises(JobCancelledError) as raised:
        pool.read(wanted(), cancelled=cancelled, told=told_nothing)
    assert isinstance(raised.value.__cause__, RecoverableError)


def test_a_process_that_was_lost_is_a_recoverable_error(
    pool: RangePool, database: socket.socket
) -> None:
    with (
        Meanwhile(database, lambda readers: tell(readers, signal.SIGKILL)),
        pytest.raises(RecoverableError, match="ended before"),
    ):
        pool.read(wanted(), cancelled=lambda: False, told=told_nothing)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_range_is_read_on_until_its_worker_ends_it(
    pool: RangePool, database: socket.socket, number: signal.Signals
) -> None:
    is_told, readers = threading.Event(), list[int]()
    looks = iter(range(10))

    def tell_all(found: list[int]) -> None:
        readers.extend(found)
        tell(found, number)
        is_told.set()

    def cancelled() -> bool:
        # It lives for some looks more, in each of which its end would be noticed.
        return is_told.is_set() and next(looks, None) is None

    with Meanwhile(database, tell_all), pytest.raises(JobCancelledError) as raised:
        pool.read(wanted(), cancelled=cancelled, told=told_nothing)
    assert raised.value.__cause__ is None
    assert readers
    assert await_end_of(readers)
