"""Quick reads: what reads little of an object is kept at hand, and what reads more goes on."""

import io
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.reading_parts import minute, reader_over
from tests.s3_parts import emptied_bucket, store_of
from tests.stand_ins import StandIn

from penstock.errors import DatasetChangedError
from penstock.model.dataset import DataFile, Dataset
from penstock.model.slice import ColumnRef, Compare, Constant, Output, Slice
from penstock.reading.describe import describe_file
from penstock.reading.estimate import AT_ONCE
from penstock.reading.objects import StoredObject
from penstock.reading.reader import Reader
from penstock.reading.scan import scan
from penstock.reading.sql import TextTypes, file_order

BUCKET = "quick-reads"
KEY = "acme/datasets/area.parquet"
PATIENCE_SECONDS = 30


@pytest.fixture
def client(s3_server: StandIn) -> Any:
    return emptied_bucket(s3_server, BUCKET)


@pytest.fixture
def reader(client: Any, s3_server: StandIn, tmp_path: Path) -> Iterator[Reader]:
    store = store_of(s3_server.endpoint, BUCKET)
    with reader_over(tmp_path, object_store=store) as reader:
        yield reader


def stored(client: Any, table: pa.Table, **written: Any) -> tuple[str, int]:
    content = io.BytesIO()
    pq.write_table(table, content, **written)
    put = client.put_object(Bucket=BUCKET, Key=KEY, Body=content.getvalue())
    at = StoredObject(bucket=BUCKET, key=KEY, etag=put["ETag"].strip('"'))
    return at.location, len(content.getvalue())


def described(reader: Reader, client: Any, table: pa.Table, **written: Any) -> Dataset:
    location, size = stored(client, table, **written)
    content = client.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
    columns, groups = describe_file(
        reader.engine, dataset="area", location=location, opened=lambda: io.BytesIO(content)
    )
    file = DataFile(location=location, size_bytes=size, row_groups=groups, identity="v")
    modified = client.head_object(Bucket=BUCKET, Key=KEY)["LastModified"]
    return Dataset(
        tenant="acme",
        name="area",
        version="v",
        modified=modified,
        private=False,
        columns=columns,
        files=(file,),
    )


def kinds(factor: int = 1) -> pa.Table:
    """Ten rows of each of a hundred kinds, and 500 times as many of kind 7."""
    kind = [kind for kind in range(100) for _ in range(5000 if kind == 7 else 10)]
    return pa.table({"n": [factor * n for n in range(len(kind))], "kind": kind})


def scattered(factor: int) -> pa.Table:
    """Ten rows of each of 20,000 kinds, that no coding makes much shorter."""
    numbers = range(200_000)
    return pa.table(
        {
            "n": [factor * n * 2_654_435_761 % 2**32 for n in numbers],
            "kind": [n // 10 for n in numbers],
        }
    )


def of_kind(kind: int) -> Slice:
    return Slice(
        outputs=(Output("n", ColumnRef("n")),),
        predicate=Compare(ColumnRef("kind"), "=", Constant(kind, "BIGINT")),
    )


def read(reader: Reader, dataset: Dataset, kind: int) -> list[object]:
    batches = scan(
        reader,
        dataset,
        of_kind(kind),
        text=TextTypes(),
        allowance=minute(),
        pace=AT_ONCE,
        beside=True,
    )
    return [value for batch in batches for value in batch.rows.column(0).to_pylist()]


def is_quick(reader: Reader, dataset: Dataset) -> bool:
    statement = file_order(dataset, of_kind(0), text=TextTypes(), file_index=0, first_row=0)
    return reader.engine.quick.has(statement.sql, statement.locations)


def learn(reader: Reader, dataset: Dataset, kind: int) -> None:
    """Read until the statement is a quick one, and once more as such: from then on it is kept."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not is_quick(reader, dataset):
        assert time.monotonic() < ends
        read(reader, dataset, kind)
    read(reader, dataset, kind)


def test_what_was_read_of_a_content_is_kept_for_other_values_too(
    client: Any, reader: Reader
) -> None:
    area = described(reader, client, kinds())
    learn(reader, area, 3)
    client.delete_object(Bucket=BUCKET, Key=KEY)
    assert read(reader, area, 3) == list(range(30, 40))
    assert read(reader, area, 5) == list(range(50, 60))


def test_what_is_kept_is_of_one_content_alone(client: Any, reader: Reader) -> None:
    old = described(reader, client, kinds())
    learn(reader, old, 3)
    new = described(reader, client, kinds(2))
    learn(reader, new, 3)
    assert read(reader, new, 3) == list(range(60, 80, 2))
    assert read(reader, old, 3) == list(range(30, 40))


def test_what_was_not_kept_is_read_of_its_own_content_or_not_at_all(
    client: Any, reader: Reader
) -> None:
    area = described(reader, client, scattered(1), row_group_size=20_000)
    learn(reader, area, 3)
    stored(client, scattered(2), row_group_size=20_000)
    assert read(reader, area, 3) == scattered(1)["n"][30:40].to_pylist()
    with pytest.raises(DatasetChangedError):
        read(reader, area, 10_000)


def test_a_statement_that_reads_much_with_another_value_is_whole_and_in_order(
    client: Any, reader: Reader
) -> None:
    area = described(reader, client, kinds(), row_group_size=1000)
    learn(reader, area, 3)
    assert read(reader, area, 7) == list(range(70, 5070))
    assert not is_quick(reader, area)
    assert read(reader, area, 3) == list(range(30, 40))


def test_a_statement_that_needs_more_memory_is_whole_and_never_quick_again(
    client: Any, reader: Reader
) -> None:
    texts = [f"{n:03d}" + "x" * 1_000_000 for n in range(40)]
    long = pa.table({"n": texts, "kind": list(range(40))})
    area = described(
        reader, client, long, use_dictionary=False, data_page_size=10**9, compression="zstd"
    )
    learn(reader, area, 3)
    for kind in (3, 5, 7):
        assert read(reader, area, kind) == [texts[kind]]
        assert not is_quick(reader, area)


@pytest.mark.parametrize(("size_bytes", "columns"), [(4_000_001, 2), (10, 4_001)])
def test_objects_of_large_row_groups_or_footers_are_never_quick(
    client: Any, reader: Reader, size_bytes: int, columns: int
) -> None:
    area = described(reader, client, kinds())
    learn(reader, area, 3)
    other = replace(area.files[0], size_bytes=size_bytes)
    reader.engine.quick.learn("SELECT 1", other, columns=columns)
    assert not reader.engine.quick.has("SELECT 1", [other.location])
    reader.engine.quick.learn("SELECT 1", area.files[0], columns=2)
    assert reader.engine.quick.has("SELECT 1", [other.location])


def test_files_are_never_quick(client: Any, reader: Reader) -> None:
    area = described(reader, client, kinds())
    learn(reader, area, 3)
    file = replace(area.files[0], location="/somewhere/area.parquet")
    reader.engine.quick.learn("SELECT 1", file, columns=2)
    assert not reader.engine.quick.has("SELECT 1", [file.location])
