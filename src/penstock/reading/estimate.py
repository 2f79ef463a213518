"""Estimates: what an answer will weigh, before it is begun."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from penstock.errors import QueryTimeoutError, ResponseTooLargeError
from penstock.model.dataset import Dataset
from penstock.model.format import Format, Style
from penstock.model.slice import Page, Slice
from penstock.reading.beginning import Beginning
from penstock.reading.counting import count_rows, page_rows
from penstock.reading.encoded import AnswerCaps, encode_batches, text_types
from penstock.reading.engine import Allowance
from penstock.reading.reader import Batch, Reader
from penstock.reading.scan import scan
from penstock.reading.tally import Tally

_SAMPLE_ROWS = 1000
_COUNT_SECONDS = 0.2
_WRITTEN_OUT = 4
"""How much longer text is than what Parquet holds of it, encoded."""
_CELL_BYTES = 24
_ANY_LENGTH = frozenset({"text", "binary", "nested"})
_LONG_ROW_BYTES = 20_000
"""200 MB hold 10,000 such rows: few slices are weighed that would have fitted."""
_SURELY_TOO_LARGE = 1.5
"""A thousand rows compress worse than a million: coded sizes are refused from here on."""

Code = Callable[[Iterable[bytes]], Iterator[bytes]]
"""Puts pieces in a content coding."""


class _AtOnce:
    """The pace of a reader that is never behind."""

    def is_slow(self) -> bool:
        return False

    def wait(self) -> None:
        """Return at once."""


AT_ONCE = _AtOnce()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWeight:
    """What a row weighs, in bytes: encoded, and then coded."""

    encoded: float
    coded: float


def weigh(
    reader: Reader,
    dataset: Dataset,
    wanted: Slice,
    *,
    written: Format,
    style: Style,
    allowance: Allowance,
    code: Code | None = None,
    beginning: Beginning | None = None,
) -> RowWeight:
    """Weigh the first rows of an answer, in a content coding if `code` is given; 0.0 if none.

    In file order the first 1,000 rows of the answer are read, or taken from its `beginning`; a
    sorted, grouped or distinct answer is weighed by the rows of the dataset, since making it would
    cost what the estimate is to save.
    """
    batches: Iterable[Batch]
    if beginning is not None:
        batches = beginning.first(_SAMPLE_ROWS)
    else:
        sampled = wanted
        if wanted.sort and not (wanted.grouped or wanted.distinct):
            sampled = replace(wanted, sort=())
        batches = scan(
            reader,
            dataset,
            replace(sampled, page=Page(limit=_SAMPLE_ROWS)),
            text=text_types(written),
            allowance=allowance,
            pace=AT_ONCE,
        )
    tally = Tally()
    pieces: Iterator[bytes] = encode_batches(
        batches,
        written=written,
        style=style,
        reader=reader,
        pace=AT_ONCE,
        tally=tally,
        caps=AnswerCaps(),
    )
    size = sum(len(piece) for piece in (pieces if code is None else code(pieces)))
    rows = max(tally.rows, 1)
    return RowWeight(encoded=tally.size_bytes / rows, coded=size / rows)


def refuse_if_too_large(
    reader: Reader,
    dataset: Dataset,
    wanted: Slice,
    *,
    written: Format,
    style: Style,
    caps: AnswerCaps,
    allowance: Allowance,
    code: Code | None = None,
    beginning: Beginning | None = None,
) -> None:
    """Refuse an answer that surely exceeds its caps; an unsure one may begin, and ends at its cap.

    The footers bound the rows; only where that bound may exceed a cap are rows counted, for 0.2 s
    at most, and then weighed. The `beginning` of an answer that has begun already tells both where
    it can, and the rest is counted in its slot. Raises ResponseTooLargeError.
    """
    if not _may_cross(page_rows(dataset.rows, wanted), dataset, caps):
        return
    rows = None if beginning is None else beginning.all_rows
    if rows is None:
        counting = Allowance(seconds=_COUNT_SECONDS)
        try:
            counted = count_rows(
                reader, dataset, wanted, allowance=counting, has_slot=beginning is not None
            )
        except QueryTimeoutError:
            return
        rows = page_rows(counted, wanted)
    if not _may_cross(rows, dataset, caps):
        return
    weight = weigh(
        reader,
        dataset,
        wanted,
        written=written,
        style=style,
        allowance=allowance,
        code=code,
        beginning=beginning,
    )
    if crossed := _first_crossed(rows, weight, caps, is_coded=code is not None):
        raise crossed


def _may_cross(rows: int, dataset: Dataset, caps: AnswerCaps) -> bool:
    if (caps.rows is not None and rows > caps.rows) or caps.size_bytes is not None:
        return True
    return caps.wire_bytes is not None and rows * _roughly_at_most(dataset) > caps.wire_bytes


def _roughly_at_most(dataset: Dataset) -> float:
    """Bound a row's bytes by its footers.

    A text that repeats is stored once: its footers tell nothing of its length.
    """
    if any(column.kind in _ANY_LENGTH for column in dataset.columns):
        return _LONG_ROW_BYTES
    decoded = sum(group.decoded_bytes for file in dataset.files for group in file.row_groups)
    per_row = decoded / max(dataset.rows, 1)
    return _WRITTEN_OUT * per_row + _CELL_BYTES * len(dataset.columns)


def _first_crossed(
    rows: int, weight: RowWeight, caps: AnswerCaps, *, is_coded: bool
) -> ResponseTooLargeError | None:
    if caps.rows is not None and rows > caps.rows:
        return ResponseTooLargeError(limit=caps.rows, estimated=rows, unit="rows")
    if caps.size_bytes is not None and rows * weight.encoded > caps.size_bytes:
        return ResponseTooLargeError(
            limit=caps.size_bytes, estimated=int(rows * weight.encoded), unit="bytes"
        )
    doubt = _SURELY_TOO_LARGE if is_coded else 1.0
    if caps.wire_bytes is not None and rows * weight.coded > caps.wire_bytes * doubt:
        return ResponseTooLargeError(
            limit=caps.wire_bytes,
            estimated=int(rows * weight.coded),
            unit="bytes",
            smaller_coded=not is_coded,
        )
    return None
