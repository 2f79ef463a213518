"""Slices: from a request to the result, and through failures on the way."""

import hashlib
import io
import shutil
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tests.export_parts import TENANT, ExportHouse, export_house
from tests.stepped_outputs import Stepped, once

from penstock import formats
from penstock.errors import BusyError
from penstock.exports.limits import ExportLimits
from penstock.jobs.cancel import cancel
from penstock.jobs.redrive import redrive
from penstock.model.dataset import Dataset
from penstock.model.format import Style
from penstock.model.slice import everything
from penstock.ports import Outputs
from penstock.reading.encoded import AnswerCaps, encoded
from penstock.reading.engine import Allowance
from penstock.reading.estimate import AT_ONCE
from penstock.reading.tally import Tally

ROWS = 350_000
"""Of a column or two, for results of several parts."""
SMALL_PARTS = ExportLimits(part_rows=100_000)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ExportHouse]:
    with export_house(tmp_path) as opened:
        yield opened


def things(rows: int) -> pa.Table:
    numbers = pa.array(range(rows), pa.int64())
    return pa.table(
        {
            "n": numbers,
            "kind": [f"kind {n % 7}" for n in range(rows)],
            "cents": numbers.cast(pa.decimal128(19, 0)).cast(pa.decimal128(21, 2)),
            "share": pa.array([n / 8 for n in range(rows)], pa.float64()),
        }
    )


def narrow() -> pa.Table:
    ones = pa.repeat(pa.scalar(1, pa.int64()), ROWS)
    numbers = pc.cumulative_sum(ones, start=-1)
    return pa.table({"n": numbers, "odd": pc.equal(pc.bit_wise_and(numbers, 1), 1)})


def numbers(table: pa.Table) -> list[int]:
    found: list[int] = table["n"].to_pylist()
    return found


def test_a_whole_dataset_is_its_rows_and_types_in_file_order(house: ExportHouse) -> None:
    house.put("things", things(1000), things(500))
    job = house.exported("dataset-slice", {"dataset": "things"})
    table = house.table(job)
    assert table.schema == things(1).schema
    assert numbers(table) == [*range(1000), *range(500)]
    assert job.progress.done == job.progress.total == job.high_water == 1500


def test_a_slice_is_what_a_download_of_it_is(house: ExportHouse) -> None:
    house.put("things", things(5000))
    query = "kind=kind 3&n__gt=20&_sort=-n&_select=n as number,cents&_limit=100&_offset=5"
    job = house.exported("dataset-slice", {"dataset": "things", "query": query})
    wanted = [n for n in range(5000) if n % 7 == 3 and n > 20][::-1][5:105]
    assert house.table(job).to_pydict() == {
        "number": wanted,
        "cents": [Decimal(n).quantize(Decimal("0.01")) for n in wanted],
    }


def test_a_result_is_a_private_dataset_of_its_user(house: ExportHouse) -> None:
    house.put("things", things(1000))
    job = house.exported("dataset-slice", {"dataset": "things", "query": "n__lt=10"})
    result = house.sources.exported.export(TENANT, job.id)
    assert (result.name, result.version) == (f"exports/{job.id}", job.id)
    assert (result.private, result.owner, result.rows) == (True, "ada", 10)


def test_a_slice_of_a_result_is_an_export_again(house: ExportHouse) -> None:
    house.put("things", things(1000))
    first = house.exported("dataset-slice", {"dataset": "things", "query": "n__lt=10"})
    opened = replace(
        house.asking(),
        open_dataset=lambda name, _: house.sources.exported.export(TENANT, name.split("/")[1]),
    )
    params = {"dataset": first.dataset, "query": "n__gte=7"}
    second = house.submit("dataset-slice", params, asking=opened)
    assert house.run().outcome == "succeeded"
    assert numbers(house.table(house.jobs.latest(second))) == [7, 8, 9]


def test_no_rows_are_a_result_with_the_columns(house: ExportHouse) -> None:
    house.put("things", things(1000))
    job = house.exported(
        "dataset-slice", {"dataset": "things", "query": "n=-1"}, formats=["csv", "json"]
    )
    assert house.table(job).schema == things(1).schema
    assert [one.rows for one in job.artifacts] == [0, 0, 0]
    assert house.path(job, "file-000001.csv").read_bytes() == b"n,kind,cents,share\n"
    assert house.path(job, "file-000001.json").read_bytes().strip() == b"[]"


@pytest.mark.parametrize("extension", formats.all_formats())
def test_a_format_holds_the_bytes_of_a_download(house: ExportHouse, extension: str) -> None:
    house.put("things", things(30_000))
    query = "n__gt=7" + ("&_delimiter=;&_null=NA" if extension == "csv" else "")
    job = house.exported(
        "dataset-slice", {"dataset": "things", "query": query}, formats=[extension]
    )
    result = house.sources.exported.export(TENANT, job.id)
    style = Style(delimiter=";", null="NA") if extension == "csv" else Style()
    downloaded = b"".join(read(house, result, extension, style))
    stored = house.path(job, f"file-000001.{extension}").read_bytes()
    if extension == "arrow":
        # Its batches end where the reader's do.
        stored, downloaded = (as_csv(content) for content in (stored, downloaded))
    assert stored == downloaded


def read(house: ExportHouse, dataset: Dataset, extension: str, style: Style) -> Iterator[bytes]:
    return encoded(
        house.sources.reader,
        dataset,
        everything(tuple(column.name for column in dataset.columns)),
        written=formats.named(extension),
        style=style,
        allowance=Allowance(seconds=60),
        pace=AT_ONCE,
        tally=Tally(),
        caps=AnswerCaps(),
    )


def as_csv(content: bytes) -> bytes:
    return str(pa.ipc.open_stream(io.BytesIO(content)).read_all().to_pydict()).encode()


def test_artifacts_tell_rows_bytes_and_sums_of_every_file(house: ExportHouse) -> None:
    house.put("things", narrow().slice(0, 250_000))
    job = house.submit("dataset-slice", {"dataset": "things"}, formats=["csv"])
    ran = house.run(limits=SMALL_PARTS)
    assert ran.outcome == "succeeded"
    job = house.jobs.latest(job)
    assert [(one.part, one.rows) for one in job.artifacts] == [
        ("part-000001-00000.parquet", 100_000),
        ("part-000001-00001.parquet", 100_000),
        ("part-000001-00002.parquet", 50_000),
        ("file-000001.csv", 250_000),
    ]
    for one in job.artifacts:
        content = house.path(job, one.part).read_bytes()
        assert (one.bytes, one.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    manifest = house.manifest(job)
    assert manifest["version"] == job.id
    assert [part["name"] for part in manifest["parts"]] == [one.part for one in job.artifacts[:3]]
    assert [file["name"] for file in manifest["files"]] == ["file-000001.csv"]


def test_the_version_that_was_current_then_is_read(house: ExportHouse) -> None:
    house.put("things", things(10), version="v1")
    house.submit("dataset-slice", {"dataset": "things"})
    house.put("things", things(20), version="v2")
    ran = house.run()
    assert ran.job is not None
    assert numbers(house.table(ran.job)) == list(range(10))


def busy() -> BusyError:
    return BusyError("The store is out of reach.", retry_after_seconds=1)


def failing(
    house: ExportHouse, name: str, error: Exception | None = None, *, times: int = 1
) -> tuple[Stepped, list[str]]:
    """Give outputs that fail when a file of this name is to be written, and what they wrote."""
    written: list[str] = []
    left = [error or busy()] * times

    def before(step: str, path: str) -> None:
        file = path.rpartition("/")[2]
        if step == "write" and path.endswith(name) and left:
            raise left.pop()
        if step == "written":
            written.append(file)

    return Stepped(house.sources.outputs, before), written


def run_to_its_end(house: ExportHouse, outputs: Outputs, limits: ExportLimits) -> list[str]:
    outcomes: list[str] = []
    sources = replace(house.sources, outputs=outputs)
    while not outcomes or outcomes[-1] == "retried":
        outcomes.append(house.run(sources=sources, limits=limits).outcome)
    return outcomes


@pytest.mark.parametrize(
    "query",
    ["", "n__gte=0", "_sort=-n", "_limit=320000&_offset=7", "n__gt=3&_sort=-odd,-n&_limit=340000"],
)
def test_an_attempt_goes_on_behind_the_parts_of_the_one_before(
    house: ExportHouse, query: str
) -> None:
    house.put("things", narrow().slice(0, 200_000), narrow().slice(200_000))
    whole = house.exported("dataset-slice", {"dataset": "things", "query": query})
    outputs, written = failing(house, "00002.parquet")
    job = house.submit("dataset-slice", {"dataset": "things", "query": query})
    assert run_to_its_end(house, outputs, SMALL_PARTS) == ["retried", "succeeded"]
    job = house.jobs.latest(job)
    assert [one.part for one in job.artifacts[:3]] == [
        "part-000001-00000.parquet",
        "part-000001-00001.parquet",
        "part-000003-00002.parquet",
    ]
    assert house.table(job).equals(house.table(whole))
    assert house.jobs.files(job) == ["manifest.json", *sorted(one.part for one in job.artifacts)]
    assert "part-000003-00000.parquet" not in written


def test_groups_are_made_anew_since_their_sums_may_differ(house: ExportHouse) -> None:
    house.put("things", narrow())
    query = "_select=n,avg(n) as mean&_group=n"
    job = house.submit("dataset-slice", {"dataset": "things", "query": query})
    outputs, _ = failing(house, "00002.parquet")
    assert run_to_its_end(house, outputs, SMALL_PARTS) == ["retried", "succeeded"]
    job = house.jobs.latest(job)
    assert {one.part[:11] for one in job.artifacts} == {"part-000003"}
    assert numbers(house.table(job)) == list(range(ROWS))
    assert house.jobs.files(job) == ["manifest.json", *(one.part for one in job.artifacts)]


def test_a_format_that_failed_is_written_again_without_the_rest(house: ExportHouse) -> None:
    house.put("things", things(1000))
    job = house.submit("dataset-slice", {"dataset": "things"}, formats=["csv", "json", "ndjson"])
    outputs, written = failing(house, "file-000001.ndjson")
    assert run_to_its_end(house, outputs, ExportLimits()) == ["retried", "succeeded"]
    job = house.jobs.latest(job)
    assert [one.part for one in job.artifacts] == [
        "part-000001-00000.parquet",
        "file-000001.csv",
        "file-000001.json",
        "file-000003.ndjson",
    ]
    assert written == [one.part for one in job.artifacts]


def test_a_redriven_job_whose_files_are_gone_begins_anew(house: ExportHouse) -> None:
    house.put("things", narrow())
    job = house.submit("dataset-slice", {"dataset": "things"})
    outputs, _ = failing(house, "00002.parquet", times=3)
    assert run_to_its_end(house, outputs, SMALL_PARTS) == ["retried", "retried", "failed"]
    assert house.jobs.latest(job).state == "FAILED"
    assert house.jobs.files(job) == []
    (letter,) = house.jobs.ports.letters.list(limit=10)
    redrive(house.jobs.ports, letter, now=house.jobs.now)
    assert house.run(limits=SMALL_PARTS).outcome == "succeeded"
    assert numbers(house.table(house.jobs.latest(job))) == list(range(ROWS))


def test_a_query_that_cannot_be_answered_fails_for_good_with_words_for_its_user(
    house: ExportHouse,
) -> None:
    big = pa.table({"n": pa.array([Decimal(10) ** 37] * 50, pa.decimal128(38, 0))})
    house.put("things", big)
    query = "_select=sum(n) as total&_group=n&_having=sum(n) > 1"
    job = house.submit("dataset-slice", {"dataset": "things", "query": query})
    ran = house.run()
    assert ran.outcome == "failed"
    failed = house.jobs.latest(job).error
    assert failed is not None
    assert (failed.kind, failed.retryable) == ("permanent", False)
    assert "sum" in failed.message
    assert house.jobs.files(job) == []


def test_a_dataset_that_is_damaged_fails_for_good(house: ExportHouse) -> None:
    house.put("things", things(1000))
    job = house.submit("dataset-slice", {"dataset": "things"})
    part = house.jobs.store_root / TENANT / "datasets" / "things" / "v1" / "part-00000.parquet"
    part.write_bytes(b"PAR1 is how it begins, and nothing else")
    assert house.run().outcome == "failed"
    failed = house.jobs.latest(job).error
    assert failed is not None
    assert failed.kind == "permanent"
    assert "things" in failed.message


def test_a_version_that_is_gone_fails_for_good(house: ExportHouse) -> None:
    house.put("things", things(1000), version="v1")
    job = house.submit("dataset-slice", {"dataset": "things"})
    house.put("things", things(1000), version="v2")
    shutil.rmtree(house.jobs.store_root / TENANT / "datasets" / "things" / "v1")
    assert house.run().outcome == "failed"
    failed = house.jobs.latest(job).error
    assert failed is not None
    assert "v1" in failed.message


def test_a_file_that_is_replaced_while_it_is_read_is_tried_again_and_then_given_up(
    house: ExportHouse,
) -> None:
    folder = house.jobs.store_root / TENANT / "datasets"
    folder.mkdir(parents=True)
    pq.write_table(narrow(), folder / "things.parquet")

    def replaced() -> None:
        pq.write_table(narrow().slice(1), folder / "other.parquet")
        (folder / "other.parquet").replace(folder / "things.parquet")

    job = house.submit("dataset-slice", {"dataset": "things"})
    outputs = Stepped(house.sources.outputs, once("half written", "00000.parquet", replaced))
    assert run_to_its_end(house, outputs, ExportLimits()) == ["retried", "failed"]
    failed = house.jobs.latest(job).error
    assert failed is not None
    assert "no longer stored" in failed.message
    assert house.jobs.files(job) == []


def test_a_type_that_the_parts_cannot_hold_fails_before_a_file_is_written(
    house: ExportHouse,
) -> None:
    house.put("things", pa.table({"took": pa.array([1, 2], pa.duration("us"))}))
    job = house.submit("dataset-slice", {"dataset": "things"})
    outputs, written = failing(house, "nothing")
    assert house.run(sources=replace(house.sources, outputs=outputs)).outcome == "failed"
    failed = house.jobs.latest(job).error
    assert failed is not None
    assert "took" in failed.message
    assert written == []


@pytest.mark.parametrize("name", ["00000.parquet", "00002.parquet", "000001.csv", "000001.ndjson"])
def test_a_cancelled_slice_leaves_nothing(house: ExportHouse, name: str) -> None:
    house.put("things", narrow())
    job = house.submit("dataset-slice", {"dataset": "things"}, formats=["csv", "ndjson"])

    def cancelled() -> None:
        cancel(house.jobs.ports, house.jobs.latest(job), now=house.jobs.now)

    outputs = Stepped(house.sources.outputs, once("write", name, cancelled))
    ran = house.run(sources=replace(house.sources, outputs=outputs), limits=SMALL_PARTS)
    assert ran.outcome == "cancelled"
    assert house.jobs.latest(job).state == "CANCELLED"
    assert house.jobs.files(job) == []


def test_a_worker_that_is_stopped_hands_its_parts_on(house: ExportHouse) -> None:
    house.put("things", narrow())
    job = house.submit("dataset-slice", {"dataset": "things"})
    outputs, written = failing(house, "nothing")
    ran = house.run(
        sources=replace(house.sources, outputs=outputs),
        limits=SMALL_PARTS,
        is_stopping=lambda: "part-000001-00001.parquet" in written,
    )
    assert ran.outcome == "returned"
    stopped = house.jobs.latest(job)
    assert stopped.state == "QUEUED"
    assert house.jobs.files(job) == [one.part for one in stopped.artifacts]
    assert house.run(limits=SMALL_PARTS).outcome == "succeeded"
    assert numbers(house.table(house.jobs.latest(job))) == list(range(ROWS))
