import hashlib
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.errors import UnrepresentableError
from penstock.exports.job_folder import JobFolder
from penstock.exports.limits import ExportLimits
from penstock.exports.parts import Stream, write_parts, write_whole
from penstock.local.jobs.outputs import FileOutputs
from penstock.model.artifact import Artifact

SCHEMA = pa.schema({"n": pa.int64(), "name": pa.string()})
FOLDER = "exports/01J00000000000000000000000"


@pytest.fixture
def place(tmp_path: Path) -> JobFolder:
    return JobFolder(outputs=FileOutputs(tmp_path), tenant="acme", folder=FOLDER, token=7)


def batches(*rows: int) -> Iterator[pa.RecordBatch]:
    start = 0
    for count in rows:
        numbers = range(start, start + count)
        yield pa.RecordBatch.from_pylist(
            [{"n": n, "name": f"name {n}"} for n in numbers], schema=SCHEMA
        )
        start += count


def stored(tmp_path: Path) -> dict[str, Path]:
    return {path.name: path for path in sorted((tmp_path / "acme" / FOLDER).iterdir())}


def silent(rows: int, size: int) -> None:
    pass


def numbers_in(tmp_path: Path, parts: list[Artifact]) -> list[int]:
    files = stored(tmp_path)
    tables = [pq.read_table(files[part.part]) for part in parts]
    return [n for table in tables for n in table["n"].to_pylist()]


def test_rows_become_parts_of_bounded_size_in_their_order(place: JobFolder, tmp_path: Path) -> None:
    limits = ExportLimits(part_rows=100_000)
    rows = list(
        write_parts(place, Stream(batches=batches(150_000, 60_000, 30)), limits=limits, told=silent)
    )
    assert [goes_on for _, goes_on in rows] == [True, True, False]
    parts = [part for part, _ in rows]
    assert [part.part for part in parts] == [
        "part-000007-00000.parquet",
        "part-000007-00001.parquet",
        "part-000007-00002.parquet",
    ]
    assert [part.rows for part in parts] == [100_000, 100_000, 10_030]
    assert numbers_in(tmp_path, parts) == list(range(210_030))
    for part in parts:
        content = stored(tmp_path)[part.part].read_bytes()
        assert part.bytes == len(content)
        assert part.sha256 == hashlib.sha256(content).hexdigest()


def test_a_part_ends_at_its_bytes_too(place: JobFolder) -> None:
    limits = ExportLimits(part_bytes=1000)
    rows = list(
        write_parts(place, Stream(batches=batches(100_000, 100_001)), limits=limits, told=silent)
    )
    assert [part.rows for part, _ in rows] == [100_000, 100_000, 1]


def test_parts_are_written_as_dataset_files_are(place: JobFolder, tmp_path: Path) -> None:
    made = write_parts(place, Stream(batches=batches(150_000)), limits=ExportLimits(), told=silent)
    ((part, _),) = list(made)
    footer = pq.ParquetFile(stored(tmp_path)[part.part]).metadata
    assert [footer.row_group(i).num_rows for i in range(footer.num_row_groups)] == [100_000, 50_000]
    chunk = footer.row_group(0).column(0)
    assert (chunk.compression, chunk.has_offset_index, chunk.has_column_index) == (
        "ZSTD",
        True,
        True,
    )


def test_no_rows_are_one_part_with_the_columns(place: JobFolder, tmp_path: Path) -> None:
    ((part, goes_on),) = list(
        write_parts(place, Stream(batches=batches(0, 0)), limits=ExportLimits(), told=silent)
    )
    assert (part.rows, goes_on) == (0, False)
    assert pq.read_schema(stored(tmp_path)[part.part]) == SCHEMA


def test_no_rows_are_no_part_where_there_are_others(place: JobFolder) -> None:
    made = write_parts(
        place,
        Stream(batches=batches(0)),
        limits=ExportLimits(),
        told=silent,
        first=3,
        may_be_none=True,
    )
    assert list(made) == []


def test_metadata_of_the_source_is_left_behind(place: JobFolder, tmp_path: Path) -> None:
    (batch,) = batches(3)
    odd = batch.replace_schema_metadata({"pandas": "{}", "secret": "x"})
    part = write_whole(place, "part-x.parquet", Stream(batches=[odd]), told=silent)
    assert not pq.read_schema(stored(tmp_path)[part.part]).metadata


def test_a_whole_file_has_no_bounds(place: JobFolder) -> None:
    part = write_whole(
        place, place.file("parquet", name="t"), Stream(batches=batches(250_000, 3)), told=silent
    )
    assert (part.part, part.rows) == ("file-000007-t.parquet", 250_003)


def test_rows_and_bytes_are_told_as_they_pass(place: JobFolder) -> None:
    heard: list[tuple[int, int]] = []

    def told(rows: int, size: int) -> None:
        heard.append((rows, size))

    limits = ExportLimits(part_rows=100_000)
    parts = list(
        write_parts(place, Stream(batches=batches(*[50_000] * 5)), limits=limits, told=told)
    )
    assert heard[-1][0] == 250_000
    assert all(one <= two for one, two in pairwise(heard))
    assert 0 < heard[-1][1] < sum(part.bytes for part, _ in parts)


class StoppedError(Exception):
    pass


def test_what_hears_can_end_it_and_the_part_that_was_begun_is_not_there(
    place: JobFolder, tmp_path: Path
) -> None:
    def told(rows: int, size: int) -> None:
        if rows > 120_000:
            raise StoppedError

    limits = ExportLimits(part_rows=100_000)
    made = write_parts(place, Stream(batches=batches(*[10_000] * 100)), limits=limits, told=told)
    with pytest.raises(StoppedError):
        list(made)
    assert set(stored(tmp_path)) <= {"part-000007-00000.parquet"}
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]


def test_a_source_that_fails_leaves_the_parts_before_and_no_more(
    place: JobFolder, tmp_path: Path
) -> None:
    def failing() -> Iterator[pa.RecordBatch]:
        yield from batches(150_000)
        raise StoppedError

    limits = ExportLimits(part_rows=100_000)
    made = write_parts(place, Stream(batches=failing()), limits=limits, told=silent)
    with pytest.raises(StoppedError):
        list(made)
    assert set(stored(tmp_path)) <= {"part-000007-00000.parquet"}


def test_leaving_ends_the_source(place: JobFolder) -> None:
    ended = threading.Event()

    def source() -> Iterator[pa.RecordBatch]:
        try:
            yield from batches(*[100_000] * 20)
        finally:
            ended.set()

    limits = ExportLimits(part_rows=100_000)
    made = write_parts(place, Stream(batches=source()), limits=limits, told=silent)
    next(made)
    made.close()
    assert ended.is_set()


def test_who_leaves_does_not_wait_for_the_next_batch(place: JobFolder) -> None:
    is_left = threading.Event()

    def stalled() -> Iterator[pa.RecordBatch]:
        yield from batches(10)
        assert is_left.wait(60)

    def told(rows: int, size: int) -> None:
        raise StoppedError

    stream = Stream(batches=stalled(), end=is_left.set)
    with pytest.raises(StoppedError):
        list(write_parts(place, stream, limits=ExportLimits(), told=told))
    assert is_left.is_set()


def test_a_type_that_parquet_cannot_hold_is_refused_by_name(
    place: JobFolder, tmp_path: Path
) -> None:
    odd = pa.schema({"n": pa.int64(), "took": pa.month_day_nano_interval()})
    empty = pa.RecordBatch.from_pylist([], schema=odd)
    with pytest.raises(UnrepresentableError, match="took"):
        list(write_parts(place, Stream(batches=[empty]), limits=ExportLimits(), told=silent))
    assert not list(tmp_path.iterdir())


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(0, 60_000), min_size=1, max_size=8),
    part_rows=st.integers(1, 250_000),
)
def test_rows_are_the_same_however_they_come(
    place: JobFolder, tmp_path: Path, sizes: list[int], part_rows: int
) -> None:
    limits = ExportLimits(part_rows=part_rows)
    parts = [
        p
        for p, _ in write_parts(place, Stream(batches=batches(*sizes)), limits=limits, told=silent)
    ]
    assert numbers_in(tmp_path, parts) == list(range(sum(sizes)))
    groups = -(-sum(sizes) // 100_000)
    assert len(parts) == max(1, -(-groups // -(-part_rows // 100_000)))
    assert all(part.rows for part in parts) or sum(sizes) == 0
