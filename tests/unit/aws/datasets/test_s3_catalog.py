"""The catalog of a bucket: names, versions, private data and layouts, as S3 has them."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.flows.s3_proxy import Proxy, Request, proxy
from tests.moving_clock import START, Clock
from tests.reading_parts import minute, reader_over
from tests.s3_parts import emptied_bucket, s3_client, store_of
from tests.stand_ins import StandIn

from penstock.aws.datasets.catalog import S3Catalog
from penstock.aws.services.bucket import Bucket
from penstock.errors import (
    BusyError,
    DatasetDamagedError,
    PenstockError,
    UnknownDatasetError,
    UnreadableColumnError,
    VersionGoneError,
)
from penstock.local.datasets.publish import publish
from penstock.model.slice import everything
from penstock.reading import sql
from penstock.reading.estimate import AT_ONCE
from penstock.reading.reader import Reader
from penstock.reading.scan import scan

BUCKET = "s3-catalog"
FOLDER = "acme/datasets/"
PATIENCE_SECONDS = 30
AREAS = pa.table({"reference": ["a", "b", "c"], "entity": [1, 2, 3]})


@pytest.fixture
def client(s3_server: StandIn) -> Any:
    return emptied_bucket(s3_server, BUCKET)


@pytest.fixture
def reader(s3_server: StandIn, tmp_path: Path) -> Iterator[Reader]:
    with reader_over(tmp_path, object_store=store_of(s3_server.endpoint, BUCKET)) as reader:
        yield reader


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def catalog(client: Any, reader: Reader, clock: Clock) -> Iterator[S3Catalog]:
    catalog = S3Catalog(client=client, bucket=BUCKET, engine=reader.engine, now=clock)
    yield catalog
    catalog.close()


def parquet(table: pa.Table) -> bytes:
    written = io.BytesIO()
    pq.write_table(table, written)
    return written.getvalue()


def put(client: Any, key: str, content: bytes | pa.Table) -> None:
    body = parquet(content) if isinstance(content, pa.Table) else content
    client.put_object(Bucket=BUCKET, Key=key, Body=body)


def put_version(client: Any, folder: Path, version: str, *parts: pa.Table) -> None:
    """Publish a version of the dataset `area`, and store every file of it."""
    publish(
        folder,
        tenant="acme",
        dataset="area",
        version=version,
        parts=parts,
        published=START,
    )
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            put(client, path.relative_to(folder).as_posix(), path.read_bytes())


def rows_of(reader: Reader, catalog: S3Catalog, version: str | None = None) -> list[int]:
    dataset = catalog.dataset("acme", "area", version)
    batches = scan(
        reader,
        dataset,
        everything(("entity",)),
        text=sql.TextTypes(),
        allowance=minute(),
        pace=AT_ONCE,
    )
    return [row["entity"] for batch in batches for row in batch.rows.to_pylist()]


@pytest.mark.parametrize(
    ("file_name", "name"),
    [
        ("area.parquet", "area"),
        ("area.PARQUET", "area"),
        ("area.pq", "area"),
        ("area.parq", "area"),
        ("an area #1 + ü.parquet", "an-area--1----"),
        ("an.area.parquet", "an-area"),
        ("100%41.parquet", "100-41"),
    ],
)
def test_the_name_of_an_object_gives_the_datasets(
    client: Any, catalog: S3Catalog, file_name: str, name: str
) -> None:
    put(client, f"{FOLDER}{file_name}", AREAS)
    assert [(entry.name, entry.problem) for entry in catalog.entries("acme")] == [(name, None)]
    assert catalog.dataset("acme", name).rows == 3


def test_what_is_no_dataset_is_passed_over(client: Any, catalog: S3Catalog) -> None:
    for file_name in ("", ".hidden.parquet", "area.csv", "deeper/area.parquet", "parquet"):
        put(client, f"{FOLDER}{file_name}", AREAS)
    assert catalog.entries("acme") == []
    for name in ("area", "deeper", "-hidden", "parquet"):
        with pytest.raises(UnknownDatasetError):
            catalog.dataset("acme", name)


def test_a_name_that_no_dataset_may_have_is_listed_with_its_problem(
    client: Any, catalog: S3Catalog
) -> None:
    put(client, f"{FOLDER}_area.parquet", AREAS)
    (entry,) = catalog.entries("acme")
    assert entry.name == "_area"
    assert "_area.parquet" in str(entry.problem)


def test_a_key_that_the_engine_takes_for_a_pattern_is_refused(
    client: Any, catalog: S3Catalog
) -> None:
    put(client, f"{FOLDER}are?.parquet", AREAS)
    put(client, f"{FOLDER}area.parquet", AREAS)
    assert [bool(entry.problem) for entry in catalog.entries("acme")] == [True, False]
    with pytest.raises(DatasetDamagedError, match="rename"):
        catalog.dataset("acme", "are-")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("area.parquet", "area.pq"),
        ("an area.parquet", "an-area.parquet"),
        ("an.area.parquet", "an+area.parquet"),
    ],
)
def test_two_objects_of_one_name_are_an_error_that_names_both(
    client: Any, catalog: S3Catalog, one: str, other: str
) -> None:
    for file_name in (one, other):
        put(client, f"{FOLDER}{file_name}", AREAS)
    (entry,) = catalog.entries("acme")
    with pytest.raises(DatasetDamagedError) as raised:
        catalog.dataset("acme", entry.name)
    for said in (str(entry.problem), raised.value.reason):
        assert one in said
        assert other in said


def test_an_object_and_versions_of_one_name_are_an_error_too(
    client: Any, catalog: S3Catalog, tmp_path: Path
) -> None:
    put(client, f"{FOLDER}area.parquet", AREAS)
    put(client, f"{FOLDER}area/readme.txt", b"no versions")
    assert catalog.dataset("acme", "area").rows == 3
    assert [entry.problem for entry in catalog.entries("acme")] == [None]
    put_version(client, tmp_path / "v", "1", AREAS)
    (entry,) = catalog.entries("acme")
    assert "same dataset name" in str(entry.problem)


def test_a_listing_goes_on_behind_a_thousand_objects(client: Any) -> None:
    keys = [f"many/{number:04}.parquet" for number in range(1003)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda key: put(client, key, b""), keys))
    pages = list(Bucket(client, BUCKET).pages("many/"))
    assert len(pages) == 2
    assert [each.object.key for page in pages for each in page.objects] == keys


def test_versions_are_read_and_the_current_one_is_what_current_says_now(
    client: Any, reader: Reader, catalog: S3Catalog, tmp_path: Path
) -> None:
    put_version(client, tmp_path / "v", "first", AREAS, AREAS.slice(1))
    assert rows_of(reader, catalog) == [1, 2, 3, 2, 3]
    dataset = catalog.dataset("acme", "area")
    assert (dataset.version, dataset.modified) == ("first", START)
    put_version(client, tmp_path / "v", "second", AREAS.slice(2))
    assert rows_of(reader, catalog) == [3]
    assert rows_of(reader, catalog, "first") == [1, 2, 3, 2, 3]
    assert [(entry.name, entry.version, entry.rows) for entry in catalog.entries("acme")] == [
        ("area", "second", 1)
    ]
    with pytest.raises(VersionGoneError) as raised:
        catalog.dataset("acme", "area", "third")
    assert raised.value.facts["current_version"] == "second"


def test_a_version_is_known_as_soon_as_it_is_whole(
    client: Any, catalog: S3Catalog, tmp_path: Path
) -> None:
    put_version(client, tmp_path / "v", "first", AREAS)
    with pytest.raises(VersionGoneError):
        catalog.dataset("acme", "area", "second")
    put_version(client, tmp_path / "v", "second", AREAS)
    assert catalog.dataset("acme", "area", "second").rows == 3


def test_a_version_that_was_removed_is_gone_after_a_while(
    client: Any, catalog: S3Catalog, clock: Clock, tmp_path: Path
) -> None:
    put_version(client, tmp_path / "v", "first", AREAS)
    put_version(client, tmp_path / "v", "second", AREAS)
    assert catalog.dataset("acme", "area", "first").rows == 3
    client.delete_object(Bucket=BUCKET, Key=f"{FOLDER}area/first/manifest.json")
    clock.time += timedelta(seconds=61)
    with pytest.raises(VersionGoneError):
        catalog.dataset("acme", "area", "first")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda client: put(client, f"{FOLDER}area/current", b"no version!"), "names no version"),
        (lambda client: put(client, f"{FOLDER}area/current", b"v" * 300), "can't be read"),
        (lambda client: put(client, f"{FOLDER}area/current", b"second"), "not stored whole"),
        (lambda client: put(client, f"{FOLDER}area/1/manifest.json", b"{}"), "manifest"),
        (
            lambda client: client.delete_object(
                Bucket=BUCKET, Key=f"{FOLDER}area/1/part-00001.parquet"
            ),
            "is missing",
        ),
        (
            lambda client: put(client, f"{FOLDER}area/1/part-00001.parquet", AREAS.slice(1)),
            "differs from its manifest",
        ),
    ],
)
def test_versions_that_are_not_whole_are_damaged(
    client: Any,
    catalog: S3Catalog,
    tmp_path: Path,
    spoil: Callable[[Any], object],
    says: str,
) -> None:
    put_version(client, tmp_path / "v", "1", AREAS, AREAS)
    spoil(client)
    with pytest.raises(DatasetDamagedError, match=says):
        catalog.dataset("acme", "area")
    (entry,) = catalog.entries("acme")
    assert says in str(entry.problem)


def test_parts_of_two_schemas_are_damaged(client: Any, catalog: S3Catalog, tmp_path: Path) -> None:
    put_version(client, tmp_path / "v", "1", AREAS, AREAS.select(["entity"]))
    with pytest.raises(DatasetDamagedError, match="different columns"):
        catalog.dataset("acme", "area")


@pytest.mark.parametrize("content", [b"\xff", b"not a name!\n", b"x" * 4_000_001])
def test_a_list_of_what_is_private_that_can_not_be_read_makes_everything_private(
    client: Any, catalog: S3Catalog, content: bytes
) -> None:
    put(client, f"{FOLDER}area.parquet", AREAS)
    put(client, "acme/private.txt", content)
    assert catalog.dataset("acme", "area").private
    assert [entry.private for entry in catalog.entries("acme")] == [True]


def test_what_is_private_is_asked_each_time(client: Any, catalog: S3Catalog) -> None:
    put(client, f"{FOLDER}area.parquet", AREAS)
    assert not catalog.dataset("acme", "area").private
    put(client, "acme/private.txt", b"AREA\n")
    assert catalog.dataset("acme", "area").private
    client.delete_object(Bucket=BUCKET, Key="acme/private.txt")
    assert not catalog.dataset("acme", "area").private


@pytest.fixture
def between(s3_server: StandIn) -> Iterator[Proxy]:
    with proxy(s3_server.endpoint) as running:
        yield running


@pytest.fixture
def far(between: Proxy, client: Any, reader: Reader, clock: Clock) -> Iterator[S3Catalog]:
    """A catalog behind the proxy, of the same bucket."""
    assert client
    catalog = S3Catalog(
        client=s3_client(between.endpoint), bucket=BUCKET, engine=reader.engine, now=clock
    )
    yield catalog
    catalog.close()


class Meanwhile:
    """Holds the next request that is `held` until one that is `first` was answered, and then does
    something in between.
    """

    def __init__(
        self,
        between: Proxy,
        *,
        first: Callable[[Request], bool],
        held: Callable[[Request], bool],
        does: Callable[[], None],
    ) -> None:
        answered, done, one_at_a_time = threading.Event(), threading.Event(), threading.Lock()

        def hold(request: Request) -> None:
            if not held(request):
                return
            # A client that has waited too long asks again: that one must not slip past the first.
            with one_at_a_time:
                if not done.is_set():
                    assert answered.wait(PATIENCE_SECONDS)
                    does()
                    done.set()

        def note(request: Request) -> None:
            if first(request):
                answered.set()

        between.held, between.answered = hold, note
        self.done = done


def is_private_list(request: Request) -> bool:
    return request.path.partition("?")[0].endswith("/private.txt")


def is_look(request: Request) -> bool:
    return request.method == "HEAD" and "area.parquet" in request.path


def is_listing(request: Request) -> bool:
    return "list-type=2" in request.path


def is_current(request: Request) -> bool:
    return request.method == "GET" and "/current" in request.path


@pytest.mark.parametrize("held", [is_look, is_listing])
def test_what_is_private_when_it_comes_is_private_to_who_asked_before(
    client: Any,
    between: Proxy,
    far: S3Catalog,
    clock: Clock,
    held: Callable[[Request], bool],
) -> None:
    put(client, f"{FOLDER}area.parquet", AREAS)
    assert not far.dataset("acme", "area").private
    if held is is_listing:
        clock.time += timedelta(seconds=61)

    def publish_privately() -> None:
        put(client, "acme/private.txt", b"area\n")
        put(client, f"{FOLDER}area.parquet", AREAS.slice(1))

    meanwhile = Meanwhile(between, first=is_private_list, held=held, does=publish_privately)
    found = far.dataset("acme", "area")
    assert meanwhile.done.is_set()
    assert (found.rows, found.private) == (2, True)


@pytest.mark.parametrize("ask", ["dataset", "entries"])
def test_a_first_content_that_comes_as_a_private_one_is_private_to_who_asked_before(
    client: Any, between: Proxy, far: S3Catalog, ask: str
) -> None:
    def publish_privately() -> None:
        put(client, "acme/private.txt", b"area\n")
        put(client, f"{FOLDER}area.parquet", AREAS)

    meanwhile = Meanwhile(between, first=is_private_list, held=is_listing, does=publish_privately)
    found = far.dataset("acme", "area") if ask == "dataset" else far.entries("acme")[0]
    assert meanwhile.done.is_set()
    assert (found.rows, found.private) == (3, True)


@pytest.mark.parametrize("ask", ["dataset", "entries"])
def test_a_version_that_comes_as_a_private_one_is_private_to_who_asked_before(
    client: Any, between: Proxy, far: S3Catalog, tmp_path: Path, ask: str
) -> None:
    put_version(client, tmp_path / "v", "first", AREAS)
    assert not far.dataset("acme", "area").private

    def publish_privately() -> None:
        put(client, "acme/private.txt", b"area\n")
        put_version(client, tmp_path / "v", "second", AREAS.slice(1))

    meanwhile = Meanwhile(between, first=is_private_list, held=is_current, does=publish_privately)
    found = far.dataset("acme", "area") if ask == "dataset" else far.entries("acme")[0]
    assert (found.version, found.private) == ("second", True)
    assert meanwhile.done.is_set()


def test_what_was_private_is_not_told_to_who_asks_while_its_successor_is_made_public(
    client: Any, between: Proxy, far: S3Catalog
) -> None:
    put(client, "acme/private.txt", b"area\n")
    put(client, f"{FOLDER}area.parquet", AREAS)
    assert far.dataset("acme", "area").private

    def publish() -> None:
        put(client, f"{FOLDER}area.parquet", AREAS.slice(1))
        client.delete_object(Bucket=BUCKET, Key="acme/private.txt")

    meanwhile = Meanwhile(between, first=is_look, held=is_private_list, does=publish)
    found = far.dataset("acme", "area")
    assert meanwhile.done.is_set()
    assert (found.rows, found.private) == (2, False)


def test_a_content_that_was_public_needs_no_second_look(
    client: Any, between: Proxy, far: S3Catalog, clock: Clock
) -> None:
    def asked() -> list[str]:
        between.seen.clear()
        far.dataset("acme", "area")
        return [each.method for each in between.seen if is_private_list(each)]

    put(client, f"{FOLDER}area.parquet", AREAS)
    assert asked() == ["GET", "GET"]
    assert asked() == ["GET"]
    clock.time += timedelta(seconds=61)
    assert asked() == ["GET"]
    put(client, f"{FOLDER}area.parquet", AREAS.slice(1))
    assert asked() == ["GET", "GET"]
    put(client, "acme/private.txt", b"area\n")
    assert asked() == ["GET"]


def test_names_cost_a_look_at_each_folder_and_then_nothing_for_a_while(
    client: Any, between: Proxy, far: S3Catalog, clock: Clock, tmp_path: Path
) -> None:
    put_version(client, tmp_path / "v", "first", AREAS)
    put(client, f"{FOLDER}other/readme.txt", b"no versions")
    put(client, f"{FOLDER}river.parquet", b"no table")
    put(client, f"{FOLDER}_odd.parquet", AREAS)
    assert far.names("acme") == ["area", "river"]
    looks = {each.path.partition("?")[0] for each in between.seen if each.method == "HEAD"}
    # Folders that other tests left empty may be listed, too.
    assert looks >= {f"/{BUCKET}/{FOLDER}{name}/current" for name in ("area", "other")}
    assert not any("river" in path for path in looks)
    between.clear()
    put(client, f"{FOLDER}sea.parquet", AREAS)
    assert far.names("acme") == ["area", "river"]
    assert between.seen == []
    clock.time += timedelta(seconds=61)
    assert far.names("acme") == ["area", "river", "sea"]


def test_another_object_may_give_a_dataset_when_the_first_is_gone(
    client: Any, catalog: S3Catalog
) -> None:
    put(client, f"{FOLDER}area.parquet", AREAS)
    assert catalog.dataset("acme", "area").rows == 3
    client.delete_object(Bucket=BUCKET, Key=f"{FOLDER}area.parquet")
    put(client, f"{FOLDER}area.pq", AREAS.slice(1))
    assert catalog.dataset("acme", "area").rows == 2


def test_a_known_dataset_takes_two_requests_at_once_and_a_new_one_is_found_among_many(
    client: Any, s3_server: StandIn, reader: Reader, clock: Clock
) -> None:
    put(client, f"{FOLDER}an-area.parquet", AREAS)
    with proxy(s3_server.endpoint) as between:
        catalog = S3Catalog(
            client=s3_client(between.endpoint), bucket=BUCKET, engine=reader.engine, now=clock
        )
        catalog.dataset("acme", "an-area")
        between.clear()
        catalog.dataset("acme", "an-area")
        assert sorted(each.method for each in between.seen) == ["GET", "HEAD"]
        between.clear()
        clock.time += timedelta(seconds=61)
        catalog.dataset("acme", "an-area")
        # What is private, objects named so, objects that begin so; and whether there are versions.
        assert sorted(each.method for each in between.seen) == ["GET", "GET", "GET", "HEAD"]
        catalog.close()


def test_one_tenants_bucket_has_its_datasets_at_the_top(
    client: Any, reader: Reader, tmp_path: Path
) -> None:
    put(client, "area.parquet", AREAS)
    put(client, "secret.parquet", AREAS)
    put(client, "private.txt", b"secret\n")
    put(client, f"{FOLDER}hidden.parquet", AREAS)
    catalog = S3Catalog(client=client, bucket=BUCKET, engine=reader.engine, single_tenant="acme")
    assert [(entry.name, entry.private) for entry in catalog.entries("acme")] == [
        ("area", False),
        ("secret", True),
    ]
    assert catalog.dataset("acme", "area").rows == 3
    assert catalog.dataset("acme", "secret").private
    assert catalog.entries("other") == []
    with pytest.raises(UnknownDatasetError):
        catalog.dataset("other", "area")
    catalog.close()


def test_a_column_that_would_be_read_inexactly_is_refused_from_a_bucket_too(
    client: Any, catalog: S3Catalog
) -> None:
    nanoseconds = pa.array([0, 1], pa.timestamp("ns", "UTC"))
    put(client, f"{FOLDER}area.parquet", pa.table({"entity": [1, 2], "at": nanoseconds}))
    with pytest.raises(UnreadableColumnError, match="nanoseconds"):
        catalog.dataset("acme", "area")


def test_int96_is_looked_through_in_a_bucket_too(client: Any, catalog: S3Catalog) -> None:
    written = io.BytesIO()
    at = pa.array([0, 1], pa.timestamp("ns"))
    pq.write_table(pa.table({"at": at}), written, use_deprecated_int96_timestamps=True)
    put(client, f"{FOLDER}area.parquet", written.getvalue())
    with pytest.raises(UnreadableColumnError, match="int96"):
        catalog.dataset("acme", "area")


def test_a_bucket_out_of_reach_is_busy_and_names_no_place(
    s3_server: StandIn, reader: Reader
) -> None:
    catalog = S3Catalog(
        client=s3_client(s3_server.endpoint), bucket="not-made", engine=reader.engine
    )
    with pytest.raises(BusyError) as raised:
        catalog.entries("acme")
    assert "not-made" not in json.dumps(raised.value.facts) + raised.value.detail
    with pytest.raises(PenstockError):
        catalog.dataset("acme", "area")
    catalog.close()
