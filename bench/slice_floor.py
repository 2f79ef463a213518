"""The floor of a slice from S3, in its own process: the engine and its httpfs with nothing around.

Started as `python slice_floor.py LOCATION ORGANISATION` with the variables of a function; for each
line on standard input it reads the slice once and answers with seconds and rows: to the first
batch, and to the last one. `kept` has what the service has set: footers are known, and the first
batch is small.
"""

import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

PLAIN, KEPT = "plain", "kept"
SLICE = 'SELECT * FROM read_parquet(?) WHERE "organisation-entity" = ?'
SETTINGS = {
    PLAIN: (),
    KEPT: (
        "threads = 1",
        "enable_external_file_cache = false",
        "httpfs_connection_caching = true",
        "enable_http_metadata_cache = true",
        "parquet_metadata_cache = true",
        "streaming_buffer_size = '65536B'",
    ),
}


def main() -> None:
    location, organisation = sys.argv[1], int(sys.argv[2])
    connections = {name: _connected(settings) for name, settings in SETTINGS.items()}
    for line in sys.stdin:
        connection = connections[line.strip()]
        began = time.perf_counter()
        result = connection.execute(SLICE, [location, organisation]).to_arrow_reader(8192)
        rows = next(result).num_rows
        first = time.perf_counter() - began
        rows += sum(batch.num_rows for batch in result)
        print(f"{first:.6f} {time.perf_counter() - began:.6f} {rows}", flush=True)


def _connected(settings: tuple[str, ...]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    found = find_spec("duckdb_extension_httpfs")
    if found is None or found.origin is None:
        sys.exit("duckdb-extension-httpfs is not installed")
    versions = Path(found.origin).with_name("extensions")
    extension = versions / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
    connection.execute(f"LOAD '{extension}'")
    for setting in settings:
        connection.execute(f"SET {setting}")
    server = urlsplit(os.environ["AWS_ENDPOINT_URL_S3"])
    connection.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{os.environ['AWS_ACCESS_KEY_ID']}',"
        f" SECRET '{os.environ['AWS_SECRET_ACCESS_KEY']}', REGION '{os.environ['AWS_REGION']}',"
        f" ENDPOINT '{server.netloc}', URL_STYLE 'path', USE_SSL false)"
    )
    return connection


if __name__ == "__main__":
    main()
