"""Any batch written as CSV and read by Python's own csv module is the batch again."""

import csv
import io
from dataclasses import replace

import pyarrow as pa
import pyarrow.csv
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import batches, names, texts, untimed
from tests.unit.formats.read_back import encoded, stored, value_of

from penstock.model.format import Style


def rows_read(data: bytes, **dialect: str) -> list[list[str]]:
    csv.field_size_limit(2**31 - 1)
    text = data.decode()
    return list(csv.reader(io.StringIO(text, newline=""), strict=True, **dialect))  # type: ignore[arg-type]  # typeshed lists each dialect option


@untimed
@given(batches())
def test_python_reads_back_every_value_of_every_type(batch: pa.RecordBatch) -> None:
    header, *rows = rows_read(encoded("csv", batch))
    assert header == batch.schema.names
    assert len(rows) == batch.num_rows
    for place, column in enumerate(batch.columns):
        for row, value in zip(rows, stored(column), strict=True):
            assert row[place] == "" if value is None else value_of(row[place], column.type) == value


@untimed
@given(batches(), st.sampled_from("|;\t-.1:eT"), st.sampled_from([Style(), Style(excel=True)]))
def test_any_delimiter_and_line_end_reads_back_the_same(
    batch: pa.RecordBatch, delimiter: str, plain: Style
) -> None:
    style, excel = replace(plain, delimiter=delimiter), plain.excel
    data = encoded("csv", batch, style=style)
    assert data.startswith(b"\xef\xbb\xbf") == excel
    _, *rows = rows_read(data.removeprefix(b"\xef\xbb\xbf"), delimiter=delimiter)
    for place, column in enumerate(batch.columns):
        for row, value in zip(rows, stored(column), strict=True):
            text = row[place]
            if value is None:
                assert text == ""
                continue
            if excel and isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
                assert text.startswith("'")
                text = text[1:]
            assert value_of(text, column.type) == value


@untimed
@given(
    st.lists(names(), min_size=1, max_size=3, unique=True).flatmap(
        lambda header: st.tuples(
            st.just(header), st.lists(st.lists(texts(), min_size=len(header), max_size=len(header)))
        )
    ),
    st.sampled_from(",;\t|"),
)
def test_text_is_quoted_as_python_quotes_it(
    table: tuple[list[str], list[list[str]]], delimiter: str
) -> None:
    header, rows = table
    columns = [pa.array([row[place] for row in rows], pa.string()) for place in range(len(header))]
    batch = pa.RecordBatch.from_arrays(columns, names=header)
    expected = "".join(python_line(row, delimiter) + "\n" for row in [header, *rows])
    assert encoded("csv", batch, style=Style(delimiter=delimiter)).decode() == expected


def python_line(row: list[str], delimiter: str) -> str:
    line = io.StringIO(newline="")
    # With both characters in its line end, every version of Python quotes both in a field.
    csv.writer(line, delimiter=delimiter, lineterminator="\r\n").writerow(row)
    return line.getvalue().removesuffix("\r\n")


@untimed
@given(batches(), texts().filter(bool))
def test_the_null_text_tells_nulls_from_everything_else(batch: pa.RecordBatch, null: str) -> None:
    data = encoded("csv", batch, style=Style(null=null))
    assert len(rows_read(data)) == batch.num_rows + 1
    fields = [field for row in _raw_rows(data) for field in row][batch.num_columns :]
    values = [stored(column)[row] for row in range(batch.num_rows) for column in batch.columns]
    if set(null) & set(',"\r\n'):
        return  # such a text is quoted itself
    for field, value in zip(fields, values, strict=True):
        assert (field == null) == (value is None)


@untimed
@given(st.lists(st.none() | texts(), min_size=1))
def test_a_single_column_keeps_its_rows_for_readers_that_skip_blank_lines(
    values: list[str | None],
) -> None:
    batch = pa.RecordBatch.from_pydict({"only": pa.array(values, pa.string())})
    data = encoded("csv", batch)
    assert b"\n\n" not in data.replace(b'""', b"") or '"' in data.decode()
    assert len(rows_read(data)) == len(values) + 1
    if not any(set(value or "") & {"\r", "\n", "\x00"} for value in values):
        read = pyarrow.csv.read_csv(
            io.BytesIO(data),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(column_types={"only": pa.string()}),
        )
        assert read["only"].to_pylist() == [value or "" for value in values]


def _raw_rows(data: bytes) -> list[list[str]]:
    """Cut lines into fields, quotes kept."""
    rows: list[list[str]] = [[]]
    field, quoted = "", False
    for character in data.decode():
        if character == '"':
            quoted = not quoted
        if not quoted and character in ",\n":
            rows[-1].append(field)
            field = ""
            if character == "\n":
                rows.append([])
            continue
        field += character
    return rows[:-1]
