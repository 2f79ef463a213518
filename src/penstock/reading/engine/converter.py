"""The converter: CSV files into typed Parquet, in a process of its own with one folder to write in.

`python -m penstock.reading.engine.converter` reads one `Task` as JSON a line and answers each with
one line, a `ConvertResult`; it ends with its input. Fields are cut by pyarrow's CSV reader and not
by DuckDB's: that one drops the blank rows of a single column and wants a buffer of many times the
longest line.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

import pyarrow as pa
import pyarrow.csv as pa_csv

from penstock.errors import PenstockError, SetupError
from penstock.reading.dataset_files import write_parquet
from penstock.reading.engine.convert_dialect import CsvDialect, read_dialect
from penstock.reading.engine.convert_faults import (
    LONGEST_RECORD_BYTES,
    first_fault,
    quoting_is_plain,
)
from penstock.reading.engine.convert_task import ConvertResult, Task
from penstock.reading.engine.convert_text import utf8_text
from penstock.reading.engine.convert_types import Guess, narrowed, settled, typed

_BLOCKS = (1 << 20, 8 << 20, LONGEST_RECORD_BYTES, 2 * LONGEST_RECORD_BYTES)
"""Sizes to read in: a record must fit into a block, and memory grows with it."""


def convert(source: Path, target: Path, *, work: Path, null_text: str | None) -> int:
    """Write `source`, a CSV file, to `target` as Parquet; gives the number of rows.

    Rows keep their order, every column the narrowest type that loses nothing of any value. A blank
    is null, but in a text column the empty string. `null_text`, unquoted, is null everywhere; so
    `""` makes unquoted blanks null in text columns too. Reads the file three times at least; holds
    one row group and one block.

    Raises SetupError, one line that names the file, what is wrong with it, where, and how to mend
    it; also if the file changes meanwhile.
    """
    named = source.name
    before = _identity(source)
    text = utf8_text(source, named=named, work=work)
    dialect = read_dialect(text, named=named)
    if not quoting_is_plain(text, delimiter=dialect.delimiter):
        _refuse_fault(text, dialect, named=named)
    block_bytes, types = _types(text, dialect, null_text=null_text, named=named)
    schema = pa.schema(list(zip(dialect.names, types, strict=True)))
    batches = (
        pa.record_batch([typed(c, t) for c, t in zip(b, types, strict=True)], schema=schema)
        for b in _text_batches(text, dialect, null_text=null_text, block_bytes=block_bytes)
    )
    try:
        rows = write_parquet(target, schema=schema, batches=batches)
    except pa.ArrowInvalid:
        _refuse_change(source, before)
        raise
    _refuse_change(source, before)
    return rows


def _types(
    text: Path, dialect: CsvDialect, *, null_text: str | None, named: str
) -> tuple[int, list[pa.DataType]]:
    for block_bytes in _BLOCKS:
        guesses = [Guess()] * len(dialect.names)
        try:
            for batch in _text_batches(text, dialect, null_text=null_text, block_bytes=block_bytes):
                guesses = [narrowed(g, c) for g, c in zip(guesses, batch, strict=True)]
        except pa.ArrowInvalid:
            if block_bytes == _BLOCKS[0]:
                _refuse_fault(text, dialect, named=named)
        else:
            return block_bytes, [settled(guess) for guess in guesses]
    raise SetupError(
        f"{named}: a record is longer than {LONGEST_RECORD_BYTES >> 20} MiB, the most that is "
        "read: look for a quote that isn't closed."
    )


def _text_batches(
    text: Path, dialect: CsvDialect, *, null_text: str | None, block_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Yield every record but the header as text, in order; lazy, holds a few blocks."""
    if not dialect.has_rows:
        return
    # Columns go by their places here, so that no name can mean anything to the reader.
    places = [str(place) for place in range(len(dialect.names))]
    yield from pa_csv.open_csv(
        text,
        read_options=pa_csv.ReadOptions(
            column_names=places, skip_rows_after_names=1, block_size=block_bytes
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=dialect.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=len(places) > 1,
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(places, pa.string()),
            strings_can_be_null=null_text is not None,
            null_values=[] if null_text is None else [null_text],
            quoted_strings_can_be_null=False,
            check_utf8=False,
        ),
    )


def _refuse_fault(text: Path, dialect: CsvDialect, *, named: str) -> None:
    fault = first_fault(text, delimiter=dialect.delimiter, width=len(dialect.names))
    if fault is not None:
        raise SetupError(f"{named}: {fault}")


def _refuse_change(source: Path, before: tuple[int, int, int]) -> None:
    if _identity(source) != before:
        raise SetupError(f"{source.name} was changed while it was being read: start again.")


def _identity(source: Path) -> tuple[int, int, int]:
    facts = source.stat()
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _done(task: Task) -> ConvertResult:
    source = Path(task.source)
    try:
        rows = convert(source, Path(task.target), work=Path(task.work), null_text=task.null_text)
    except PenstockError as error:
        return ConvertResult(problem=error.detail)
    except OSError as error:
        return ConvertResult(
            problem=f"{source.name} can't be converted: {error.strerror or error}."
        )
    except (pa.ArrowException, MemoryError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        return ConvertResult(problem=f"{source.name} can't be converted: {said}.")
    return ConvertResult(rows=rows)


def answer(tasks: TextIO, outcomes: TextIO) -> None:
    """Do each task of a line of JSON, and answer it with a line of JSON, until there is none."""
    for line in tasks:
        outcome = _done(Task(**json.loads(line)))
        outcomes.write(json.dumps(asdict(outcome)) + "\n")
        outcomes.flush()


if __name__ == "__main__":
    answer(sys.stdin, sys.stdout)
