"""What one tenant, key, address or query may cost, and how it is told that it is too much."""

import asyncio
import os
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.flows.service import Service, serving
from tests.flows.tenant_homes import add_key, add_tenant, store

from penstock.local.compose import compose
from penstock.local.opened_store import ServedPath
from penstock.model.tenant import Caps, Tenant
from penstock.reading.engine import Allowance
from penstock.settings import Settings
from penstock.web.app import create_app

ROWS = 20_000
FORMATS = ["csv", "json", "ndjson", "parquet", "arrow"]


def numbers(rows: int = ROWS) -> pa.Table:
    return pa.table({"n": list(range(rows)), "half": [n // 2 for n in range(rows)]})


def growing() -> pa.Table:
    """Make rows of which only the last ones are long, where no estimate looks."""
    noise = random.Random(7)
    sizes = [20] * 15_000 + [1000] * (ROWS - 15_000)
    return pa.table({"text": [noise.randbytes(size).hex() for size in sizes]})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("limits") / "home"
    add_tenant(home, Tenant(id="rows", hosts=("rows.example",), caps=Caps(response_rows=5_000)))
    add_tenant(
        home, Tenant(id="bytes", hosts=("bytes.example",), caps=Caps(response_bytes=100_000))
    )
    add_tenant(
        home, Tenant(id="grow", hosts=("grow.example",), caps=Caps(response_bytes=1_500_000))
    )
    add_tenant(home, Tenant(id="slow", hosts=("slow.example",), caps=Caps(requests_per_minute=3)))
    add_tenant(home, Tenant(id="free", hosts=("localhost",)))
    for tenant in ("rows", "bytes", "slow", "free"):
        store(home, tenant, "area", numbers(), row_group_rows=5_000)
    store(home, "free", "kinds", every_kind())
    store(home, "grow", "area", growing(), row_group_rows=1_000)
    with serving(None, home=home, requests_per_minute=6) as running:
        yield running


def get(service: Service, host: str, path: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.get(f"{service.url}{path}", headers={"host": host, **named}, timeout=30)


def assert_too_large(answer: httpx.Response) -> None:
    assert answer.status_code == 413, answer.text[:200]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert "download-id" not in answer.headers
    problem = answer.json()
    assert problem["limit"]
    assert "narrow" in problem["detail"]
    for way in ("filter", "_select", "_limit"):
        assert way in problem["detail"]


@pytest.mark.parametrize("extension", FORMATS)
def test_more_rows_than_a_tenant_may_send_are_refused_beforehand(
    service: Service, extension: str
) -> None:
    for query in ("", "?n__gte=0", "?n__gte=100", "?_sort=-n", "?_limit=5001", "?_distinct=1"):
        answer = get(service, "rows.example", f"/area.{extension}{query}")
        assert_too_large(answer)
        assert answer.json()["unit"] == "rows"
    for query in ("?n__lt=5000", "?_limit=5000", "?n__gte=15000&_sort=-n", "?half__lt=2500"):
        answer = get(service, "rows.example", f"/area.{extension}{query}")
        assert answer.status_code == 200, query
    groups = get(service, "rows.example", f"/area.{extension}?_select=count(*) as n")
    assert groups.status_code == 200


@pytest.mark.parametrize("extension", ["csv", "json", "ndjson", "arrow"])
def test_more_bytes_than_a_tenant_may_send_are_refused_beforehand(
    service: Service, extension: str
) -> None:
    for query in ("", "?n__gte=100", "?_sort=-n", "?_select=n"):
        answer = get(service, "bytes.example", f"/area.{extension}{query}")
        assert_too_large(answer)
        assert answer.json()["unit"] == "bytes"
    for query in ("?n__lt=1000", "?_limit=1000", "?n__lt=1000&_sort=-n"):
        answer = get(service, "bytes.example", f"/area.{extension}{query}")
        assert answer.status_code == 200, query
        assert len(answer.content) < 100_000


def test_what_a_cap_refuses_is_refused_to_head_too(service: Service) -> None:
    for path in ("/area.csv", "/area.parquet"):
        answer = httpx.head(f"{service.url}{path}", headers={"host": "rows.example"})
        assert answer.status_code == 413


def test_a_stored_file_above_the_cap_is_refused(service: Service) -> None:
    assert service.resources.ports.catalog.dataset("bytes", "area").files[0].size_bytes > 100_000
    assert_too_large(get(service, "bytes.example", "/area.parquet"))


@pytest.mark.parametrize("extension", ["csv", "ndjson", "json", "arrow"])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_an_answer_that_outgrows_its_estimate_breaks_off_visibly(
    service: Service, extension: str, coding: str
) -> None:
    headers = {"host": "grow.example", "accept-encoding": coding}
    received: list[bytes] = []
    with (
        httpx.Client(base_url=service.url, timeout=30) as client,
        client.stream("GET", f"/area.{extension}", headers=headers) as answer,
    ):
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            received.extend(answer.iter_raw())
    assert sum(map(len, received)) <= 1_500_000
    receipt = service.resources.ports.receipts.get("grow", answer.headers["download-id"])
    assert (receipt.state, receipt.sha256) == ("aborted", None)


def test_an_answer_that_outgrows_its_cap_before_its_first_byte_is_refused(
    service: Service,
) -> None:
    # A page is held before it is sent.
    answer = get(service, "grow.example", "/area.ndjson?_limit=10000&_offset=10000")
    assert answer.status_code == 413
    assert answer.json()["limit"] == 1_500_000


def spill(folder: Path) -> pa.Table:
    """Make 1,200,000 rows that don't compress, in an order that isn't theirs."""
    rows = 1_200_000
    keys = pa.Array.from_buffers(pa.int64(), rows, [None, pa.py_buffer(os.urandom(8 * rows))])
    payload = pa.Array.from_buffers(
        pa.binary(80), rows, [None, pa.py_buffer(os.urandom(80 * rows))]
    )
    table = pa.table({"key": keys, "payload": payload})
    pq.write_table(table, folder / "wide.parquet", compression="none", use_dictionary=False)
    return table


def test_a_sort_or_a_group_beyond_its_spill_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    spill(folder)
    with serving(
        folder,
        home=tmp_path / "home",
        engine_memory_bytes=64_000_000,
        sort_spill_bytes=2_000_000,
    ) as running:
        for query in ("_sort=key", "_distinct=1", "_select=payload,count(*) as n&_group=payload"):
            answer = httpx.get(f"{running.url}/wide.csv?{query}", timeout=60)
            assert answer.status_code == 413, query
            assert answer.json()["type"] == "urn:penstock:problem:spill-exceeded"
            assert "narrow the query" in answer.json()["detail"]
        few = httpx.get(f"{running.url}/wide.csv?_sort=key&_select=key&_limit=10", timeout=60)
        assert few.status_code == 200
        assert few.text.count("\n") == 11
        assert httpx.get(f"{running.url}/wide.csv?_limit=3").status_code == 200


def test_a_query_that_takes_too_long_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    pq.write_table(numbers(400_000), folder / "area.parquet")
    with serving(folder, home=tmp_path / "home", query_seconds=0.001) as running:
        answer = httpx.get(f"{running.url}/area.csv?_sort=-half&_distinct=1", timeout=60)
    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:penstock:problem:query-timeout"


@contextmanager
def one_slot(folder: Path, **settings: object) -> Iterator[Service]:
    """Serve with a single scan slot, which the test holds while it asks."""
    data = folder / "data"
    data.mkdir()
    pq.write_table(numbers(100), data / "area.parquet")
    with serving(data, home=folder / "home", scan_slots=1, **settings) as running:  # type: ignore[arg-type]
        assert httpx.get(f"{running.url}/area.csv").status_code == 200
        yield running


def assert_busy(answer: httpx.Response) -> None:
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    problem = answer.json()
    assert problem["type"] == "urn:penstock:problem:scan-queue-full"
    assert problem["retry_after_seconds"] == int(answer.headers["retry-after"])
    assert answer.headers["cache-control"] == "no-store"


def test_without_a_free_slot_and_a_place_in_the_queue_a_scan_is_refused(tmp_path: Path) -> None:
    with one_slot(tmp_path, scan_queue=0) as running:
        with running.resources.reader.slots.slot(Allowance(seconds=60)):
            for path in (
                "/area.csv",
                "/area.json?n__gt=3",
                "/area.parquet?n=1",
                "/area.csv?_limit=3",
            ):
                assert_busy(httpx.get(f"{running.url}{path}"))
            # What needs no scan is served: the stored file, metadata, what a client holds already.
            assert httpx.get(f"{running.url}/area.parquet").status_code == 200
            assert httpx.get(f"{running.url}/area/-/schema.json").status_code == 200
            assert httpx.get(f"{running.url}/-/datasets.json").status_code == 200
            held = httpx.get(f"{running.url}/area.csv", headers={"if-none-match": "*"})
            assert held.status_code == 304
        assert httpx.get(f"{running.url}/area.csv").status_code == 200


def test_a_scan_that_waited_too_long_for_its_slot_is_refused(tmp_path: Path) -> None:
    with one_slot(tmp_path, scan_queue=5, scan_wait_seconds=0.2) as running:
        with running.resources.reader.slots.slot(Allowance(seconds=60)):
            assert_busy(httpx.get(f"{running.url}/area.csv"))
        assert httpx.get(f"{running.url}/area.csv").status_code == 200


def assert_rate_limited(answer: httpx.Response) -> None:
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.json()["type"] == "urn:penstock:problem:rate-limited"
    assert answer.headers["cache-control"] == "no-store"


def test_a_key_may_ask_so_many_times_a_minute_and_is_told(service: Service) -> None:
    token = add_key(service.resources, "free", user="one")
    other = add_key(service.resources, "free", user="two")
    for left in range(5, -1, -1):
        answer = get(service, "localhost", "/area.csv?_limit=1", x_api_key=token)
        assert answer.status_code == 200
        assert answer.headers["ratelimit-limit"] == "6"
        assert answer.headers["ratelimit-remaining"] == str(left)
        assert 1 <= int(answer.headers["ratelimit-reset"]) <= 60
    for path in ("/area.csv", "/-/datasets.json", "/no-such.csv", "/area.csv?nope=1"):
        refused = get(service, "localhost", path, x_api_key=token)
        assert_rate_limited(refused)
        assert refused.headers["ratelimit-limit"] == "6"
        assert refused.headers["ratelimit-remaining"] == "0"
    assert get(service, "localhost", "/area.csv", x_api_key=other).status_code == 200
    # Without a key, this address is of the machine itself.
    assert get(service, "localhost", "/area.csv").status_code == 200


def test_a_tenant_may_have_a_rate_of_its_own(service: Service) -> None:
    token = add_key(service.resources, "slow")
    answers = [get(service, "slow.example", "/area.csv", x_api_key=token) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["ratelimit-limit"] == "3"


def test_a_loopback_address_without_a_key_is_never_limited(service: Service) -> None:
    with httpx.Client(base_url=service.url) as client:
        answers = [client.get("/area.csv?_limit=1") for _ in range(30)]
    assert {answer.status_code for answer in answers} == {200}
    assert not any("ratelimit-limit" in answer.headers for answer in answers)


def test_an_address_may_ask_so_many_times_a_minute(tmp_path: Path) -> None:
    home = tmp_path / "home"
    add_tenant(home, Tenant(id="acme", hosts=("acme.example",)))
    store(home, "acme", "area", numbers(10))
    settings = Settings(home=home, requests_per_minute=4)

    async def statuses(address: str, count: int, **headers: str) -> list[int]:
        transport = httpx.ASGITransport(app, client=(address, 4711))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://acme.example", headers=headers
        ) as client:
            return [(await client.get("/area.csv")).status_code for _ in range(count)]

    async def asked() -> None:
        assert await statuses("203.0.113.9", 5) == [200, 200, 200, 200, 429]
        assert await statuses("203.0.113.10", 2) == [200, 200]
        assert await statuses("203.0.113.9", 1) == [429]
        wrong = {"x-api-key": "pk_aaaaaaaa_" + "a" * 43}
        assert await statuses("203.0.113.11", 5, **wrong) == [401, 401, 401, 401, 429]
        assert await statuses("2001:db8::1", 5) == [200, 200, 200, 200, 429]
        forged = {"x-forwarded-for": "127.0.0.1", "forwarded": "for=127.0.0.1"}
        assert await statuses("203.0.113.9", 1, **forged) == [429]
        assert await statuses("127.0.0.1", 6) == [200] * 6
        assert await statuses("::1", 6) == [200] * 6

    with compose(settings, ServedPath(demo=False)) as resources:
        app = create_app(resources)
        asyncio.run(asked())


def every_kind() -> pa.Table:
    return pa.table(
        {
            "text": pa.array(["a"]),
            "whole": pa.array([1], pa.int32()),
            "tiny": pa.array([1], pa.int8()),
            "unsigned": pa.array([1], pa.uint16()),
            "decimal": pa.array([None], pa.decimal128(10, 2)),
            "float": pa.array([0.5]),
            "boolean": pa.array([True]),
            "date": pa.array([1], pa.date32()),
            "time": pa.array([1], pa.time64("us")),
            "moment": pa.array([1], pa.timestamp("us")),
            "zoned": pa.array([1], pa.timestamp("us", tz="UTC")),
            "bytes": pa.array([b"\x01"]),
            "nested": pa.array([[1]]),
        }
    )


BAD_VALUES = [
    ("whole", "abc", "INTEGER"),
    ("whole", "", "INTEGER"),
    ("whole", "1.5", "INTEGER"),
    ("whole", "99999999999", "INTEGER"),
    ("whole", "1e3x", "INTEGER"),
    ("whole", "0x10", "INTEGER"),
    ("whole", " ", "INTEGER"),
    ("whole", "NaN", "INTEGER"),
    ("whole__gt", "much", "INTEGER"),
    ("whole__in", "1,two", "INTEGER"),
    ("whole__in", "", "INTEGER"),
    ("tiny", "x", "TINYINT"),
    ("unsigned", "x", "USMALLINT"),
    ("decimal", "1,5", "DECIMAL(10,2)"),
    ("decimal", "", "DECIMAL(10,2)"),
    ("decimal__lt", "cheap", "DECIMAL(10,2)"),
    ("float", "half", "DOUBLE"),
    ("float", "", "DOUBLE"),
    ("boolean", "maybe", "BOOLEAN"),
    ("boolean", "", "BOOLEAN"),
    ("boolean", "2", "BOOLEAN"),
    ("date", "yesterday", "DATE"),
    ("date", "2024-02-30", "DATE"),
    ("date", "01/05/2024", "DATE"),
    ("date", "", "DATE"),
    ("date__gte", "2024", "DATE"),
    ("date__date", "soon", "DATE"),
    ("time", "25:00:00", "TIME"),
    ("time", "noon", "TIME"),
    ("moment", "2024-05-01T25:00", "TIMESTAMP"),
    ("moment", "", "TIMESTAMP"),
    ("moment__gt", "now", "TIMESTAMP"),
    ("moment__date", "2024-13-01", "TIMESTAMP"),
    ("zoned", "today", "TIMESTAMP WITH TIME ZONE"),
    ("bytes", "xyz", "BLOB"),
    ("bytes", "ABC", "BLOB"),
    ("text__contains", "", "VARCHAR"),
    ("text__isnull", "maybe", None),
]


@pytest.mark.parametrize(("key", "value", "column_type"), BAD_VALUES)
def test_a_bad_value_names_its_column_its_type_and_a_good_value(
    service: Service, key: str, value: str, column_type: str | None
) -> None:
    answer = httpx.get(f"{service.url}/kinds.csv?{key}={quote(value, safe='')}")
    assert answer.status_code == 400, answer.text
    problem = answer.json()
    assert problem["type"] == "urn:penstock:problem:bad-value"
    assert problem["parameter"] == key
    assert problem["example"]
    assert problem["expected"]
    assert problem["example"] in problem["detail"]
    if column_type is not None:
        assert problem["column"] == key.split("__", maxsplit=1)[0]
        assert problem["column_type"] == column_type
        assert column_type in problem["detail"]
        # The example is good where it stands.
        if "__" not in key:
            good = httpx.get(f"{service.url}/kinds.csv", params={key: problem["example"]})
            assert good.status_code == 200, good.text


def test_a_bare_date_on_a_timestamp_is_told_of_date(service: Service) -> None:
    for column in ("moment", "zoned"):
        answer = httpx.get(f"{service.url}/kinds.csv?{column}=2024-05-01")
        assert answer.status_code == 400
        assert f"{column}__date" in answer.json()["detail"]
        assert httpx.get(f"{service.url}/kinds.csv?{column}__gte=2024-05-01").status_code == 200
        assert httpx.get(f"{service.url}/kinds.csv?{column}__date=2024-05-01").status_code == 200


def test_an_operator_that_does_not_fit_says_which_do(service: Service) -> None:
    for key in ("nested", "nested__gt", "whole__contains", "text__date", "bytes__lt"):
        answer = httpx.get(f"{service.url}/kinds.csv?{key}=1")
        assert answer.status_code == 400
        assert re.search(r"__[a-z]+", answer.json()["detail"]), key
