from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import (
    BadCursorError,
    BodyError,
    ConflictingParametersError,
    ForbiddenError,
    QueryError,
    UnknownDatasetError,
    UnknownParameterError,
    UnknownTypeError,
)
from penstock.exports.check import CheckedExport, Requester, check
from penstock.exports.slice_query import read_query
from penstock.model.dataset import Column, DataFile, Dataset, RowGroup
from penstock.model.key import Role
from penstock.model.signature import SigningKey
from penstock.model.slice import AfterRows
from penstock.query import CursorCodec

KEY = SigningKey(id="k1", secret=b"s" * 32)


def things(*, rows: int = 1000, size_bytes: int = 50_000, version: str = "v1") -> Dataset:
    return Dataset(
        tenant="acme",
        name="things",
        version=version,
        modified=datetime(2024, 5, 1, tzinfo=UTC),
        private=False,
        columns=(
            Column(name="n", kind="integer", type_name="BIGINT", source="n"),
            Column(name="name", kind="text", type_name="VARCHAR", source="name"),
        ),
        files=(
            DataFile(
                location="/x.parquet",
                size_bytes=size_bytes,
                row_groups=(RowGroup(rows=rows, decoded_bytes=size_bytes),),
            ),
        ),
    )


def nothing(name: str, version: str | None) -> Dataset:
    raise AssertionError((name, version))


def asking(
    open_dataset: Callable[[str, str | None], Dataset] = nothing, *, role: Role | None = "admin"
) -> Requester:
    return Requester(role=role, open_dataset=open_dataset, signing_keys=lambda: (KEY,))


def checked_slice(
    query: str = "",
    *,
    formats: Sequence[str] = (),
    dataset: Dataset | None = None,
    **params: object,
) -> CheckedExport:
    found = things() if dataset is None else dataset
    given_ = {"dataset": "things", "query": query, **params}
    open_it = asking(lambda _, version: replace(found, version=version or found.version))
    return check("dataset-slice", given_, formats=formats, asking=open_it)


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(UnknownTypeError):
        check("everything", {}, asking=asking())


@pytest.mark.parametrize(
    ("role", "type_name", "is_refused"),
    [
        (None, "customers", True),
        ("reader", "customers", False),
        ("reader", "audit-trail", True),
        ("writer", "tenant-backup", True),
        ("admin", "tenant-backup", False),
    ],
)
def test_a_type_needs_its_role(role: Role | None, type_name: str, is_refused: bool) -> None:  # noqa: FBT001 - a case's data
    if is_refused:
        with pytest.raises(ForbiddenError, match=type_name):
            check(type_name, {}, asking=asking(role=role))
    else:
        assert check(type_name, {}, asking=asking(role=role)).type.name == type_name


@pytest.mark.parametrize(
    ("type_name", "params", "field", "said"),
    [
        ("customers", {"vipp": True}, "params.vipp", "did you mean vip?"),
        ("customers", {"zzz": 1}, "params.zzz", "it has since, until, town, vip."),
        ("tenant-backup", {"zzz": 1}, "params.zzz", "it has none."),
        ("customers", {"since": "May"}, "params.since", "date"),
        ("customers", {"since": "2024-05-02", "until": "2024-05-02"}, "params", "comes after"),
        ("risk-types", {"least_impact": 9}, "params.least_impact", "less than or equal to 5"),
        ("orders-by-month", {"status": ["lost"]}, "params.status.0", "'placed'"),
        ("orders-by-month", {"status": []}, "params.status", "at least 1"),
        ("customers", {"town": "a\0b"}, "params.town", "NUL"),
        ("dataset-slice", {}, "params.dataset", "required"),
        ("dataset-slice", {"dataset": "../x"}, "params.dataset", "pattern"),
        ("dataset-slice", {"dataset": "x", "query": "a" * 8193}, "params.query", "8192"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_by_name(
    type_name: str, params: Mapping[str, Any], field: str, said: str
) -> None:
    with pytest.raises(BodyError, match=said.replace("?", r"\?")) as refused:
        check(type_name, params, asking=asking())
    assert refused.value.facts["field"] == field


@pytest.mark.parametrize(
    ("type_name", "name", "value"),
    [
        ("customers", "vip", 1),
        ("customers", "vip", "true"),
        ("customers", "town", 7),
        ("customers", "since", 1_714_521_600),
        ("customers", "since", "2024-05-01T00:00:00"),
        ("risk-types", "least_impact", "3"),
        ("risk-types", "least_impact", 3.0),
        ("risk-types", "least_impact", True),
        ("orders-by-month", "status", "sent"),
        ("orders-by-month", "status", {"sent": 1}),
        ("dataset-slice", "query", 5),
    ],
)
def test_no_value_is_taken_for_what_it_is_not(type_name: str, name: str, value: object) -> None:
    params = {"dataset": "things"} if type_name == "dataset-slice" else {}
    with pytest.raises(BodyError) as refused:
        check(type_name, {**params, name: value}, asking=asking())
    assert str(refused.value.facts["field"]).startswith(f"params.{name}")


def test_what_json_has_no_type_for_is_text() -> None:
    params = {"since": "2024-05-01", "status": ["sent", "placed"], "currency": "EUR"}
    assert check("orders-by-month", params, asking=asking()).params == params


def test_no_refusal_shows_a_value() -> None:
    with pytest.raises(BodyError) as refused:
        check("customers", {"since": "hunter2", "town": 7}, asking=asking())
    assert "hunter2" not in refused.value.detail


def test_a_long_name_is_not_repeated_whole() -> None:
    with pytest.raises(BodyError) as refused:
        check("customers", {"x" * 10_000: 1}, asking=asking())
    assert len(refused.value.detail) < 300


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.text())))
def test_whatever_is_given_is_taken_or_refused_with_a_field(params: dict[str, object]) -> None:
    field = None
    try:
        checked = check("risk-categories", params, asking=asking())
    except BodyError as error:
        field = str(error.facts["field"])
    else:
        assert set(checked.params) <= {"active", "least_severity"}
    assert field is None or field.startswith("params")


def test_parameters_are_spelled_in_one_way() -> None:
    one = check("customers", {"since": "2024-05-01", "vip": True, "town": None}, asking=asking())
    two = check("customers", {"vip": True, "since": "2024-05-01"}, asking=asking())
    assert one.params == two.params == {"since": "2024-05-01", "vip": True}


def test_formats_are_named_once_and_in_one_order() -> None:
    one = check("customers", {}, formats=["ndjson", "csv", "csv"], asking=asking())
    two = check("customers", {}, formats=["csv", "ndjson"], asking=asking())
    assert one.params == two.params == {"formats": ["csv", "ndjson"]}


def test_an_unknown_format_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(BodyError, match="csv") as refused:
        check("customers", {}, formats=["docx"], asking=asking())
    assert refused.value.facts["field"] == "formats"


def test_a_slice_is_pinned_to_the_version_that_is_current() -> None:
    checked = checked_slice("n__gt=5", dataset=things(version="v7"))
    assert checked.dataset_version == "v7"
    assert checked.params == {"dataset": "things", "query": "n__gt=5"}


def test_a_slice_is_pinned_to_the_version_that_is_asked_for() -> None:
    assert checked_slice("_version=v3").dataset_version == "v3"
    assert checked_slice(version="v3").dataset_version == "v3"
    assert checked_slice("_version=v3").params["version"] == "v3"


def test_two_versions_at_once_are_refused() -> None:
    with pytest.raises(ConflictingParametersError):
        checked_slice("_version=v3", version="v4")


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("n__gt=5&name=a", "name=a&n__gt=5"),
        ("?n__gt=5", "n__gt=5"),
        ("utm_source=x&n=1", "n=1"),
        ("_dl=off&n=1", "n=1"),
        ("_expires=1&_kid=k1&_sig=x&n=1", "n=1"),
        ("_redirect=1&n=1", "n=1"),
        ("_header=on&n=1", "n=1"),
    ],
)
def test_queries_with_one_meaning_have_one_spelling(one: str, two: str) -> None:
    assert checked_slice(one, formats=["csv"]).params == checked_slice(two, formats=["csv"]).params


def test_a_file_is_called_as_the_query_says() -> None:
    assert checked_slice("_filename=areas-2024.csv", formats=["csv"]).params["file_name"] == (
        "areas-2024"
    )
    assert checked_slice("_filename=a", file_name="b").params["file_name"] == "b"


def test_a_query_that_no_download_takes_is_refused() -> None:
    with pytest.raises(UnknownParameterError) as refused:
        checked_slice("nam=x")
    assert refused.value.facts["did_you_mean"] == ["name"]


def test_a_dialect_needs_a_format_that_takes_it() -> None:
    with pytest.raises(QueryError, match="_delimiter"):
        checked_slice("_delimiter=;")
    with pytest.raises(QueryError, match="_delimiter"):
        checked_slice("_delimiter=;", formats=["ndjson", "parquet"])
    assert checked_slice("_delimiter=;", formats=["csv", "ndjson"]).params["query"] == (
        "_delimiter=%3B"
    )


def test_each_format_has_the_dialect_that_is_its_own() -> None:
    query = read_query(
        "_delimiter=tab&_null=NA&_int64=string&n__gt=1",
        things(),
        ["csv", "ndjson", "parquet"],
        signing_keys=list,
        filters=50,
    )
    csv, ndjson = query.styles["csv"], query.styles["ndjson"]
    assert (csv.delimiter, csv.null, csv.int64_as_text) == ("\t", "NA", False)
    assert (ndjson.delimiter, ndjson.null, ndjson.int64_as_text) == (",", "", True)
    assert query.styles["parquet"] == replace(ndjson, int64_as_text=False)


def test_what_may_not_be_seen_is_not_there() -> None:
    def hidden(name: str, version: str | None) -> Dataset:
        raise UnknownDatasetError(name)

    with pytest.raises(UnknownDatasetError):
        check("dataset-slice", {"dataset": "secret", "query": "x=1"}, asking=asking(hidden))


def test_a_cursor_is_opened_with_the_tenants_keys() -> None:
    codec = CursorCodec((KEY,), "acme", "things", "v1")
    token = codec.encode(AfterRows(10), canonical_without_page="n__gt=5")
    checked = checked_slice(f"n__gt=5&_limit=3&_cursor={token}")
    assert f"_cursor={token}" in checked.params["query"]
    with pytest.raises(BadCursorError):
        checked_slice(f"n__gt=6&_cursor={token}")


@pytest.mark.parametrize(
    ("rows", "size_bytes", "query", "formats", "size"),
    [
        (1000, 50_000, "", [], "small"),
        (10_000_000, 300_000_000, "", [], "medium"),
        (10_000_000, 300_000_000, "_limit=1000", [], "small"),
        (10_000_000, 300_000_000, "_limit=1000&n__gt=1", [], "medium"),
        (10_000_000, 300_000_000, "_sort=n&_limit=10", [], "medium"),
        (900_000, 60_000_000, "", ["csv"], "medium"),
        (1_000_000_000, 30_000_000_000, "", [], "large"),
    ],
)
def test_a_slice_is_weighed_by_what_is_read_and_written(
    rows: int, size_bytes: int, query: str, formats: list[str], size: str
) -> None:
    dataset = things(rows=rows, size_bytes=size_bytes)
    assert checked_slice(query, dataset=dataset, formats=formats).size == size


PIECES = st.sampled_from(
    [
        "n__gt=5",
        "name=a",
        "name__in=a,b",
        "_sort=-n,name",
        "_select=n",
        "_distinct=1",
        "_limit=7",
        "_offset=3",
        "_delimiter=;",
        "_null=NA",
        "_excel=1",
        "_bom=1",
        "_int64=string",
        "_where=n > 3 OR name LIKE 'a%25'",
        "_group=name",
        "_select=name,count(*) as k",
        "nonsense=1",
    ]
)


@given(
    st.lists(PIECES, unique=True, max_size=6),
    st.lists(st.sampled_from(["csv", "json", "ndjson", "parquet", "arrow"]), unique=True),
)
def test_a_canonical_query_reads_as_the_one_that_it_was_made_of(
    pieces: list[str], extensions: list[str]
) -> None:
    def read(text: str) -> Any:
        return read_query(text, things(), extensions, signing_keys=list, filters=50)

    try:
        query = read("&".join(pieces))
    except QueryError:
        return
    again = read(query.canonical)
    assert again.wanted == query.wanted
    assert again.styles == query.styles
    assert again.canonical == query.canonical
