"""Faults of S3: each read comes back whole and right, or fails; none ends cleanly with less."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.flows.s3_proxy import Fault, Proxy, Request, proxy
from tests.reading_parts import minute, reader_over
from tests.s3_parts import emptied_bucket, store_of
from tests.stand_ins import StandIn, client_of

from penstock.aws.datasets.blobs import S3Blobs
from penstock.aws.datasets.catalog import S3Catalog
from penstock.errors import BusyError, DatasetChangedError, DatasetDamagedError, PenstockError
from penstock.model.dataset import Dataset
from penstock.model.slice import everything
from penstock.reading import sql
from penstock.reading.estimate import AT_ONCE
from penstock.reading.reader import Reader
from penstock.reading.scan import scan

BUCKET = "faults"
KEY = "acme/datasets/area.parquet"
ROWS = 60_000
NUMBERS = pa.table(
    {"number": range(ROWS), "text": [f"{number * 7919 % ROWS:06}" for number in range(ROWS)]}
)

FAULTS: tuple[Fault, ...] = get_args(Fault)
LASTING = 1_000


@pytest.fixture(scope="module")
def between(s3_server: StandIn) -> Iterator[Proxy]:
    with proxy(s3_server.endpoint) as running:
        yield running


@pytest.fixture
def bucket(s3_server: StandIn, between: Proxy) -> Any:
    """A client that reaches the server itself; the proxy lets everything pass."""
    between.clear()
    client = emptied_bucket(s3_server, BUCKET)
    put(client, NUMBERS)
    return client


@pytest.fixture(scope="module")
def client(between: Proxy) -> Any:
    """A client behind the proxy, which doesn't try again itself: the test is of our own retries."""
    return client_of("s3", between.endpoint)


@pytest.fixture
def reader(between: Proxy, tmp_path: Path) -> Iterator[Reader]:
    store = store_of(between.endpoint, BUCKET)
    with reader_over(tmp_path, batch_rows=1000, object_store=store) as reader:
        yield reader


@pytest.fixture
def catalog(client: Any, reader: Reader) -> Iterator[S3Catalog]:
    catalog = S3Catalog(client=client, bucket=BUCKET, engine=reader.engine)
    yield catalog
    catalog.close()


def put(client: Any, table: pa.Table) -> None:
    written = io.BytesIO()
    pq.write_table(table, written, row_group_size=10_000)
    client.put_object(Bucket=BUCKET, Key=KEY, Body=written.getvalue())


def read(reader: Reader, dataset: Dataset) -> pa.Table:
    wanted = everything(tuple(column.name for column in dataset.columns))
    batches = scan(reader, dataset, wanted, text=sql.TextTypes(), allowance=minute(), pace=AT_ONCE)
    return pa.Table.from_batches([batch.rows for batch in batches])


def is_part(request: Request) -> bool:
    """Whether a request is for a part of the object, as the engine's and the client's are."""
    return request.method == "GET" and request.range is not None


def is_any(request: Request) -> bool:
    """Whether a request is one."""
    return request is not None


@pytest.mark.parametrize("fault", FAULTS)
def test_a_scan_that_meets_a_fault_once_gives_every_row_or_fails(
    bucket: Any, between: Proxy, reader: Reader, catalog: S3Catalog, fault: Fault
) -> None:
    assert bucket
    dataset = catalog.dataset("acme", "area")
    between.fail(fault, times=1, of=is_part)
    try:
        assert read(reader, dataset) == NUMBERS
    except BusyError:
        # The one that the engine doesn't try again: nothing says how much was to come.
        assert fault == "short without a length"
    assert between.struck == 1


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("going_well", [0, 3])
def test_a_scan_that_meets_a_lasting_fault_fails(
    bucket: Any,
    between: Proxy,
    reader: Reader,
    catalog: S3Catalog,
    fault: Fault,
    going_well: int,
) -> None:
    assert bucket
    dataset = catalog.dataset("acme", "area")
    passed: list[Request] = []

    def is_late(request: Request) -> bool:
        passed.append(request)
        return len(passed) > going_well and is_part(request)

    between.fail(fault, times=LASTING, of=is_late)
    with pytest.raises((BusyError, DatasetChangedError, DatasetDamagedError)) as raised:
        read(reader, dataset)
    # Of a content that nobody asked for, the engine tries to tell the bytes as if they were text.
    assert fault == "another etag" or not isinstance(raised.value, DatasetDamagedError)
    assert between.struck


def test_each_request_of_a_scan_demands_the_version_it_began_with(
    bucket: Any, between: Proxy, reader: Reader, catalog: S3Catalog
) -> None:
    assert bucket
    dataset = catalog.dataset("acme", "area")
    between.clear()
    assert read(reader, dataset) == NUMBERS
    assert between.seen
    assert {request.if_match for request in between.seen} == {f'"{dataset.version}"'}


@pytest.mark.parametrize("at", range(1, 6))
def test_a_scan_whose_object_is_replaced_in_its_midst_fails(
    bucket: Any, between: Proxy, reader: Reader, catalog: S3Catalog, at: int
) -> None:
    dataset = catalog.dataset("acme", "area")
    between.clear()

    def replace(request: Request) -> None:
        if len(between.seen) == at and is_part(request):
            put(bucket, NUMBERS.slice(1))

    between.before = replace
    with pytest.raises(DatasetChangedError):
        read(reader, dataset)
    between.clear()
    assert read(reader, catalog.dataset("acme", "area")) == NUMBERS.slice(1)


def test_a_known_dataset_is_opened_with_two_requests_and_read_without_its_footer(
    bucket: Any, between: Proxy, reader: Reader, catalog: S3Catalog
) -> None:
    assert bucket
    read(reader, catalog.dataset("acme", "area"))
    between.clear()
    dataset = catalog.dataset("acme", "area")
    assert sorted((each.method, each.path.partition("?")[0]) for each in between.seen) == [
        ("GET", f"/{BUCKET}/acme/private.txt"),
        ("HEAD", f"/{BUCKET}/{KEY}"),
    ]
    between.clear()
    read(reader, dataset)
    assert {request.method for request in between.seen} == {"GET"}
    assert len(between.seen) == NUMBERS.num_rows // 10_000


@pytest.mark.parametrize("fault", FAULTS)
def test_the_object_itself_comes_whole_or_its_read_fails(
    bucket: Any, between: Proxy, client: Any, catalog: S3Catalog, fault: Fault
) -> None:
    whole = bucket.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
    (file,) = catalog.dataset("acme", "area").files
    blobs = S3Blobs(client=client, bucket=BUCKET)
    between.fail(fault, times=1, of=is_part)
    try:
        pieces = list(blobs.read(file, start=0, stop=file.size_bytes))
    except (BusyError, DatasetChangedError):
        # The client of this test does not ask again for what is refused; ours does.
        assert fault not in ("cut short", "reset in the body", "short with its own length")
    else:
        assert b"".join(pieces) == whole
    assert between.struck == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_the_object_itself_fails_visibly_where_a_fault_lasts(
    bucket: Any, between: Proxy, client: Any, catalog: S3Catalog, fault: Fault
) -> None:
    whole = bucket.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
    (file,) = catalog.dataset("acme", "area").files
    blobs = S3Blobs(client=client, bucket=BUCKET)
    between.fail(fault, times=LASTING, of=is_part)
    read = bytearray()

    def read_on() -> None:
        for piece in blobs.read(file, start=0, stop=file.size_bytes):
            read.extend(piece)
            # Half of what is left comes each time: let it be over some time.
            if len(read) > len(whole) * 0.99:
                between.fail("500", times=LASTING, of=is_part)

    with pytest.raises((BusyError, DatasetChangedError)):
        read_on()
    assert whole.startswith(read)


def test_an_object_that_is_replaced_where_its_read_broke_off_fails(
    bucket: Any, between: Proxy, client: Any, catalog: S3Catalog
) -> None:
    (file,) = catalog.dataset("acme", "area").files
    blobs = S3Blobs(client=client, bucket=BUCKET)
    between.fail("cut short", times=1, of=is_part)
    pieces = blobs.read(file, start=0, stop=file.size_bytes)
    assert next(pieces)
    put(bucket, NUMBERS.slice(1))
    with pytest.raises(DatasetChangedError):
        list(pieces)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("number", range(6))
def test_a_dataset_is_told_rightly_or_not_at_all(
    bucket: Any, between: Proxy, reader: Reader, catalog: S3Catalog, fault: Fault, number: int
) -> None:
    assert bucket
    passed: list[Request] = []

    def is_next(request: Request) -> bool:
        passed.append(request)
        return len(passed) == number + 1

    between.fail(fault, times=1, of=is_next)
    try:
        dataset = catalog.dataset("acme", "area")
    except (BusyError, DatasetChangedError, DatasetDamagedError):
        between.clear()
        dataset = catalog.dataset("acme", "area")
    between.clear()
    assert (dataset.rows, [column.name for column in dataset.columns]) == (ROWS, ["number", "text"])
    assert read(reader, dataset) == NUMBERS


def test_a_store_out_of_reach_is_told_as_busy_and_everything_is_private(
    bucket: Any, between: Proxy, catalog: S3Catalog
) -> None:
    assert bucket
    between.fail("503", times=LASTING, of=is_any)
    for ask in (lambda: catalog.entries("acme"), lambda: catalog.dataset("acme", "area")):
        with pytest.raises(PenstockError) as raised:
            ask()
        assert isinstance(raised.value, BusyError)
    between.fail("503", times=LASTING, of=lambda request: "private" in request.path)
    assert catalog.dataset("acme", "area").private
    between.clear()
    assert not catalog.dataset("acme", "area").private
