"""Estimates: what an answer will weigh, before it is begun."""

from dataclasses import replace

from penstock.errors import QueryTimeoutError, ResponseTooLargeError
from penstock.model.dataset import Dataset
from penstock.model.format import Format, Style
from penstock.model.slice import Page, Slice
from penstock.reading.encoded import Caps, Tally, encode_batches, text_types
from penstock.reading.engine import Allowance
from penstock.reading.scan import Reader, count_rows, page_rows, scan

_SAMPLE_ROWS = 1000
_COUNT_SECONDS = 0.2


class _AtOnce:
    """The pace of a reader that is never behind."""

    def is_slow(self) -> bool:
        return False

    def wait(self) -> None:
        """Return at once."""


AT_ONCE = _AtOnce()


def bytes_per_row(
    reader: Reader,
    dataset: Dataset,
    wanted: Slice,
    *,
    written: Format,
    style: Style,
    allowance: Allowance,
) -> float:
    """Weigh the first rows of an answer: encoded bytes a row, before content coding; 0.0 if none.

    In file order the first 1,000 rows of the answer are read; a sorted, grouped or distinct answer
    is weighed by the rows of the dataset, since making it would cost what the estimate is to save.
    """
    sampled = wanted
    if wanted.sort and not (wanted.grouped or wanted.distinct):
        sampled = replace(wanted, sort=())
    sampled = replace(sampled, page=Page(limit=_SAMPLE_ROWS))
    batches = scan(
        reader,
        dataset,
        sampled,
        text=text_types(written),
        allowance=allowance,
        pace=AT_ONCE,
    )
    tally = Tally()
    for _ in encode_batches(
        batches,
        written=written,
        style=style,
        reader=reader,
        pace=AT_ONCE,
        tally=tally,
        caps=Caps(),
    ):
        pass
    return tally.size_bytes / tally.rows if tally.rows else 0.0


def refuse_if_too_large(
    reader: Reader,
    dataset: Dataset,
    wanted: Slice,
    *,
    written: Format,
    style: Style,
    caps: Caps,
    allowance: Allowance,
) -> None:
    """Refuse an answer that surely exceeds its caps; an unsure one may begin, and ends at its cap.

    The footers bound the rows; only where that bound exceeds a cap are rows counted, for 0.2 s at
    most, and weighed. Raises ResponseTooLargeError.
    """
    if caps.rows is None and caps.size_bytes is None:
        return
    bound = page_rows(dataset.rows, wanted)
    weight = 0.0
    if caps.size_bytes is not None:
        weight = bytes_per_row(
            reader, dataset, wanted, written=written, style=style, allowance=allowance
        )
    if _first_crossed(bound, weight, caps) is None:
        return
    try:
        counting = Allowance(seconds=_COUNT_SECONDS)
        rows = page_rows(count_rows(reader, dataset, wanted, allowance=counting), wanted)
    except QueryTimeoutError:
        return
    if crossed := _first_crossed(rows, weight, caps):
        raise crossed


def _first_crossed(rows: int, weight: float, caps: Caps) -> ResponseTooLargeError | None:
    if caps.rows is not None and rows > caps.rows:
        return ResponseTooLargeError(limit=caps.rows, estimated=rows, unit="rows")
    if caps.size_bytes is not None and rows * weight > caps.size_bytes:
        return ResponseTooLargeError(
            limit=caps.size_bytes, estimated=int(rows * weight), unit="bytes"
        )
    return None
