"""How an answer is written and delivered, and what a signed URL claims."""

import pytest
from tests.unit.query.query_parts import Ask

from penstock.errors import (
    BadValueError,
    ConflictingParametersError,
    QueryError,
    RepeatedParameterError,
)
from penstock.model.format import Style
from penstock.model.query import Delivery, SignatureClaim
from penstock.query import claim_of, pairs_of, version_of


@pytest.mark.parametrize(
    ("query", "delimiter"),
    [("_delimiter=tab", "\t"), ("_delimiter=%5Ct", "\t"), ("_delimiter=%09", "\t"),
     ("_delimiter=;", ";"), ("_delimiter=|", "|"), ("_delimiter=,", ",")],
)  # fmt: skip
def test_a_delimiter_is_one_character(ask: Ask, query: str, delimiter: str) -> None:
    assert ask(query).style.delimiter == delimiter


@pytest.mark.parametrize("value", ["", '"', "\r", "\n", "ab", "é", "\x07", "\t\t"])
def test_a_delimiter_that_breaks_a_file_is_refused(ask: Ask, value: str) -> None:
    with pytest.raises(BadValueError):
        ask([("_delimiter", value)])


def test_the_dialect_is_read(ask: Ask) -> None:
    assert ask("_header=off&_bom=1&_null=NA").style == Style(header=False, bom=True, null="NA")
    assert ask("_excel=1").style == Style(excel=True, bom=True)
    assert ask("_int64=string", format_name="json").style == Style(int64_as_text=True)
    assert ask("_null=").style == Style()


@pytest.mark.parametrize("value", ["a,b", 'a"', "a\n", "x" * 33])
def test_a_null_text_that_breaks_a_file_is_refused(ask: Ask, value: str) -> None:
    with pytest.raises(BadValueError):
        ask([("_null", value)])
    with pytest.raises(BadValueError):
        ask([("_null", "a;b"), ("_delimiter", ";")])


def test_excel_without_its_byte_order_mark_is_a_contradiction(ask: Ask) -> None:
    with pytest.raises(ConflictingParametersError):
        ask("_excel=1&_bom=0")


@pytest.mark.parametrize("value", ["maybe", "2", "yes"])
def test_switches_take_only_their_words(ask: Ask, value: str) -> None:
    for name in ("_header", "_bom", "_excel", "_dl", "_distinct", "_redirect"):
        with pytest.raises(BadValueError):
            ask([(name, value)])


def test_int64_takes_string_or_number(ask: Ask) -> None:
    assert ask("_int64=number", format_name="ndjson").is_whole
    with pytest.raises(BadValueError):
        ask("_int64=1", format_name="json")


@pytest.mark.parametrize(
    ("query", "format_name"),
    [("_delimiter=tab", "json"), ("_header=on", "parquet"), ("_bom=1", "ndjson"),
     ("_null=", "arrow"), ("_excel=1", "json"), ("_int64=string", "csv")],
)  # fmt: skip
def test_a_control_of_another_format_is_refused_with_those_that_take_it(
    ask: Ask, query: str, format_name: str
) -> None:
    with pytest.raises(QueryError, match="is for") as caught:
        ask(query, format_name=format_name)
    assert caught.value.facts["formats"]


def test_delivery_is_read_and_never_canonical(ask: Ask) -> None:
    query = ask("_dl=off&_filename=my+areas.csv&_redirect=1&_version=v1")
    assert query.delivery == Delivery(attachment=False, file_name="my areas", redirect=True)
    assert query.version == "v1"
    assert query.is_whole


@pytest.mark.parametrize(
    "value", ["../x", 'a"b', "a/b", "é", "a\r\nb", "x" * 201, "..", " ", ".csv"]
)
def test_a_file_name_is_plain(ask: Ask, value: str) -> None:
    with pytest.raises(BadValueError):
        ask([("_filename", value)])


def test_a_signature_is_whole_or_absent(ask: Ask) -> None:
    query = ask("_expires=1767225600&_kid=k1&_sig=abc-_")
    assert query.claim == SignatureClaim(expires=1767225600, key_id="k1", signature="abc-_")
    assert query.is_whole
    assert ask("").claim is None
    for part in ("_expires=1", "_kid=k1&_sig=a", "_expires=1&_sig=a"):
        with pytest.raises(QueryError, match="is missing"):
            ask(part)
    for part in (
        "_expires=-1&_kid=k&_sig=a",
        "_expires=01&_kid=k&_sig=a",
        "_expires=1&_kid=k/&_sig=a",
        "_expires=1&_kid=k&_sig=+",
    ):
        with pytest.raises(BadValueError):
            ask(part)


def test_version_and_signature_are_read_before_a_dataset_is_known() -> None:
    pairs = pairs_of(b"nonsense=1&_version=v1&_expires=5&_kid=k&_sig=s")
    assert version_of(pairs) == "v1"
    assert claim_of(pairs) == SignatureClaim(expires=5, key_id="k", signature="s")
    assert version_of([]) is None
    with pytest.raises(RepeatedParameterError):
        version_of([("_version", "a"), ("_version", "b")])
    with pytest.raises(BadValueError):
        version_of([("_version", "../../x")])
    with pytest.raises(BadValueError):
        version_of([("_version", "")])
