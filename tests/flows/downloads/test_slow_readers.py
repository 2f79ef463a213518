"""Slow readers: what waits for them on disk is all there, and so is the fault behind it."""

from collections.abc import Iterator

import pytest
from tests.flows.faulty_service import Faulty, assert_visible, damaged, faulty_service
from tests.flows.raw_exchange import Connection

GROUP_BATCHES = 40


@pytest.fixture(scope="module")
def stalling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    """The answer is larger than what fits into memory and sockets on its way."""
    folder = tmp_path_factory.mktemp("stalling")
    with faulty_service(
        folder, batches=100, group_batches=GROUP_BATCHES, spool_bytes=100_000
    ) as faulty:
        yield faulty


def stalled(faulty: Faulty, target: str, **headers: str) -> Connection:
    """A client that doesn't read."""
    return Connection(faulty.service.port, target, headers=headers, slow=True)


@pytest.mark.parametrize("batch", [38, 60, 100])
def test_a_slow_reader_gets_what_was_read_and_then_the_break(stalling: Faulty, batch: int) -> None:
    truth = stalling.whole("csv", "identity")
    stalling.fault.fail(batch, damaged)
    # Without a filter, the query goes on to the end of its row group.
    connection = stalled(stalling, f"/fat.csv?_null=none-{batch}")
    connection.take(1000)
    if batch < GROUP_BATCHES:
        # Within the first row group, the fault comes while the reader stands still.
        assert stalling.fault.struck.wait(20)
    exchange = connection.rest()
    assert exchange.status == 200
    assert_visible(exchange, truth)
    assert len(exchange.body) > (batch - 4) * len(truth) // 101


@pytest.mark.parametrize("batch", [60, 100])
def test_a_parquet_file_that_breaks_off_has_no_end(stalling: Faulty, batch: int) -> None:
    truth = stalling.whole("parquet", "identity")
    stalling.fault.fail(batch, damaged)
    exchange = stalling.ask(stalling.new_target("parquet"))
    assert exchange.status == 200
    assert_visible(exchange, truth)
    assert len(exchange.body) < len(truth)


def test_a_slow_reader_gets_the_same_bytes_as_a_quick_one(stalling: Faulty) -> None:
    truth = stalling.whole("csv", "identity")
    stalling.fault.clear()
    connection = stalled(stalling, stalling.new_target("csv"))
    connection.take(1000)
    exchange = connection.rest()
    assert exchange.whole
    assert exchange.body == truth
