"""The plain ways out of PostgreSQL, each in a process of its own: `exports_peers.py WAY FOLDER`.

How to connect is the first line of standard input. Prints seconds from the connecting to the end,
rows or None, bytes, and the highest resident size.
"""

import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from servers import memory

COPY_TEXT = "COPY TO, text, to nowhere"
COPY_BINARY = "COPY TO, binary, to nowhere"
PANDAS = "pandas.read_sql, psycopg, to_parquet"
PANDAS_ADBC = "pandas.read_sql, ADBC, to_parquet"
WAYS = (COPY_TEXT, COPY_BINARY, PANDAS_ADBC, PANDAS)
NOTES = {
    PANDAS: "holds all rows, and makes floats of decimals",
    PANDAS_ADBC: "holds all rows, and makes texts of decimals",
}
SLOW = frozenset((PANDAS,))
"""Measured in the first and in the last round alone."""


_SELECT = """
SELECT id, customer, quantity, reference, net, gross, placed_at, due, is_paid, note
FROM wide_rows ORDER BY id
"""


def main() -> None:
    way, folder = sys.argv[1:]
    connection_string = sys.stdin.readline().strip()
    if way in (COPY_TEXT, COPY_BINARY):
        how = "text" if way == COPY_TEXT else "binary"
        seconds, rows, size = _copied(connection_string, how)
    else:
        path = Path(folder) / "peer.parquet"
        seconds, rows, size = _through_pandas(connection_string, path, is_adbc=way == PANDAS_ADBC)
    peak = memory(os.getpid(), "VmHWM")
    print(json.dumps({"seconds": seconds, "rows": rows, "size": size, "peak": peak}))


def _copied(connection_string: str, how: str) -> tuple[float, int | None, int]:
    import psycopg  # noqa: PLC0415 - each way pays for its own imports, before its time begins

    copy = f"COPY ({_SELECT}) TO STDOUT (FORMAT {how})"
    began, size = time.perf_counter(), 0
    with (
        Path("/dev/null").open("wb", buffering=0) as nowhere,
        psycopg.connect(connection_string) as connection,
        connection.cursor() as cursor,
        cursor.copy(copy.encode()) as blocks,
    ):
        for block in blocks:
            size += len(block)
            nowhere.write(block)
    return time.perf_counter() - began, None, size


def _through_pandas(
    connection_string: str, path: Path, *, is_adbc: bool
) -> tuple[float, int | None, int]:
    import pandas as pd  # noqa: PLC0415 - the same
    import pyarrow.parquet  # noqa: F401, PLC0415 - the same; to_parquet would import it

    connect = _adbc() if is_adbc else _psycopg()
    began = time.perf_counter()
    with connect(connection_string) as connection, warnings.catch_warnings():
        # It says that connections of other libraries are not tested.
        warnings.simplefilter("ignore", UserWarning)
        frame = pd.read_sql(_SELECT, connection)
    frame.to_parquet(path)
    return time.perf_counter() - began, len(frame), path.stat().st_size


def _psycopg() -> Any:
    import psycopg  # noqa: PLC0415 - the same

    return psycopg.connect


def _adbc() -> Any:
    from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - the same

    return dbapi.connect


if __name__ == "__main__":
    main()
