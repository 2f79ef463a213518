"""Slices of generated datasets, compared with evaluations that know nothing of the service.

Most cases go from the pairs of a URL to the bytes of a format in one process; some hundreds go
over HTTP. Every case is drawn from a seed that its failure names: `Random(seed)` draws it again.
The evaluation itself is held against pyarrow.compute, and usual slices against pandas.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

import httpx
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tests.flows import slices_answers as answers
from tests.flows import slices_evaluation as sure
from tests.flows import slices_queries, slices_tables
from tests.flows.service import Service, serving
from tests.flows.slices_filters import Pair
from tests.flows.slices_queries import Wanted
from tests.flows.slices_tables import Table
from tests.reading_parts import dataset_of, minute, reader_over

from penstock import formats
from penstock.errors import PenstockError
from penstock.model.dataset import Dataset
from penstock.model.query import Query
from penstock.model.signature import SigningKey
from penstock.query import CursorCodec, QueryLimits, pairs_of, parse
from penstock.reading.encoded import AnswerCaps, encoded
from penstock.reading.estimate import AT_ONCE
from penstock.reading.reader import Reader
from penstock.reading.tally import Tally

BLOCKS, TABLES, QUERIES = 28, 12, 30
FORMATS = ("ndjson", "arrow", "csv", "ndjson", "arrow", "json", "parquet")

_CURSORS = CursorCodec((SigningKey(id="k", secret=b"secret"),), "acme", "things", "v1")
_READ = {
    "arrow": answers.read_arrow,
    "parquet": answers.read_parquet,
    "ndjson": answers.read_ndjson,
    "json": answers.read_json,
    "csv": answers.read_csv,
}


def test_there_are_at_least_ten_thousand_generated_cases() -> None:
    assert BLOCKS * TABLES * QUERIES >= 10_000


@pytest.mark.parametrize("block", range(BLOCKS))
def test_generated_slices_agree_with_the_evaluation(block: int, tmp_path: Path) -> None:
    cases = 0
    with reader_over(tmp_path, batch_rows=16) as reader:
        for number in range(block * TABLES, (block + 1) * TABLES):
            table = slices_tables.generated(Random(f"slices {number}"))
            dataset = dataset_of(
                reader, tmp_path, *table.files, name=f"t{number}", group_rows=table.group_rows
            )
            for case in range(QUERIES):
                seed = f"slices {number} {case}"
                wanted = slices_queries.generated(Random(seed), table)
                extension = FORMATS[case % len(FORMATS)]
                query = _check(reader, dataset, table, wanted, extension, seed)
                if case % 6 == 0 and not any(output.inexact for output in wanted.asked.outputs):
                    _check_again(reader, dataset, table, query, extension, seed)
                cases += 1
    assert cases == TABLES * QUERIES


def test_all_formats_agree_over_http(tmp_path: Path) -> None:
    cases = 0
    with _served_tables(tmp_path, seed="http", count=14) as (service, tables, client):
        for number, table in enumerate(tables):
            for case in range(8):
                seed = f"http {number} {case}"
                wanted = slices_queries.generated(Random(seed), table)
                for place, extension in enumerate(_READ):
                    pairs = [*wanted.pairs, *_dialect(extension)]
                    url = f"{service.url}/t{number}.{extension}?{urlencode(pairs)}"
                    coding = ("identity", "gzip")[(case + place) % 2]
                    answer = client.get(url, headers={"accept-encoding": coding})
                    assert answer.status_code == 200, _told(seed, pairs, table, answer.text)
                    _compare(answer.content, table, wanted, extension, seed)
                    cases += 1
    assert cases == 14 * 8 * 5


def test_pages_joined_by_their_links_are_the_whole_answer(tmp_path: Path) -> None:
    walks = 0
    with _served_tables(tmp_path, seed="walk", count=14) as (service, tables, client):
        for number, table in enumerate(tables):
            for case in range(8):
                rng = Random(f"walk {number} {case}")
                wanted = _without_page(slices_queries.generated(rng, table))
                if any(output.inexact for output in wanted.asked.outputs):
                    # Added up anew for each page, their last digits may differ.
                    continue
                limit = rng.choice((1, 2, 3, 7, 25))
                extension = rng.choice(("ndjson", "arrow"))
                first = urlencode([*wanted.pairs, ("_limit", str(limit))])
                rows: answers.Rows = []
                pages = 0
                for page in _pages(client, service, f"/t{number}.{extension}?{first}"):
                    rows += _READ[extension](page.content, wanted.asked.outputs, table)
                    pages += 1
                expected = _expected(table, wanted)
                seed = f"walk {number} {case}"
                said = _told(seed, wanted.pairs, table, f"in {pages} pages of {limit}")
                _assert_same(expected, rows, wanted, extension, said)
                assert pages == max(1, -(-len(expected) // limit)), said
                walks += 1
    assert walks > 80


def test_a_walk_goes_on_where_sort_keys_are_too_long_for_a_url(tmp_path: Path) -> None:
    texts = [f"{letter * 9000}{number}" for number, letter in enumerate("badcabdcc")]
    folder = tmp_path / "data"
    folder.mkdir()
    pq.write_table(pa.table({"text": texts}), folder / "long.parquet")
    with serving(folder, home=tmp_path / "home") as service, httpx.Client() as client:
        seen = []
        for page in _pages(client, service, "/long.json?_sort=text&_limit=2"):
            seen += [row["text"] for row in page.json()]
    assert seen == sorted(texts)


def test_comparisons_of_the_evaluation_agree_with_pyarrow_compute() -> None:
    cases = 0
    signs = {
        "=": pc.equal,
        "<>": pc.not_equal,
        "<": pc.less,
        "<=": pc.less_equal,
        ">": pc.greater,
        ">=": pc.greater_equal,
    }
    for number in range(60):
        table = slices_tables.generated(Random(f"compute {number}"))
        for field in table.fields:
            if field.kind in {"nested", "uuid"}:
                continue
            values = [row[field.name] for row in table.rows]
            column = slices_tables.arrow_array(values, field.stored)
            if pa.types.is_dictionary(column.type):
                column = column.dictionary_decode()
            for value in field.pool:
                if sure.is_nan(value):
                    # Here NaN equals itself, so that it can be asked for.
                    continue
                literal = slices_tables.arrow_array([value], column.type)[0]
                for sign, compute in signs.items():
                    expected = compute(column, literal).to_pylist()
                    found = [sure.compare(sign, each, value) for each in values]
                    assert found == expected, (number, field.name, value, sign)
                    cases += 1
    assert cases > 2000


def _frame() -> pd.DataFrame:
    rng = Random("frame")
    count = 3000
    return pd.DataFrame(
        {
            "organisation-entity": [rng.randint(1, 12) for _ in range(count)],
            "quality": [rng.choice(("good", "some", "poor", None)) for _ in range(count)],
            "price": [rng.randint(-4000, 4000) / 4 for _ in range(count)],
            "name": [f"Area {rng.randint(1, 400)}" for _ in range(count)],
            "entry-date": pd.to_datetime(
                [f"2024-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}" for _ in range(count)]
            ),
        }
    )


Change = Callable[[pd.DataFrame], pd.DataFrame]

_USUAL: dict[str, Change] = {
    "organisation-entity=7": lambda f: f[f["organisation-entity"] == 7],
    "quality=good&quality=some": lambda f: f[f["quality"].isin(["good", "some"])],
    "quality__not=good": lambda f: f[f["quality"] != "good"],
    "quality__isnull=1": lambda f: f[f["quality"].isna()],
    "price__gte=10&price__lt=250.5": lambda f: f[(f["price"] >= 10) & (f["price"] < 250.5)],
    "name__contains=ea%201": lambda f: f[f["name"].str.contains("ea 1", regex=False)],
    "name__icontains=AREA%2039": lambda f: f[f["name"].str.lower().str.contains("area 39")],
    "entry-date__gte=2024-06-01": lambda f: f[f["entry-date"] >= "2024-06-01"],
    "entry-date__date=2024-02-14": lambda f: f[
        f["entry-date"].dt.date == pd.Timestamp(2024, 2, 14).date()
    ],
    "_where=quality+%3D+'good'+OR+price+>+900": lambda f: f[
        (f["quality"] == "good") | (f["price"] > 900)
    ],
    "_sort=quality,-price&_limit=100": lambda f: f.sort_values(
        ["quality", "price"], ascending=[True, False], kind="stable", na_position="last"
    ).head(100),
    "_sort=-name&_offset=50": lambda f: f.sort_values("name", ascending=False, kind="stable")[50:],
    "_select=quality,price+as+cost": lambda f: f[["quality", "price"]].rename(
        columns={"price": "cost"}
    ),
    "_select=quality&_distinct=1": lambda f: (
        f[["quality"]].drop_duplicates().sort_values("quality")
    ),
    "_select=quality,count(*)+as+n,sum(price)+as+sum,min(name)+as+low&_group=quality": lambda f: (
        f.groupby("quality", dropna=False)
        .agg(n=("price", "size"), sum=("price", "sum"), low=("name", "min"))
        .reset_index()
    ),
    "_select=name,avg(price)+as+mean&_group=name&_having=count(*)>11": lambda f: (
        f.groupby("name")
        .filter(lambda group: len(group) > 11)
        .groupby("name")
        .agg(mean=("price", "mean"))
        .reset_index()
    ),
    "_select=count(distinct+name)+as+names,max(price)+as+most": lambda f: pd.DataFrame(
        {"names": [f["name"].nunique()], "most": [f["price"].max()]}
    ),
}


def test_usual_slices_agree_with_pandas(tmp_path: Path) -> None:
    frame = _frame()
    folder = tmp_path / "data"
    folder.mkdir()
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(table, folder / "area.parquet", row_group_size=500)
    with serving(folder, home=tmp_path / "home") as service, httpx.Client() as client:
        for query, change in _USUAL.items():
            answer = client.get(f"{service.url}/area.parquet?{query}")
            assert answer.status_code == 200, answer.text
            got = pd.read_parquet(io.BytesIO(answer.content))
            expected = change(frame).reset_index(drop=True)
            pd.testing.assert_frame_equal(got, expected, check_dtype=False, obj=query)


@contextmanager
def _served_tables(
    tmp_path: Path, *, seed: str, count: int
) -> Iterator[tuple[Service, list[Table], httpx.Client]]:
    """Serve generated tables as `t0`, `t1` and so on."""
    folder = tmp_path / "data"
    folder.mkdir()
    tables = [slices_tables.generated(Random(f"{seed} {number}")) for number in range(count)]
    for number, table in enumerate(tables):
        whole = slices_tables.arrow_table(table.fields, table.rows)
        path = folder / f"t{number}.parquet"
        pq.write_table(whole, path, row_group_size=table.group_rows)
    with serving(folder, home=tmp_path / "home") as service, httpx.Client(timeout=60) as client:
        yield service, tables, client


def _pages(client: httpx.Client, service: Service, first: str) -> Iterator[httpx.Response]:
    """Get a page, and follow its link to the next one, until there is none."""
    url: str | None = f"{service.url}{first}"
    while url is not None:
        page = client.get(url)
        assert page.status_code == 200, page.text
        yield page
        following = page.links.get("next")
        url = str(page.url.join(following["url"])) if following else None


def _without_page(wanted: Wanted) -> Wanted:
    pairs = tuple(pair for pair in wanted.pairs if pair[0] not in {"_limit", "_offset"})
    return replace(wanted, pairs=pairs, asked=replace(wanted.asked, limit=None, offset=0))


def _check(
    reader: Reader, dataset: Dataset, table: Table, wanted: Wanted, extension: str, seed: str
) -> Query:
    """Compare one case with its evaluation, and give the query that it was parsed into."""
    pairs = [*wanted.pairs, *_dialect(extension)]
    try:
        query = _parsed(pairs, dataset, extension)
        body = _body(reader, dataset, query, extension)
    except PenstockError as error:
        raise AssertionError(_told(seed, pairs, table, repr(error))) from error
    _compare(body, table, wanted, extension, seed)
    return query


def _check_again(
    reader: Reader, dataset: Dataset, table: Table, query: Query, extension: str, seed: str
) -> None:
    """Check that the canonical query, which links hold, asks for the same, and that bytes stay."""
    again = _parsed(pairs_of(query.canonical.encode()), dataset, extension)
    said = _told(seed, pairs_of(query.canonical.encode()), table, extension)
    assert again.slice == query.slice, said
    assert again.canonical == query.canonical, said
    first, second = (_body(reader, dataset, query, extension) for _ in range(2))
    assert first == second, said


def _body(reader: Reader, dataset: Dataset, query: Query, extension: str) -> bytes:
    return b"".join(
        encoded(
            reader,
            dataset,
            query.slice,
            written=formats.named(extension),
            style=query.style,
            allowance=minute(),
            pace=AT_ONCE,
            tally=Tally(),
            caps=AnswerCaps(),
        )
    )


def _parsed(pairs: list[Pair], dataset: Dataset, extension: str) -> Query:
    return parse(pairs, dataset, limits=QueryLimits(), cursor=_CURSORS, format_name=extension)


def _dialect(extension: str) -> list[Pair]:
    return [("_null", answers.NULL_TEXT)] if extension == "csv" else []


def _expected(table: Table, wanted: Wanted) -> answers.Rows:
    outputs = wanted.asked.outputs
    return [
        tuple(
            answers.nested(value, table.by_name[output.column or ""].stored)
            if output.kind == "nested"
            else value
            for value, output in zip(row, outputs, strict=True)
        )
        for row in sure.evaluated(table.rows, wanted.asked)
    ]


def _compare(body: bytes, table: Table, wanted: Wanted, extension: str, seed: str) -> None:
    got = _READ[extension](body, wanted.asked.outputs, table)
    said = _told(seed, wanted.pairs, table, extension)
    _assert_same(_expected(table, wanted), got, wanted, extension, said)


def _assert_same(
    expected: answers.Rows, got: answers.Rows, wanted: Wanted, extension: str, said: str
) -> None:
    exact = extension not in {"json", "ndjson"}
    found = answers.difference(expected, got, wanted.asked, exact=exact)
    assert found is None, f"{found}\n{said}"


def _told(seed: str, pairs: Any, table: Table, detail: str) -> str:
    columns = "\n".join(f"  {field.name!r}: {field.stored}" for field in table.fields)
    rows = f"{len(table.rows)} rows in {len(table.files)} files, {table.group_rows} a row group"
    return f"seed {seed!r}: {detail}\n{list(pairs)}\n{urlencode(pairs)}\n{rows}\n{columns}"
