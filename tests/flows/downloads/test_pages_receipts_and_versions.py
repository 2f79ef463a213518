"""Pages that join up exactly, receipts that tell what arrived, and versions that stay."""

import gzip
import hashlib
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pyarrow as pa
import pytest
from tests.flows.sample_service import ROWS, Sample, sample_service, ten
from tests.flows.tenant_homes import add_key, datasets_of, store

from penstock.local.datasets.publish import publish
from penstock.model.receipt import new_receipt_id

FORMATS = ["csv", "json", "ndjson", "parquet", "arrow"]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    with sample_service(tmp_path_factory.mktemp("pages")) as running:
        yield running


def following(answer: httpx.Response) -> str | None:
    return answer.links.get("next", {}).get("url")


def pages(sample: Sample, path: str) -> list[str]:
    """Follow the links from a first page on."""
    found, after = [], path
    while after:
        answer = sample.get(after)
        assert answer.status_code == 200, answer.text
        found.append(answer.text)
        after = following(answer) or ""
        assert len(found) < 100
    return found


QUERIES = [
    ("", 10),
    ("letter=a&", 4),
    ("n__gte=3&", 7),
    ("_sort=-n&", 10),
    ("_sort=letter,-n&", 10),
    ("_sort=-letter&", 10),
    ("letter__isnull=1&_sort=letter&", 2),
    ("_select=letter&_distinct=1&", 3),
    ("_select=letter,count(*) as c&_group=letter&", 3),
    ("_select=letter,count(*) as c&_group=letter&_sort=-c&", 3),
    ("_select=letter&_offset=3&", 7),
    ("n__gt=100&", 0),
]


@pytest.mark.parametrize(("query", "rows"), QUERIES)
@pytest.mark.parametrize("dataset", ["ten", "plan"])
def test_a_page_links_to_the_next_exactly_while_there_is_one(
    sample: Sample, dataset: str, query: str, rows: int
) -> None:
    whole = sample.get(f"/{dataset}.ndjson?{query}").text
    assert whole.count("\n") == rows
    for limit in sorted({1, 2, 3, rows - 1, rows, rows + 1, 10_000} - {0, -1}):
        found = pages(sample, f"/{dataset}.ndjson?{query}_limit={limit}")
        assert "".join(found) == whole, limit
        assert len(found) == max(1, math.ceil(rows / limit)), limit


@pytest.mark.parametrize("extension", FORMATS)
def test_a_link_keeps_the_format_and_the_query(sample: Sample, extension: str) -> None:
    answer = sample.get(f"/area.{extension}?quality=some&_limit=5&_select=name,quality")
    link = following(answer)
    assert link is not None
    assert link.startswith(f"/area.{extension}?")
    second = sample.get(link)
    assert second.status_code == 200
    assert second.headers["x-row-count"] == "5"
    direct = sample.get(f"/area.{extension}?quality=some&_limit=5&_offset=5&_select=name,quality")
    assert second.content == direct.content


def test_a_page_keeps_its_dialect_and_its_header(sample: Sample) -> None:
    found = pages(sample, "/ten.csv?_limit=4&_delimiter=;&_null=NA")
    assert found[0].startswith("n;letter\n0;a\n")
    assert all(page.startswith("n;letter\n") for page in found)
    assert found[2].endswith("9;NA\n")


def test_a_limit_of_no_rows_has_no_next_page(sample: Sample) -> None:
    for path in ("/ten.csv?_limit=0", "/area.csv?_limit=0&quality=some", "/none.csv?_limit=0"):
        answer = sample.get(path)
        assert answer.status_code == 200
        assert following(answer) is None
        assert answer.text.count("\n") == 1


def test_above_ten_thousand_rows_pages_still_join_up(sample: Sample) -> None:
    whole = sample.get("/area.csv?_header=off").text
    for limit in (10_000, 10_001, 15_000, ROWS, ROWS + 1):
        found = pages(sample, f"/area.csv?_header=off&_limit={limit}")
        assert "".join(found) == whole
        assert len(found) == math.ceil(ROWS / limit)
    filtered = sample.get("/area.csv?_header=off&score__gte=0").text
    found = pages(sample, "/area.csv?_header=off&score__gte=0&_limit=15000")
    assert "".join(found) == filtered
    assert len(found) == 2


@pytest.mark.parametrize(
    "change",
    [
        "quality=authoritative&",
        "quality=some&score__gt=1&",
        "quality=some&_sort=name&",
        "quality=some&_select=name&",
        "",
    ],
)
def test_a_cursor_is_of_its_own_query(sample: Sample, change: str) -> None:
    link = following(sample.get("/area.csv?quality=some&_limit=5"))
    assert link is not None
    cursor = httpx.URL(link).params["_cursor"]
    assert sample.get(f"/area.csv?quality=some&_limit=9&_cursor={cursor}").status_code == 200
    answer = sample.get(f"/area.csv?{change}_limit=5&_cursor={cursor}")
    assert answer.status_code == 400
    assert answer.json()["type"].endswith(":bad-cursor")
    other = sample.get(f"/ten.csv?_limit=5&_cursor={cursor}")
    assert other.status_code == 400


def test_every_altered_cursor_is_refused(sample: Sample) -> None:
    link = following(sample.get("/area.csv?_limit=5&_sort=name"))
    assert link is not None
    cursor = httpx.URL(link).params["_cursor"]
    for at in range(0, len(cursor), 3):
        letter = "A" if cursor[at] != "A" else "B"
        altered = cursor[:at] + letter + cursor[at + 1 :]
        answer = sample.get(f"/area.csv?_limit=5&_sort=name&_cursor={altered}")
        assert answer.status_code == 400, at
    for other in ("A", cursor[:-1], cursor + "A", cursor * 2, "%00", "=" * 8, "..", "é"):
        assert sample.get(f"/area.csv?_limit=5&_sort=name&_cursor={other}").status_code == 400


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
@pytest.mark.parametrize("query", ["", "?quality=some", "?_limit=7", "?_sort=-score&_limit=9"])
def test_a_receipt_tells_what_arrived(
    sample: Sample, extension: str, coding: str, query: str
) -> None:
    answer, body = sample.raw(f"/area.{extension}{query}", accept_encoding=coding)
    plain = sample.get(f"/area.{extension}{query}").content
    receipt = sample.get(f"/-/receipts/{answer.headers['download-id']}").json()
    rows = {"": ROWS, "?quality=some": ROWS // 3, "?_limit=7": 7}.get(query, 9)
    assert receipt["state"] == "complete"
    assert receipt["rows"] == rows
    assert receipt["bytes"] == len(body)
    assert receipt["sha256"] == hashlib.sha256(body).hexdigest()
    assert receipt["identity_bytes"] == len(plain)
    assert receipt["identity_sha256"] == hashlib.sha256(plain).hexdigest()
    assert receipt["coding"] == answer.headers.get("content-encoding", "identity")
    assert receipt["etag"] == answer.headers["etag"]
    assert (receipt["dataset"], receipt["format"]) == ("area", extension)
    assert receipt["started"] <= receipt["ended"]
    assert "tenant" not in receipt


def test_the_receipt_of_a_part_is_of_the_whole(sample: Sample) -> None:
    for path in ("/area.csv?quality=some", "/area.parquet", "/area.parquet?_limit=3"):
        whole = sample.get(path).content
        part = sample.get(path, range="bytes=10-19")
        receipt = sample.get(f"/-/receipts/{part.headers['download-id']}").json()
        assert part.content == whole[10:20]
        assert receipt["bytes"] == len(whole)
        assert receipt["sha256"] == hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize("longer", [-1, -70_000, 1, 70_000])
def test_a_length_that_was_promised_wrongly_never_ends_cleanly(sample: Sample, longer: int) -> None:
    # As if the same query had given other bytes before.
    path = f"/area.csv?score__gt=0.{longer % 97:02}"
    receipts = sample.service.resources.ports.receipts
    true = receipts.get("acme", sample.get(path).headers["download-id"])
    assert true.bytes is not None
    receipts.put(replace(true, id=new_receipt_id(), bytes=true.bytes + longer))
    for headers in ({}, {"range": "bytes=100000-"}):
        with sample.client.stream("GET", path, headers=headers) as answer:
            assert answer.status_code in (200, 206)
            with pytest.raises(httpx.RemoteProtocolError):
                answer.read()


def test_a_receipt_is_kept_by_nobody_and_each_has_its_own(sample: Sample) -> None:
    ids = {sample.get("/ten.csv").headers["download-id"] for _ in range(20)}
    assert len(ids) == 20
    for receipt_id in ids:
        answer = sample.get(f"/-/receipts/{receipt_id}")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"] == "application/json"
    assert sample.get(f"/-/receipts/{next(iter(ids)).upper()}").status_code == 404


def test_a_download_that_its_client_leaves_is_aborted(sample: Sample) -> None:
    with sample.client.stream("GET", "/area.csv?score__gte=0") as answer:
        receipt_id = answer.headers["download-id"]
        assert next(answer.iter_raw(1000))
    receipts = sample.service.resources.ports.receipts
    state = receipts.get("acme", receipt_id).state
    # So small an answer may have been handed to the socket as a whole.
    assert state in ("streaming", "aborted", "complete")


def test_a_pinned_version_stays_what_it_was(sample: Sample) -> None:
    assert sample.get("/plan.csv?_version=v-1").text.count("\n") == 6
    assert sample.get("/plan.csv?_version=v-2").text == sample.get("/plan.csv").text
    assert sample.get("/plan/-/schema.json").json()["version"] == "v-2"
    receipt_id = sample.get("/plan.csv?_version=v-1").headers["download-id"]
    assert sample.get(f"/-/receipts/{receipt_id}").json()["version"] == "v-1"


def test_a_pinned_version_is_paged_through(sample: Sample) -> None:
    found = pages(sample, "/plan.ndjson?_version=v-1&_limit=2")
    assert "".join(found) == sample.get("/plan.ndjson?_version=v-1").text
    assert len(found) == 3


@pytest.mark.parametrize("version", ["v-3", "V-1", "current", "manifest", "-", "_", "v-1-", "0"])
def test_a_version_that_is_not_stored_is_gone(sample: Sample, version: str) -> None:
    for path in (f"/plan.csv?_version={version}", f"/area.csv?_version={version}"):
        answer = sample.get(path)
        assert answer.status_code == 410
        problem = answer.json()
        assert problem["type"].endswith(":version-gone")
        assert sample.get(f"{path.split('=')[0]}={problem['current_version']}").status_code == 200


@pytest.mark.parametrize("version", ["..", "../plan", "v-1/part", "a.b", "", "%2e%2e", "é", "*"])
def test_a_version_that_can_be_none_is_refused(sample: Sample, version: str) -> None:
    assert sample.get(f"/plan.csv?_version={version}").status_code == 400


def test_a_cursor_of_an_older_version_is_gone(sample: Sample) -> None:
    publishing = {"tenant": "acme", "dataset": "moving", "published": datetime.now(UTC)}
    root = sample.home / "store"
    publish(root, version="one", parts=[ten()], **publishing)  # type: ignore[arg-type]
    link = following(sample.get("/moving.csv?_limit=4&_sort=-n"))
    assert link is not None
    assert sample.get(link).text == "n,letter\n5,b\n4,a\n3,b\n2,a\n"
    publish(root, version="two", parts=[ten()], **publishing)  # type: ignore[arg-type]
    answer = sample.get(link)
    assert answer.status_code == 410
    assert answer.json()["type"].endswith(":cursor-gone")
    assert sample.get(f"{link}&_version=one").status_code == 200


def test_a_replaced_plain_file_has_no_older_version(sample: Sample) -> None:
    path = store(sample.home, "acme", "plain", ten())
    version = sample.get("/plain/-/schema.json").json()["version"]
    assert sample.get(f"/plain.csv?_version={version}").status_code == 200
    link = following(sample.get("/plain.csv?_limit=4"))
    assert link is not None
    path.unlink()
    store(sample.home, "acme", "plain", pa.table({"n": [1], "letter": ["z"]}))
    assert sample.get(f"/plain.csv?_version={version}").status_code == 410
    assert sample.get(link).status_code == 410


def test_an_older_version_of_what_is_private_now_is_private(sample: Sample) -> None:
    publishing = {"tenant": "acme", "dataset": "closing", "published": datetime.now(UTC)}
    root = sample.home / "store"
    publish(root, version="one", parts=[ten()], **publishing)  # type: ignore[arg-type]
    publish(root, version="two", parts=[ten()], **publishing)  # type: ignore[arg-type]
    assert sample.get("/closing.csv?_version=one").status_code == 200
    with (datasets_of(sample.home, "acme").parent / "private.txt").open("a") as names:
        names.write("closing\n")
    assert sample.get("/closing.csv?_version=one").status_code == 404
    token = add_key(sample.service.resources, "acme")
    answer = sample.get("/closing.csv?_version=one", x_api_key=token)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-store")


def test_a_dataset_of_several_parts_is_one_table(sample: Sample) -> None:
    rows = ten()
    publish(
        sample.home / "store",
        tenant="acme",
        dataset="parts",
        version="v",
        parts=[rows.slice(0, 4), rows.slice(4, 0), rows.slice(4, 5), rows.slice(9)],
        published=datetime.now(UTC),
    )
    for extension in ("csv", "ndjson", "json"):
        assert sample.get(f"/parts.{extension}").text == sample.get(f"/ten.{extension}").text
    assert "".join(pages(sample, "/parts.ndjson?_limit=3")) == sample.get("/ten.ndjson").text
    joined = sample.get("/parts.parquet", range="bytes=0-3")
    assert (joined.status_code, joined.content) == (206, b"PAR1")
    body = sample.raw("/parts.csv", accept_encoding="gzip")[1]
    assert gzip.decompress(body) == sample.get("/ten.csv").content
