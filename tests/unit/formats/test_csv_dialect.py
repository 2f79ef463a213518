"""CSV: quoting, header, null text, delimiter and the dialect for Excel."""

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest
from tests.unit.formats.read_back import encoded

from penstock.errors import UnrepresentableError
from penstock.formats import named
from penstock.model.format import Style

PLACES = pa.RecordBatch.from_pydict(
    {
        "name": pa.array(['The "Old" Quarter, 7', "plain", None, "", "two\nlines"]),
        "n": pa.array([1, -2, None, 4, 5], pa.int64()),
    }
)


def test_only_fields_that_need_quotes_have_them() -> None:
    assert encoded("csv", PLACES).decode() == (
        'name,n\n"The ""Old"" Quarter, 7",1\nplain,-2\n,\n,4\n"two\nlines",5\n'
    )


def test_a_slice_that_begins_with_empty_texts_quotes_the_right_rows() -> None:
    batch = pa.RecordBatch.from_pydict({"a": ["", "", "", "x,y", "", 'q"', "z"], "b": [1] * 7})
    lines = encoded("csv", batch).decode().splitlines()
    assert lines[1:] == [",1", ",1", ",1", '"x,y",1', ",1", '"q""",1', "z,1"]
    for start in range(7):
        sliced = encoded("csv", batch.slice(start)).decode().splitlines()
        assert sliced[1:] == lines[start + 1 :]


def test_header_names_are_quoted_like_fields() -> None:
    batch = pa.RecordBatch.from_pydict({'a,"b"': [1], "c": [2]})
    assert encoded("csv", batch) == b'"a,""b""",c\n1,2\n'


def test_the_header_can_be_left_out_and_a_byte_order_mark_put_before() -> None:
    batch = PLACES.slice(1, 1)
    assert encoded("csv", batch, style=Style(header=False)) == b"plain,-2\n"
    assert encoded("csv", batch, style=Style(bom=True)) == b"\xef\xbb\xbfname,n\nplain,-2\n"


def test_a_null_text_stands_for_null_alone() -> None:
    batch = pa.RecordBatch.from_pydict({"a": ["NA", None, ""], "b": pa.array([1, None, 3])})
    assert encoded("csv", batch, style=Style(null="NA")) == b'a,b\n"NA",1\nNA,NA\n,3\n'


def test_a_null_text_that_looks_like_a_number_is_told_from_that_number() -> None:
    batch = pa.RecordBatch.from_pydict({"a": pa.array([0, None]), "b": pa.array([0.0, None])})
    assert encoded("csv", batch, style=Style(null="0")) == b'a,b\n"0",0.0\n0,0\n'


def test_a_delimiter_that_occurs_in_numbers_and_dates_has_them_quoted() -> None:
    batch = pa.RecordBatch.from_pydict({"d": [date(2024, 5, 1)], "n": [-1], "s": ["a-b"]})
    assert encoded("csv", batch, style=Style(delimiter="-")) == b'd-n-s\n"2024-05-01"-"-1"-"a-b"\n'


def test_excel_gets_a_mark_crlf_and_no_text_that_begins_a_formula() -> None:
    batch = pa.RecordBatch.from_pydict(
        {
            "=name": ["=1+1", "+1", "-1", "@a", "\tx", "\rx", "a=b", "", None],
            "n": pa.array([-1, 2, 3, 4, 5, 6, 7, 8, 9]),
        }
    )
    assert encoded("csv", batch, style=Style(excel=True)).decode() == (
        "\ufeff'=name,n\r\n'=1+1,-1\r\n'+1,2\r\n'-1,3\r\n'@a,4\r\n'\tx,5\r\n\"'\rx\",6\r\n"
        "a=b,7\r\n,8\r\n,9\r\n"
    )


def test_an_empty_field_alone_in_its_line_is_quoted() -> None:
    batch = pa.RecordBatch.from_pydict({"a": ["", None, "x"]})
    assert encoded("csv", batch) == b'a\n""\n""\nx\n'
    assert encoded("csv", batch, style=Style(null="-")) == b'a\n""\n-\nx\n'
    numbers = pa.RecordBatch.from_pydict({"": pa.array([None, Decimal("1.50")])})
    assert encoded("csv", numbers) == b'""\n""\n1.50\n'


def test_no_rows_are_a_header_line_and_no_columns_are_nothing() -> None:
    assert b"".join(named("csv").encode([], PLACES.schema, Style())) == b"name,n\n"
    assert encoded("csv", PLACES.slice(0, 0)) == b"name,n\n"
    no_columns = pa.RecordBatch.from_struct_array(pa.array([{}, {}], pa.struct([])))
    assert encoded("csv", no_columns) == b""


def test_nested_values_are_json_text_and_bytes_are_base16() -> None:
    batch = pa.RecordBatch.from_pydict(
        {
            "l": pa.array([[1, None], None, []]),
            "s": pa.array([{"a": 'x"y'}, None, {"a": None}]),
            "b": pa.array([b"\xff\x01", None, b""]),
        }
    )
    assert encoded("csv", batch).decode() == (
        'l,s,b\n"[1,null]","{""a"":""x\\""y""}",FF01\n,,\n[],"{""a"":null}",\n'
    )


@pytest.mark.parametrize("extension", ["csv", "json", "ndjson"])
def test_a_type_that_is_no_text_is_refused_before_anything_is_read(extension: str) -> None:
    union = pa.dense_union([pa.field("i", pa.int32())])
    schema = pa.schema([("fine", pa.int32()), ("odd", pa.list_(union))])

    def untouched() -> object:
        pytest.fail("a batch was pulled")

    pieces = named(extension).encode(iter(untouched, None), schema, Style())
    with pytest.raises(UnrepresentableError) as refusal:
        next(pieces)
    assert refusal.value.facts["column"] == "odd"
