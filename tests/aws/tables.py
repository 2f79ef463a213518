"""Tables that checks download, and what their CSV has to be, written without the service's code."""

import io
import random
import secrets
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

NUMBERS_ROWS = 50_000
_WORDS = ("ash", "oak", "elm", "hazel", "yew", "alder", "rowan")

REPEATED_ROWS = 320_000
"""Some 318 MB of CSV: more than one response may hold."""
_TEXT_CHARACTERS = 1000
_TEXTS = 64
_SHORT = "short"
_SHORT_ROWS = 5000
"""Whoever weighs an answer by its first thousand rows sees these alone."""
_FIRST = 10_000_000
"""All numbers have eight digits, so that rows with equally long texts are equally long."""
REPEATED_GROUP_ROWS = 10_000
_BLOCK_ROWS = 100


def numbers_table() -> pa.Table:
    """Make the small table: all slices of it are written by `numbers_csv`."""
    rows = range(NUMBERS_ROWS)
    return pa.table(
        {
            "n": pa.array(rows, pa.int64()),
            "code": [_code(n) for n in rows],
            "word": [_word(n) for n in rows],
        }
    )


def numbers_csv(rows: Iterable[int] = range(NUMBERS_ROWS)) -> bytes:
    """Write the CSV of the rows with these numbers."""
    return "".join(["n,code,word\n", *(f"{n},{_code(n)},{_word(n)}\n" for n in rows)]).encode()


def repeated_table(rows: int = REPEATED_ROWS, *, seed: int = 1) -> pa.Table:
    """Make a table that is small as Parquet and large as CSV: long texts, each many times over.

    Neither its footer nor its first rows, which are short, tell of its CSV's size: so an answer
    begins that then doesn't fit.
    """
    chosen = pa.DictionaryArray.from_arrays(
        pa.array([_place(n) for n in range(rows)], pa.int32()), pa.array(_texts(seed))
    )
    return pa.table({"n": pa.array(range(_FIRST, _FIRST + rows), pa.int64()), "text": chosen})


def repeated_csv(rows: int = REPEATED_ROWS, *, seed: int = 1) -> Iterator[bytes]:
    """Write its CSV, in blocks of 100 KB at most."""
    texts = _texts(seed)
    yield b"n,text\n"
    for first in range(0, rows, _BLOCK_ROWS):
        block = range(first, min(first + _BLOCK_ROWS, rows))
        yield "".join(f"{_FIRST + n},{texts[_place(n)]}\n" for n in block).encode()


def noise_table(size_bytes: int) -> pa.Table:
    """Make a table that is as large as Parquet as it is in memory: nothing in it repeats."""
    rows = size_bytes // 8
    numbers = pa.py_buffer(secrets.token_bytes(rows * 8))
    return pa.table({"noise": pa.Array.from_buffers(pa.int64(), rows, [None, numbers])})


def as_parquet(table: pa.Table, *, group_rows: int = REPEATED_GROUP_ROWS) -> bytes:
    """Write a table as a Parquet file, whose text is text however the table held it."""
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=group_rows, compression="zstd", store_schema=False)
    return sink.getvalue()


def _code(n: int) -> str:
    return f"C{n * 7919 % 1_000_003:06}"


def _word(n: int) -> str:
    return _WORDS[n % len(_WORDS)]


def _place(n: int) -> int:
    """Say which of the texts a row has."""
    return _TEXTS if n < _SHORT_ROWS else n % _TEXTS


def _texts(seed: int) -> list[str]:
    chance = random.Random(seed)
    return [*(chance.randbytes(_TEXT_CHARACTERS // 2).hex() for _ in range(_TEXTS)), _SHORT]
