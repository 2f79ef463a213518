"""Slices: rows of one of the tenant's datasets, read as downloads read them."""

from collections.abc import Generator
from dataclasses import dataclass, replace

import pyarrow as pa

from penstock.errors import QueryTimeoutError
from penstock.exports.check import FORMATS, given_of
from penstock.exports.declaration import ExportType
from penstock.exports.fitted_reads import fitted
from penstock.exports.parts import Stream
from penstock.exports.resources import ExportResources
from penstock.exports.result_writer import Checkpoint, ResultWriter
from penstock.exports.slice_query import SliceParameters, SliceQuery, read_query
from penstock.exports.watch import watched
from penstock.formats import parquet
from penstock.model.dataset import Dataset
from penstock.model.job import Job
from penstock.model.slice import Slice
from penstock.reading.counting import count_rows, page_rows
from penstock.reading.encoded import text_types
from penstock.reading.engine import Allowance
from penstock.reading.estimate import AT_ONCE
from penstock.reading.scan import scan

_COUNT_SECONDS = 1.0
"""What telling the total in advance may cost; without it, there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSlice:
    """The pinned version of a dataset, and the query that was read against it."""

    dataset: Dataset
    query: SliceQuery

    @property
    def is_reproducible(self) -> bool:
        """Whether the first rows of another read are the first rows of this one.

        Sums of floats differ from run to run, and groups may then be others, too.
        """
        return not self.query.wanted.grouped


def open_slice(resources: ExportResources, wanted: ExportType, job: Job) -> OpenedSlice:
    """Open what a job is to read, as it was pinned.

    Raises UnknownDatasetError, VersionGoneError, DatasetDamagedError, BodyError, QueryError,
    CursorGoneError and BusyError.
    """
    given = given_of(wanted, job)
    if not isinstance(given, SliceParameters):
        raise TypeError(f"the parameters of {wanted.name} are no slice's")
    folder, _, job_id = given.dataset.rpartition("/")
    if folder:
        dataset = resources.exported.export(job.tenant, job_id)
    else:
        dataset = resources.catalog.dataset(job.tenant, given.dataset, job.dataset_version)
    query = read_query(
        given.query,
        dataset,
        job.params.get(FORMATS, ()),
        signing_keys=lambda: resources.keys.signing_keys(job.tenant),
        filters=resources.limits.filters,
    )
    return OpenedSlice(dataset=dataset, query=query)


def make_slice(writer: ResultWriter, opened: OpenedSlice, before: Checkpoint) -> Checkpoint:
    """Read a slice's rows, in its order, and store them as parts behind those of `before`.

    Where another read gives the same rows in the same order, each part is a checkpoint; else what
    came before is left, and the slice is read from its beginning. Raises what a scan and
    `ResultWriter.write` raise.
    """
    resources = writer.resources
    if not opened.is_reproducible:
        before = Checkpoint()
    with watched(writer.attempt) as allowance:
        total = total_rows(resources, opened, allowance(_COUNT_SECONDS))
        reading = allowance(resources.limits.query_seconds)
        batches = slice_batches(resources, opened, reading, behind_rows=before.rows)
        return writer.write(
            Stream(batches=batches, end=reading.cancel),
            total=total,
            before=before,
            can_go_on=opened.is_reproducible,
        )


def total_rows(resources: ExportResources, opened: OpenedSlice, allowance: Allowance) -> int | None:
    """Count a slice's rows, if its allowance suffices for that. Raises what a scan raises."""
    wanted = opened.query.wanted
    try:
        rows = count_rows(resources.reader, opened.dataset, wanted, allowance=allowance)
    except QueryTimeoutError:
        return None
    return page_rows(rows, wanted)


def slice_batches(
    resources: ExportResources, opened: OpenedSlice, allowance: Allowance, *, behind_rows: int
) -> Generator[pa.RecordBatch]:
    """Read a slice's rows, in its order, but for the first ones; at least one batch.

    Stored types are kept, but for what Parquet can't hold. Raises what a scan raises.
    """
    batches = scan(
        fitted(resources.reader, opened.dataset),
        opened.dataset,
        _behind(opened.query.wanted, behind_rows),
        text=text_types(parquet.FORMAT),
        allowance=allowance,
        pace=AT_ONCE,
    )
    try:
        for batch in batches:
            yield batch.rows
            del batch
    finally:
        # The query ends here, not when the collector comes to it.
        if isinstance(batches, Generator):
            batches.close()


def _behind(wanted: Slice, rows: int) -> Slice:
    page = wanted.page
    limit = None if page.limit is None else max(0, page.limit - rows)
    return replace(wanted, page=replace(page, offset=page.offset + rows, limit=limit))
