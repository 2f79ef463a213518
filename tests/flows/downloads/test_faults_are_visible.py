"""Faults: whatever breaks while an answer is made, no client takes a part for the whole."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from tests.conftest import missing
from tests.flows.faulty_parts import Fault
from tests.flows.faulty_service import SECRET, Faulty, assert_visible, damaged, faulty_service

from penstock import errors
from penstock.errors import PenstockError
from penstock.web.problems import status_of

BATCHES = 5
FORMATS = ["csv", "json", "ndjson", "parquet", "arrow"]
CODINGS = ["identity", "gzip", "zstd"]


@pytest.fixture(scope="module")
def streaming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    """Every answer is larger than a spool."""
    folder = tmp_path_factory.mktemp("streaming")
    with faulty_service(folder, batches=BATCHES, group_batches=2, spool_bytes=100_000) as faulty:
        yield faulty


@pytest.fixture(scope="module")
def spooling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    """Every answer fits into a spool."""
    folder = tmp_path_factory.mktemp("spooling")
    with faulty_service(folder, batches=BATCHES, group_batches=2, spool_bytes=50_000_000) as faulty:
        yield faulty


def faults_at(fault: Fault, batch: int) -> list[Callable[[], None]]:
    """What can go wrong at a batch; behind the last one, no file can be found replaced."""
    failing: list[Callable[[], None]] = [lambda: fault.fail(batch, damaged)]
    if batch < BATCHES:
        failing.append(lambda: fault.replace_file(batch))
    return failing


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("extension", FORMATS)
def test_a_stream_that_fails_at_any_batch_breaks_off(
    streaming: Faulty, extension: str, coding: str
) -> None:
    truth = streaming.whole(extension, coding)
    broken = 0
    for batch in range(BATCHES + 1):
        for arm in faults_at(streaming.fault, batch):
            arm()
            exchange = streaming.ask(streaming.new_target(extension), coding)
            assert_visible(exchange, truth)
            assert streaming.fault.struck.is_set()
            if batch == 0:
                assert exchange.status >= 500
            if exchange.status == 200:
                broken += 1
                assert exchange.headers["transfer-encoding"] == "chunked"
                assert streaming.receipt_state(exchange) == "aborted"
    # Nothing of a Parquet file is sent before a row group of 16 MiB is full.
    assert broken >= (0 if extension == "parquet" else BATCHES)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("extension", FORMATS)
def test_a_stream_of_known_length_that_fails_at_any_batch_falls_short_of_it(
    streaming: Faulty, extension: str, coding: str
) -> None:
    truth = streaming.whole(extension, coding)
    target = streaming.new_target(extension)
    streaming.fault.clear()
    assert streaming.ask(target, coding).whole
    broken = 0
    for batch in range(BATCHES):
        for arm in faults_at(streaming.fault, batch):
            arm()
            exchange = streaming.ask(target, coding)
            assert_visible(exchange, truth)
            if batch == 0:
                assert exchange.status >= 500
            if exchange.status == 200:
                broken += 1
                assert exchange.headers["content-length"] == str(len(truth))
                assert streaming.receipt_state(exchange) == "aborted"
    assert broken >= (0 if extension == "parquet" else BATCHES - 1)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("extension", FORMATS)
def test_an_answer_built_before_it_is_sent_fails_as_a_problem(
    spooling: Faulty, extension: str, version: str
) -> None:
    coding = "gzip" if version == "1.0" else "identity"
    headers = {"Range": "bytes=0-99"} if version == "1.1" else {}
    for batch in range(BATCHES + 1):
        for arm in faults_at(spooling.fault, batch):
            arm()
            target = spooling.new_target(extension)
            exchange = spooling.ask(target, coding, headers=headers, version=version)
            assert exchange.status in (500, 503)
            assert exchange.problem["status"] == exchange.status
    spooling.fault.clear()
    exchange = spooling.ask(target, coding, headers=headers, version=version)
    assert exchange.whole
    assert spooling.whole(extension, coding).startswith(exchange.body)


@pytest.mark.parametrize("extension", FORMATS)
def test_an_http_1_0_answer_larger_than_a_spool_fails_as_a_problem(
    streaming: Faulty, extension: str
) -> None:
    for batch in range(BATCHES + 1):
        streaming.fault.fail(batch, damaged)
        exchange = streaming.ask(streaming.new_target(extension), version="1.0")
        assert exchange.status == 500
        assert exchange.problem["status"] == 500


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("extension", ["csv", "json", "ndjson"])
def test_a_range_of_a_stream_fails_as_a_problem_or_falls_short(
    streaming: Faulty, extension: str, coding: str
) -> None:
    truth = streaming.whole(extension, coding)
    start = len(truth) // 4
    headers = {"Range": f"bytes={start}-"}
    # The first BATCHES and their end are read to count the bytes, the others to send them.
    statuses = []
    for batch in range(2 * BATCHES + 1):
        streaming.fault.fail(batch, damaged)
        exchange = streaming.ask(streaming.new_target(extension), coding, headers=headers)
        statuses.append(exchange.status)
        if exchange.status == 206:
            assert not exchange.whole
            assert truth[start:].startswith(exchange.body)
            assert streaming.receipt_state(exchange) == "aborted"
        else:
            assert exchange.problem["status"] == 500
    assert set(statuses[: BATCHES + 2]) == {500}
    assert statuses[-1] == 206


FAILURES: list[Callable[[], BaseException]] = [
    damaged,
    lambda: errors.DatasetChangedError("fat"),
    lambda: errors.SpillExceededError(limit=1),
    lambda: errors.QueryTimeoutError(limit_seconds=1),
    errors.ScanCancelledError,
    lambda: errors.ScanQueueFullError(retry_after_seconds=1),
    lambda: RuntimeError(SECRET),
    lambda: OSError(28, SECRET),
    lambda: MemoryError(SECRET),
    lambda: pa.ArrowInvalid(SECRET),
    lambda: KeyError(SECRET),
    lambda: UnicodeDecodeError("utf-8", b"x", 0, 1, SECRET),
    lambda: StopIteration(SECRET),
]


@pytest.mark.parametrize("failure", FAILURES)
def test_an_error_of_any_class_is_a_problem_first_and_a_break_later(
    streaming: Faulty, failure: Callable[[], BaseException]
) -> None:
    error = failure()
    expected = status_of(error) if isinstance(error, PenstockError) else 500
    truth = streaming.whole("csv", "identity")
    streaming.fault.fail(0, failure)
    early = streaming.ask(streaming.new_target("csv"))
    assert early.status == expected
    assert early.problem["status"] == expected
    if not isinstance(error, PenstockError):
        assert SECRET not in str(early.problem)
    streaming.fault.fail(3, failure)
    late = streaming.ask(streaming.new_target("csv"))
    assert late.status == 200
    assert_visible(late, truth)
    streaming.fault.fail(3, failure)
    built = streaming.ask(streaming.new_target("csv"), version="1.0")
    assert built.status == expected
    assert built.problem["status"] == expected


@pytest.mark.parametrize(
    "path", ["/fat/-/count.json?n__gte=0", "/fat/-/stats.json", "/fat.csv?n__gte=0&_limit=10"]
)
@pytest.mark.parametrize("failure", [damaged, lambda: RuntimeError(SECRET)])
def test_small_answers_fail_as_problems(
    streaming: Faulty, path: str, failure: Callable[[], BaseException]
) -> None:
    streaming.fault.fail(0, failure)
    assert streaming.ask(path).problem["status"] == 500
    streaming.fault.clear()
    assert streaming.ask(path).status == 200


@pytest.mark.parametrize("ranges", [None, "bytes=100-400000", "bytes=0-99,200-300000,-400000"])
def test_a_stored_object_that_fails_falls_short_of_its_length(
    spooling: Faulty, ranges: str | None
) -> None:
    headers = {} if ranges is None else {"Range": ranges}
    spooling.fault.clear()
    whole = spooling.ask("/fat.parquet", headers=headers)
    assert whole.whole
    spooling.fault.fail(0, lambda: errors.DatasetChangedError("fat"))
    assert spooling.ask("/fat.parquet", headers=headers).problem["status"] == 503
    for piece in (1, 2, 4):
        spooling.fault.fail(piece, lambda: errors.DatasetChangedError("fat"))
        exchange = spooling.ask("/fat.parquet", headers=headers)
        assert exchange.status == whole.status
        assert not exchange.whole
        assert spooling.receipt_state(exchange) == "aborted"
        if ranges is None or "," not in ranges:
            assert whole.body.startswith(exchange.body)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("extension", ["csv", "json", "ndjson", "arrow"])
def test_curl_says_that_a_transfer_broke(
    streaming: Faulty, tmp_path: Path, extension: str, coding: str
) -> None:
    truth = streaming.whole(extension, coding)
    file = tmp_path / "out"
    streaming.fault.fail(4, damaged)
    url = streaming.service.url + streaming.new_target(extension)
    command = ["curl", "-sS", "-H", f"Accept-Encoding: {coding}", "-o", str(file), url]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        missing("curl is not installed")
    assert ended.returncode in (18, 56), ended.stderr  # partial file, receive failure
    assert truth.startswith(file.read_bytes())
