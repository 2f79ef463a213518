"""The engine's object store: it opens the contents that are asked for, and nothing else."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.reading_parts import minute
from tests.s3_parts import CREDENTIALS, emptied_bucket, store_of
from tests.stand_ins import ACCESS_KEY, REGION, SECRET_KEY, StandIn

from penstock.errors import BusyError, DatasetChangedError, PenstockError, SetupError
from penstock.reading.engine import Credentials, Engine, ObjectStore
from penstock.reading.engine.generations import CHUNKS_KEPT
from penstock.reading.engine.object_store import Secrets, open_store
from penstock.reading.objects import StoredObject

BUCKET = "object-store"
OTHER_BUCKET = "object-store-of-others"
KEY = "acme/datasets/an area #1 + %41 & 'ü'.parquet"
COUNT = "SELECT sum(b)::BIGINT AS n FROM read_parquet(?)"
"""What no footer answers."""


@pytest.fixture
def client(s3_server: StandIn) -> Any:
    emptied_bucket(s3_server, OTHER_BUCKET)
    return emptied_bucket(s3_server, BUCKET)


@contextmanager
def engine_of(folder: Path, store: ObjectStore | None) -> Iterator[Engine]:
    engine = Engine(
        roots=[folder / "stored"],
        spill_dir=folder / "spill",
        memory_bytes=100_000_000,
        threads=1,
        queries=1,
        spill_bytes=1_000_000,
        object_store=store,
    )
    try:
        yield engine
    finally:
        engine.close()


@pytest.fixture
def engine(client: Any, s3_server: StandIn, tmp_path: Path) -> Iterator[Engine]:
    with engine_of(tmp_path, store_of(s3_server.endpoint, BUCKET)) as engine:
        yield engine


def put(client: Any, rows: int, *, bucket: str = BUCKET, key: str = KEY) -> str:
    """Store a table of so many rows, and give its location."""
    written = io.BytesIO()
    pq.write_table(pa.table({"a": list(range(rows)), "b": [1] * rows}), written)
    stored = client.put_object(Bucket=bucket, Key=key, Body=written.getvalue())
    return StoredObject(bucket=bucket, key=key, etag=stored["ETag"].strip('"')).location


def count(engine: Engine, location: str, sql: str = COUNT) -> list[object]:
    parameters = [[location]] if "(?)" in sql else []
    with engine.rows(
        sql,
        parameters,
        dataset="area",
        batch_rows=10,
        allowance=minute(),
        locations=[location],
    ) as rows:
        return [row for batch in rows for row in batch.to_pylist()]


def test_an_object_is_read_whatever_its_key_looks_like(client: Any, engine: Engine) -> None:
    location = put(client, 3)
    assert count(engine, location) == [{"n": 3}]
    assert [column.name for column in engine.columns([location], dataset="area")] == ["a", "b"]


def test_each_location_gives_its_own_content_or_fails(client: Any, engine: Engine) -> None:
    old = put(client, 3)
    assert count(engine, old) == [{"n": 3}]
    new = put(client, 5)
    for _ in range(2):
        assert count(engine, new) == [{"n": 5}]
        with pytest.raises(DatasetChangedError):
            count(engine, old)


def test_columns_of_a_content_that_is_no_more_are_not_told(client: Any, engine: Engine) -> None:
    old = put(client, 3)
    put(client, 5)
    with pytest.raises(DatasetChangedError):
        engine.columns([old], dataset="area")


def test_what_a_footer_says_is_kept_for_its_content_alone(client: Any, engine: Engine) -> None:
    rows = "SELECT count(*) AS n FROM read_parquet(?)"
    old = put(client, 3)
    assert count(engine, old, rows) == [{"n": 3}]
    new = put(client, 5)
    assert count(engine, new, rows) == [{"n": 5}]
    assert count(engine, old, rows) == [{"n": 3}]


def test_an_object_that_is_gone_has_changed(client: Any, engine: Engine) -> None:
    location = put(client, 3)
    client.delete_object(Bucket=BUCKET, Key=KEY)
    with pytest.raises(DatasetChangedError):
        count(engine, location)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT content FROM read_text('{}')",
        "SELECT * FROM read_csv('{}')",
        "SELECT * FROM read_parquet('{}')",
        "SELECT * FROM parquet_metadata('{}')",
        "FROM '{}'",
        "COPY (SELECT 1) TO '{}.stolen' (FORMAT parquet)",
        "ATTACH '{}.db' AS x",
        "IMPORT DATABASE '{}'",
    ],
)
@pytest.mark.parametrize("place", ["another bucket", "another object", "over http", "a file"])
def test_nothing_but_what_is_asked_for_is_read_or_written(
    client: Any,
    s3_server: StandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    statement: str,
    place: str,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_REGION", REGION)
    put(client, 1, bucket=OTHER_BUCKET, key="area.parquet")
    location = put(client, 3)
    put(client, 1, key="other.parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "area.parquet")
    server = s3_server.endpoint.removeprefix("http://")
    there = f"?s3_endpoint={server}&s3_use_ssl=false&s3_url_style=path"
    target = {
        "another bucket": f"s3://{OTHER_BUCKET}/area.parquet{there}",
        "another object": f"s3://{BUCKET}/other.parquet{there}",
        "over http": f"{s3_server.endpoint}/{BUCKET}/other.parquet",
        "a file": str(tmp_path / "area.parquet"),
    }[place]
    with (
        engine_of(tmp_path, store_of(s3_server.endpoint, BUCKET)) as engine,
        pytest.raises(PenstockError),
    ):
        count(engine, location, statement.replace("{}", target))
    for bucket in (BUCKET, OTHER_BUCKET):
        stored = client.list_objects_v2(Bucket=bucket)["Contents"]
        assert not [each for each in stored if "stolen" in each["Key"] or ".db" in each["Key"]]


@pytest.mark.parametrize(
    "statement",
    [
        "SET enable_external_access = true",
        "SET allowed_directories = ['s3://']",
        "SET lock_configuration = false",
        "SET s3_access_key_id = 'a'",
        "SET enable_global_s3_configuration = true",
        "SET allow_unredacted_secrets = true",
        "SET unsafe_disable_etag_checks = true",
        "SET allow_unsigned_extensions = true",
        "LOAD '/tmp/other.duckdb_extension'",
        "CREATE PERSISTENT SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
    ],
)
def test_the_engine_is_never_reconfigured(client: Any, engine: Engine, statement: str) -> None:
    location = put(client, 3)
    with pytest.raises(PenstockError):
        count(engine, location, statement)


@pytest.mark.parametrize("table", ["duckdb_secrets()", "duckdb_settings()"])
def test_no_statement_tells_a_secret(
    client: Any,
    s3_server: StandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    table: str,
) -> None:
    location = put(client, 3)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, SECRET_KEY)
    with engine_of(tmp_path, store_of(s3_server.endpoint, BUCKET)) as engine:
        told = count(engine, location, f"SELECT * FROM {table}")
    assert told
    assert SECRET_KEY not in repr(told)
    assert SECRET_KEY not in repr(CREDENTIALS)


def test_credentials_that_were_renewed_are_used_from_the_next_query_on(
    client: Any, s3_server: StandIn, tmp_path: Path
) -> None:
    location = put(client, 3)
    now = [Credentials(access_key="AKIDOLD", secret_key="expired", token="of a role")]
    store = replace(store_of(s3_server.endpoint, BUCKET), credentials=lambda: now[0])
    with engine_of(tmp_path, store) as engine:
        with pytest.raises(BusyError):
            count(engine, location)
        now[0] = CREDENTIALS
        assert count(engine, location) == [{"n": 3}]


def test_a_query_that_runs_is_not_touched_by_new_credentials(
    client: Any, s3_server: StandIn, tmp_path: Path
) -> None:
    written = io.BytesIO()
    pq.write_table(pa.table({"a": list(range(40_000))}), written, row_group_size=10_000)
    stored = client.put_object(Bucket=BUCKET, Key=KEY, Body=written.getvalue())
    location = StoredObject(bucket=BUCKET, key=KEY, etag=stored["ETag"].strip('"')).location
    now = [CREDENTIALS]
    store = replace(store_of(s3_server.endpoint, BUCKET), credentials=lambda: now[0])
    with engine_of(tmp_path, store) as engine:
        with engine.rows(
            "SELECT a FROM read_parquet(?)",
            [[location]],
            dataset="area",
            batch_rows=1000,
            allowance=minute(),
            locations=[location],
        ) as rows:
            batches = iter(rows)
            read = next(batches).num_rows
            now[0] = Credentials(access_key="AKIDNEW", secret_key="not known yet")
            with pytest.raises(BusyError):
                count(engine, location, "SELECT sum(a) FROM read_parquet(?)")
            read += sum(batch.num_rows for batch in batches)
        assert read == 40_000


@pytest.fixture
def database(s3_server: StandIn) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as database:
        open_store(database, store_of(s3_server.endpoint, BUCKET))
        yield database


def locations(start: int, stop: int) -> list[str]:
    return [StoredObject(bucket=BUCKET, key="k", etag=str(n)).location for n in range(start, stop)]


def test_files_need_no_secret(s3_server: StandIn, database: duckdb.DuckDBPyConnection) -> None:
    def never() -> Credentials:
        raise AssertionError("credentials were asked for")

    store = replace(store_of(s3_server.endpoint, BUCKET), credentials=never)
    Secrets(database, store).make(["/a/b.parquet"])
    assert database.execute("SELECT count(*) FROM duckdb_secrets()").fetchone() == (0,)


def test_new_objects_come_to_a_new_database_and_running_queries_stay_on_theirs(
    client: Any, engine: Engine
) -> None:
    first = put(client, 1000, key="first")
    known = "SELECT count(*) AS n FROM duckdb_secrets()"
    with engine.rows(
        "SELECT a FROM read_parquet(?)",
        [[first]],
        dataset="area",
        batch_rows=10,
        allowance=minute(),
        locations=[first],
    ) as rows:
        running = iter(rows)
        read = next(running).num_rows
        for number in range(3):
            other = put(client, 1, key=f"{number}")
            engine.weigh(other, chunks=CHUNKS_KEPT)
            assert count(engine, other) == [{"n": 1}]
        assert count(engine, "", known) == [{"n": 1}]
        read += sum(batch.num_rows for batch in running)
    assert read == 1000
    assert count(engine, first) == [{"n": 1000}]
    assert count(engine, "", known) == [{"n": 1}]


@pytest.mark.parametrize("spoil", [Path.mkdir, Path.touch])
def test_an_extension_that_does_not_fit_is_told_when_the_engine_is_made(
    s3_server: StandIn, tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    extension = tmp_path / "httpfs.duckdb_extension"
    spoil(extension)
    store = replace(store_of(s3_server.endpoint, BUCKET), extension=extension)
    with pytest.raises(SetupError, match="httpfs"), engine_of(tmp_path, store):
        pass
