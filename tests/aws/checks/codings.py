"""Codings and parts: what is negotiated with the edge comes as it was asked for."""

import secrets
from pathlib import Path

import duckdb
import duckdb_extension_httpfs
from tests.aws.doors import Answer, Door
from tests.aws.findings import require
from tests.aws.tables import numbers_csv

_OK = 200
_PARTIAL = 206
_NOT_MODIFIED = 304

_NEGOTIATED: tuple[tuple[dict[str, str], str], ...] = (
    ({"accept-encoding": "identity"}, "identity"),
    ({"accept-encoding": "gzip"}, "gzip"),
    ({"accept-encoding": "zstd"}, "zstd"),
    ({"accept-encoding": "gzip, deflate, br, zstd"}, "zstd"),
    ({"accept-encoding": "gzip, zstd;q=0"}, "gzip"),
    # What only the edge may say, said by a client that doesn't take it.
    ({"accept-encoding": "gzip", "x-accept-zstd": "1"}, "gzip"),
    ({"accept-encoding": "identity", "x-accept-zstd": "1"}, "identity"),
)


def are_negotiated(edge: Door) -> list[str]:
    """Ask for one slice in each coding, twice in turn: every time it comes in the best one.

    The second round may come from the cache, which must not mix them. Gives what the edge said of
    its cache.

    Raises CheckFailedError.
    """
    truth = numbers_csv(range(20_000))
    # A value that no other query has: the first round finds nothing in the cache.
    path = f"/numbers.csv?n__lt=20000&word__not={secrets.token_hex(8)}"
    said = []
    for _ in range(2):
        for headers, coding in _NEGOTIATED:
            answer = edge.ask(path, headers)
            require(answer.status == _OK, f"{headers} was answered with {answer.status}.")
            came = answer.headers.get("content-encoding", "identity")
            require(came == coding, f"{headers} was answered in {came}, not in {coding}.")
            require(answer.decoded == truth, f"{headers} was answered with wrong bytes.")
            vary = str(answer.headers.get("vary", "")).lower()
            require("accept-encoding" in vary, "The answer doesn't vary by Accept-Encoding.")
            said.append(f"{came}: {answer.from_cache}")
    return said


def is_revalidated(edge: Door) -> None:
    """See that who has an answer gets a 304 for it, and who has another one the whole.

    Raises CheckFailedError.
    """
    path = f"/numbers.csv?n__lt=100&word__not={secrets.token_hex(8)}"
    for coding in ("identity", "gzip", "zstd"):
        encoded = {"accept-encoding": coding}
        first = edge.ask(path, encoded)
        require(first.status == _OK, f"{path} was answered with {first.status}.")
        etag = str(first.headers.get("etag", ""))
        require(bool(etag), "An answer has no ETag.")
        again = edge.ask(path, {**encoded, "if-none-match": etag})
        require(
            again.status == _NOT_MODIFIED and not again.body,
            f"Who has {etag} in {coding} is answered with {again.status}.",
        )
        other = edge.ask(path, {**encoded, "if-none-match": '"another"'})
        require(
            other.status == _OK and other.decoded == numbers_csv(range(100)),
            f"Who has another answer in {coding} is answered with {other.status}.",
        )


def ranges_are_served(edge: Door, path: str, truth: bytes) -> None:
    """Ask for the beginning, a middle and the end of a stored file.

    Raises CheckFailedError.
    """
    size = len(truth)
    middle = size // 2
    for asked, start, stop in (
        ("bytes=0-99", 0, 100),
        (f"bytes={middle}-{middle + 999}", middle, middle + 1000),
        ("bytes=-8", size - 8, size),
        (f"bytes={size - 5}-", size - 5, size),
    ):
        answer: Answer = edge.ask(path, {"range": asked})
        require(answer.status == _PARTIAL, f"{asked} was answered with {answer.status}.")
        told = answer.headers.get("content-range")
        require(told == f"bytes {start}-{stop - 1}/{size}", f"{asked} was answered with “{told}”.")
        require(answer.body == truth[start:stop], f"{asked} was answered with wrong bytes.")


def duckdb_reads_it(url: str) -> None:
    """Have DuckDB read the small table's Parquet file over HTTP, by ranges.

    Raises CheckFailedError.
    """
    extension = next(Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension"))
    sql = "SELECT count(*), sum(n), min(code) FROM read_parquet(?) WHERE n BETWEEN 30000 AND 30999"
    with duckdb.connect() as connection:
        connection.execute(f"LOAD '{extension}'")
        found = connection.execute(sql, [url]).fetchone()
    lines = numbers_csv(range(30_000, 31_000)).decode().splitlines()[1:]
    codes = [line.split(",")[1] for line in lines]
    expected = (1000, sum(range(30_000, 31_000)), min(codes))
    require(found == expected, f"DuckDB finds {found} in {url}, and there are {expected}.")
