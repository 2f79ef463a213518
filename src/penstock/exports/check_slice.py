"""Checking slices: the dataset is opened, the query read, and the work of it weighed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from penstock.errors import ConflictingParametersError
from penstock.exports.slice_query import SliceParameters, read_query
from penstock.model.dataset import Dataset
from penstock.model.job import SizeClass
from penstock.model.signature import SigningKey
from penstock.model.slice import AfterRows, Slice
from penstock.query import pairs_of, version_of

_SMALL_ROWS = 1_000_000
_SMALL_BYTES = 64_000_000
"""Read, written and encoded in seconds."""
_MEDIUM_ROWS = 200_000_000
_MEDIUM_BYTES = 8_000_000_000
"""At half a million rows a second, what one function does in the half of its fifteen minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedSlice:
    """A slice whose query holds; the parameters are canonical, the dataset's version is pinned."""

    parameters: SliceParameters
    dataset: Dataset
    size: SizeClass


def check_slice(
    given: SliceParameters,
    extensions: Sequence[str],
    *,
    open_dataset: Callable[[str, str | None], Dataset],
    signing_keys: Callable[[], Sequence[SigningKey]],
    filters: int,
) -> CheckedSlice:
    """Open the dataset and read the query against it; no row is read.

    Raises QueryError, CursorGoneError, and what `open_dataset` raises.
    """
    asked = version_of(pairs_of(given.query.removeprefix("?").encode()))
    if None not in (asked, given.version) and asked != given.version:
        raise ConflictingParametersError("_version", "version", "they name two versions.")
    dataset = open_dataset(given.dataset, given.version or asked)
    query = read_query(given.query, dataset, extensions, signing_keys=signing_keys, filters=filters)
    canonical = SliceParameters(
        dataset=given.dataset,
        query=query.canonical,
        version=given.version or asked,
        file_name=given.file_name or query.file_name,
    )
    return CheckedSlice(
        parameters=canonical, dataset=dataset, size=_size(dataset, query.wanted, extensions)
    )


def _size(dataset: Dataset, wanted: Slice, extensions: Sequence[str]) -> SizeClass:
    """Bound the work by what footers say: filters may leave less of it."""
    reads_on = wanted.in_file_order and wanted.predicate is None
    rows = _rows_at_most(dataset, wanted) if reads_on else dataset.rows
    size = dataset.size_bytes * rows // max(dataset.rows, 1)
    files = 1 + len(extensions)
    if rows * files <= _SMALL_ROWS and size * files <= _SMALL_BYTES:
        return "small"
    if rows * files <= _MEDIUM_ROWS and size * files <= _MEDIUM_BYTES:
        return "medium"
    return "large"


def _rows_at_most(dataset: Dataset, wanted: Slice) -> int:
    page = wanted.page
    skipped = page.offset + (page.after.rows if isinstance(page.after, AfterRows) else 0)
    left = max(0, dataset.rows - skipped)
    return left if page.limit is None else min(left, page.limit)
