import base64
import hashlib
from datetime import UTC, date, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.web.composed_tenant import asker, tenant_with
from tests.unit.web.page_reading import Page, read_page

from penstock.query import CursorCodec, QueryLimits, pairs_of, parse
from penstock.web import pages
from penstock.web.answers import Answer
from penstock.web.pages.templates import day, size
from penstock.web.resources import Resources

AREAS = pa.table(
    {
        "reference": [f"R{row}" for row in range(300)],
        "quality": ["some", "good", None] * 100,
        "entry-date": [date(2024, 5, 1)] * 300,
        "naïve & “odd”": [f"it's <b>{row % 3}</b>&x=1" for row in range(300)],
    }
)
NAUGHTY = '"><script>alert(1)</script>{{ 7*7 }}'


def home(resources: Resources, *, user: str | None = None) -> Page:
    return read_page(body_of(pages.home(resources, asker(resources, user=user))))


def body_of(answer: Answer) -> bytes:
    assert answer.status == HTTPStatus.OK
    assert isinstance(answer.body, bytes)
    return answer.body


def test_every_dataset_is_listed_with_rows_and_a_link_for_each_format(tmp_path: Path) -> None:
    with tenant_with(tmp_path, areas=AREAS, two=pa.table({"a": [1]})) as resources:
        page = home(resources)
    for extension in ("csv", "json", "ndjson"):
        assert f"/areas.{extension}" in page.links
        assert f"/two.{extension}" in page.links
    assert "/areas/-/schema.json" in page.links
    assert "/-/openapi.json" in page.links
    assert "2 datasets" in page.text
    assert "301 rows" in page.text


def test_a_damaged_dataset_is_listed_with_its_problem_and_without_links(tmp_path: Path) -> None:
    with tenant_with(tmp_path, areas=AREAS, broken=b"PAR1 nothing") as resources:
        page = home(resources)
    assert "broken" in page.text
    assert "t be read:" in page.text
    assert not any("broken" in link for link in page.links)


def test_a_private_dataset_is_there_for_those_with_a_key_alone(tmp_path: Path) -> None:
    with tenant_with(tmp_path, areas=AREAS, pay=AREAS, private=("pay",)) as resources:
        assert not any("pay" in link for link in home(resources).links)
        page = home(resources, user="ada")
        assert "/pay.csv" in page.links
        assert "private" in page.text
        assert "ada" in page.text


def test_a_page_for_a_key_is_kept_by_nobody(tmp_path: Path) -> None:
    with tenant_with(tmp_path, areas=AREAS) as resources:
        private = pages.home(resources, asker(resources, user="ada"))
        public = pages.home(resources, asker(resources))
    assert private.headers["cache-control"] == "private, no-store"
    assert public.headers["cache-control"].startswith("public")
    assert private.headers["vary"] == public.headers["vary"] == "Accept"


def test_the_policy_lets_the_page_load_its_own_style_and_nothing_else(tmp_path: Path) -> None:
    with tenant_with(tmp_path, areas=AREAS) as resources:
        answer = pages.home(resources, asker(resources))
    policy = answer.headers["content-security-policy"]
    digest = hashlib.sha256(read_page(body_of(answer)).style.encode()).digest()
    assert f"style-src 'sha256-{base64.b64encode(digest).decode()}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "script" not in policy
    assert "script" not in read_page(body_of(answer)).elements
    assert "style" not in read_page(body_of(answer)).attributes


def test_an_empty_tenant_says_how_to_add_data(tmp_path: Path) -> None:
    with tenant_with(tmp_path) as resources:
        page = home(resources)
    assert "penstock serve" in page.text
    assert "table" not in page.elements


def test_a_tenant_of_damaged_datasets_alone_has_a_page(tmp_path: Path) -> None:
    with tenant_with(tmp_path, broken=b"nothing") as resources:
        assert "1 dataset" in home(resources).text


def test_a_dataset_without_rows_or_columns_that_compare_has_a_page(tmp_path: Path) -> None:
    nested = pa.table({"tags": pa.array([], pa.list_(pa.string()))})
    with tenant_with(tmp_path, nested=nested) as resources:
        page = home(resources)
    assert "/nested.csv?tags__notnull=1" in page.links


def test_every_example_is_a_query_that_parses(tmp_path: Path) -> None:
    with tenant_with(tmp_path, areas=AREAS) as resources:
        page = home(resources)
        dataset = resources.ports.catalog.dataset("acme", "areas")
        cursor = CursorCodec(
            resources.ports.keys.signing_keys("acme"), "acme", dataset.name, dataset.version
        )
        asked = [link.partition("?")[2] for link in page.links if "?" in link]
        assert "quality=good" in asked or "quality=some" in asked
        assert len(asked) == 5
        for query in asked:
            parse(
                pairs_of(query.encode()),
                dataset,
                limits=QueryLimits(),
                cursor=cursor,
                format_name="csv",
            )


def test_an_example_of_awkward_names_and_values_is_encoded_whole(tmp_path: Path) -> None:
    awkward = pa.table({"naïve & “odd”": ["it's <b>&x=1", "100%"] * 3})
    with tenant_with(tmp_path, areas=awkward) as resources:
        answer = pages.home(resources, asker(resources), origin="http://localhost:8000")
        page = read_page(body_of(answer))
    (query,) = {link.partition("?")[2] for link in page.links if link.startswith("/areas.csv?")}
    assert pairs_of(query.encode()) == [("naïve & “odd”", "it's <b>&x=1")]
    assert f"curl -o areas.csv 'http://localhost:8000/areas.csv?{query}'" in page.text


def test_titles_and_users_are_shown_and_never_markup(tmp_path: Path) -> None:
    with tenant_with(tmp_path, areas=AREAS, title=NAUGHTY) as resources:
        page = home(resources, user=NAUGHTY)
    assert page.text.count(NAUGHTY) == 3
    assert "script" not in page.elements


def test_a_thousand_datasets_are_one_page(tmp_path: Path) -> None:
    tables: dict[str, Any] = {f"d{number}": b"" for number in range(1000)}
    with tenant_with(tmp_path, **tables) as resources:
        assert "1,000 datasets" in home(resources).text


@pytest.mark.parametrize(
    ("size_bytes", "shown"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (9949, "9.9 kB"),
        (9950, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (7_240_000, "7.2 MB"),
        (3 * 10**12, "3.0 TB"),
        (10**18, "1000 PB"),
    ],
)
def test_sizes_are_written_for_people(size_bytes: int, shown: str) -> None:
    assert size(size_bytes) == shown


@settings(deadline=None)
@given(st.integers(0, 10**17))
def test_a_written_size_is_right_to_its_last_digit(size_bytes: int) -> None:
    number, unit = size(size_bytes).split()
    scale = {"bytes": 1, "byte": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
    step = scale.get(unit, 10**15)
    digit = 0.1 if "." in number else 1
    assert abs(float(number) * step - size_bytes) <= digit * step * 0.51
    assert unit == "PB" or float(number) < 1000


def test_a_day_is_that_of_utc() -> None:
    assert day(datetime(2026, 5, 3, 23, 59, tzinfo=UTC)) == "3 May 2026"
