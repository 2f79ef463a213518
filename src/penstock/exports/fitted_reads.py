"""Fitted reads: batches that hold few megabytes, however wide a dataset's rows are."""

from dataclasses import replace

from penstock.model.dataset import Dataset
from penstock.reading.reader import Reader

_BATCH_BYTES = 2 << 20
_FEWEST_ROWS = 64


def fitted(reader: Reader, dataset: Dataset) -> Reader:
    """Give a reader whose batches of a dataset hold about 2 MiB at most, by what its footers say.

    A text that repeats is stored once: where nearly all do, batches are larger.
    """
    decoded = sum(group.decoded_bytes for file in dataset.files for group in file.row_groups)
    per_row = decoded / max(dataset.rows, 1)
    most = max(_FEWEST_ROWS, int(_BATCH_BYTES / max(per_row, 1)))
    return replace(reader, batch_rows=min(reader.batch_rows, most))
