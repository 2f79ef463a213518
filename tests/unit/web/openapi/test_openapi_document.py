import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate
from tests.unit.web.composed_tenant import asker, tenant_with

from penstock import formats
from penstock.model.dataset import Column, ColumnKind, Dataset
from penstock.query import CONTROLS, CursorCodec, QueryLimits, column_operators, parse
from penstock.query.keys import resolve
from penstock.web import openapi
from penstock.web.openapi.controls import control_parameters
from penstock.web.openapi.document import document
from penstock.web.openapi.filters import filter_parameters
from penstock.web.problems import STATUSES

KINDS: tuple[ColumnKind, ...] = get_args(ColumnKind)
TYPES: dict[ColumnKind, str] = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "decimal": "DECIMAL(10,2)",
    "float": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "uuid": "UUID",
    "binary": "BLOB",
    "interval": "INTERVAL",
    "nested": "STRUCT(a INTEGER)",
}


def dataset(
    *columns: tuple[str, ColumnKind], name: str = "areas", private: bool = False
) -> Dataset:
    return Dataset(
        tenant="acme",
        name=name,
        version="v1",
        modified=datetime(2026, 5, 3, tzinfo=UTC),
        private=private,
        columns=tuple(
            Column(name=each, kind=kind, type_name=TYPES[kind]) for each, kind in columns
        ),
        files=(),
    )


def described(*datasets: Dataset) -> dict[str, Any]:
    return document(datasets, formats.all_formats(), title="Acme")


def size_of(document: dict[str, Any]) -> int:
    return len(json.dumps(document, separators=(",", ":")).encode())


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from references(each)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


def queries(document: dict[str, Any], path: str) -> dict[str, dict[str, Any]]:
    shared = document["components"]["parameters"]
    found = [
        shared[each["$ref"].rpartition("/")[2]] for each in document["paths"][path]["parameters"]
    ]
    return {each["name"]: each for each in found if each["in"] == "query"}


def test_every_dataset_has_a_path_for_each_format() -> None:
    paths = described(dataset(("a", "text")), dataset(("b", "date"), name="trees"))["paths"]
    for extension in formats.all_formats():
        assert f"/areas.{extension}" in paths
        assert f"/trees.{extension}" in paths
    assert "/areas/-/count.json" in paths


def test_every_column_is_a_parameter_with_every_operator_that_fits_it() -> None:
    every = dataset(*((f"{kind}-column", kind) for kind in KINDS))
    asked = queries(described(every), "/areas.csv")
    for column in every.columns:
        for operator in column_operators(column):
            key = column.name if operator == "exact" else f"{column.name}__{operator}"
            assert key in asked


def test_every_control_is_listed_where_its_format_takes_it() -> None:
    document = described(dataset(("a", "text")))
    for extension in formats.all_formats():
        listed = {name for name in queries(document, f"/areas.{extension}") if name in CONTROLS}
        fitting = {
            name
            for name, control in CONTROLS.items()
            if not control.formats or extension in control.formats
        }
        assert listed == fitting


def test_every_control_has_a_schema_of_its_own() -> None:
    assert [
        name for name, each in control_parameters().items() if each["schema"] == {"type": "string"}
    ] == []


def test_every_status_of_a_problem_is_described() -> None:
    document = described(dataset(("a", "text")))
    answers = document["paths"]["/areas.csv"]["get"]["responses"]
    # 405 is what methods get that have no operation here; the others are those of bodies and jobs.
    missing = {str(status) for status in STATUSES.values()} - set(answers)
    assert missing == {"405", "409", "415", "422", "507"}
    assert {"200", "206", "304"} <= set(answers)


def test_a_private_dataset_asks_for_a_key_and_a_public_one_may_have_one() -> None:
    document = described(dataset(("a", "text"), private=True), dataset(("a", "text"), name="open"))
    assert document["paths"]["/areas.csv"]["get"]["security"] == [{"key": []}]
    assert "security" not in document["paths"]["/open.csv"]["get"]
    assert document["security"] == [{}, {"key": []}]


def test_rows_are_typed_by_their_columns_and_may_hold_nulls() -> None:
    row = described(dataset(("n", "integer"), ("d", "date")))["components"]["schemas"]["row.areas"]
    assert "null" in row["properties"]["n"]["type"]
    assert row["properties"]["d"] == {"type": ["string", "null"], "format": "date"}


@pytest.mark.parametrize(
    "datasets",
    [
        [],
        [dataset(*((kind, kind) for kind in KINDS))],
        [dataset(("a", "text"), name=f"d{number}") for number in range(60)],
    ],
)
def test_the_document_is_valid_and_every_reference_in_it_leads_somewhere(
    datasets: list[Dataset],
) -> None:
    document = json.loads(json.dumps(described(*datasets)))
    validate(document)
    for reference in references(document):
        place = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


@pytest.mark.parametrize(("datasets", "columns"), [(1, 100), (1, 600), (40, 10), (200, 20)])
def test_the_document_stays_below_a_megabyte(datasets: int, columns: int) -> None:
    wide = tuple(
        (f"a-rather-long-column-name-{number}", KINDS[number % 13]) for number in range(columns)
    )
    document = described(*(dataset(*wide, name=f"dataset-{number}") for number in range(datasets)))
    assert size_of(document) < 1_000_000


def test_where_operators_would_be_too_much_equality_is_listed() -> None:
    many = dataset(*((f"column-{number}", "text") for number in range(400)))
    document = described(many)
    asked = queries(document, "/areas.csv")
    assert "column-399" in asked
    assert "column-399__gte" not in asked
    assert "column__operator" in document["info"]["description"]


def test_where_columns_would_be_too_much_datasets_are_listed_by_name() -> None:
    document = described(*(dataset(("a", "text"), name=f"d{number}") for number in range(300)))
    (name, *_) = document["paths"]["/{dataset}.csv"]["parameters"]
    assert len(name["schema"]["enum"]) == 300
    assert document["components"]["schemas"]["row.d299"]["properties"] == {
        "a": {"type": ["string", "null"]}
    }


COLUMNS = st.lists(
    st.tuples(st.text(st.characters(codec="utf-8"), min_size=1), st.sampled_from(KINDS)),
    min_size=1,
    max_size=8,
    unique_by=lambda each: each[0],
)


@settings(deadline=None)
@given(COLUMNS)
def test_every_key_that_is_listed_resolves_and_its_example_parses(
    columns: list[tuple[str, ColumnKind]],
) -> None:
    of = dataset(*columns)
    listed = filter_parameters(of, equality_only=False)
    names = [each["name"] for each in listed.values()]
    assert len(set(names)) == len(names)
    for parameter in listed.values():
        assert resolve(parameter["name"], of) is not None
        example = parameter["example"]
        text = example[0] if isinstance(example, list) else example
        # A NUL in a name is refused when the URL is read, whatever follows.
        pairs = [(parameter["name"], str(text).lower() if isinstance(text, bool) else str(text))]
        parse(pairs, of, limits=QueryLimits(), cursor=NO_CURSORS, format_name="csv")


@settings(deadline=None)
@given(COLUMNS)
def test_examples_of_controls_name_the_columns_of_their_dataset(
    columns: list[tuple[str, ColumnKind]],
) -> None:
    of = dataset(*columns)
    asked = queries(described(of), "/areas.csv")
    for control in ("_select", "_exclude", "_sort", "_where"):
        if "example" in asked[control]:
            pairs = [(control, asked[control]["example"])]
            parse(pairs, of, limits=QueryLimits(), cursor=NO_CURSORS, format_name="csv")


NO_CURSORS = CursorCodec((), "acme", "areas", "v1")


def test_the_answer_lists_what_the_asker_may_see(tmp_path: Path) -> None:
    table = pa.table({"a": [1]})
    with tenant_with(
        tmp_path, areas=table, pay=table, broken=b"nothing", private=("pay",)
    ) as resources:
        public = openapi.answer(resources, asker(resources))
        private = openapi.answer(resources, asker(resources, user="ada"))
    assert isinstance(public.body, bytes)
    assert isinstance(private.body, bytes)
    assert "/pay.csv" not in json.loads(public.body)["paths"]
    assert b"pay" not in public.body
    assert "/pay.csv" in json.loads(private.body)["paths"]
    assert b"broken.csv" not in private.body
    assert private.headers["cache-control"] == "private, no-store"
    assert public.headers["cache-control"].startswith("public")


def test_the_same_datasets_give_the_same_tag_and_a_held_one_is_not_sent_again(
    tmp_path: Path,
) -> None:
    with tenant_with(tmp_path, areas=pa.table({"a": [1]})) as resources:
        first = openapi.answer(resources, asker(resources))
        again = openapi.answer(resources, asker(resources), if_none_match=first.headers["etag"])
    assert first.status == HTTPStatus.OK
    assert again.status == HTTPStatus.NOT_MODIFIED
    assert again.body == b""


def test_a_description_that_is_held_under_whatever_tag_is_not_sent_again(tmp_path: Path) -> None:
    with tenant_with(tmp_path, areas=pa.table({"a": [1]})) as resources:
        tag = openapi.answer(resources, asker(resources)).headers["etag"]
        statuses = {
            held: openapi.answer(resources, asker(resources), if_none_match=held).status
            for held in ("*", f'"other", W/{tag}', f'"{tag[1:-1]}-longer"', f'"x{tag}')
        }
    assert list(statuses.values()) == [
        HTTPStatus.NOT_MODIFIED,
        HTTPStatus.NOT_MODIFIED,
        HTTPStatus.OK,
        HTTPStatus.OK,
    ]
