import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import SetupError
from penstock.reading.engine.converter import answer, convert


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def table_of(work: Path, content: bytes | str, *, null_text: str | None = None) -> pa.Table:
    source = work / "given.csv"
    source.write_bytes(content.encode() if isinstance(content, str) else content)
    target = work / "made.parquet"
    rows = convert(source, target, work=work, null_text=null_text)
    table = pq.read_table(target)
    assert table.num_rows == rows
    return table


def problem_of(work: Path, content: bytes | str) -> str:
    with pytest.raises(SetupError) as caught:
        table_of(work, content)
    assert caught.value.detail.startswith("given.csv")
    assert "\n" not in caught.value.detail
    return caught.value.detail


def one_column(work: Path, *values: str, null_text: str | None = None) -> pa.ChunkedArray:
    return table_of(work, "\n".join(["n,v", *(f"x,{v}" for v in values)]), null_text=null_text)["v"]


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (["0", "-5", "9223372036854775807", "-9223372036854775808"], pa.int64()),
        (["9223372036854775808", "1"], pa.decimal128(38, 0)),
        (["1.10", "-22.05", "0.00"], pa.decimal128(9, 2)),
        (["123456789.10"], pa.decimal128(18, 2)),
        (["1.5", "2"], pa.float64()),
        (["1.5", "2.25", "-0.0"], pa.float64()),
        (["1.5e-07", "2.0"], pa.float64()),
        (["0.30000000000000004", "1.5"], pa.float64()),
        (["2024-02-29", "0001-01-01", "9999-12-31"], pa.date32()),
        (["2024-02-29T10:00:00", "2024-02-29 10:00:00.123456"], pa.timestamp("us")),
        (["2024-02-29T10:00:00Z", "2024-02-29 10:00:00.5+05:30"], pa.timestamp("us", tz="UTC")),
        (["true", "false"], pa.bool_()),
        (["TRUE"], pa.bool_()),
    ],
)
def test_a_column_takes_the_narrowest_type_that_keeps_every_value(
    work: Path, values: list[str], type_: pa.DataType
) -> None:
    assert one_column(work, *values).type == type_


@pytest.mark.parametrize(
    "values",
    [
        ["007", "5"],
        ["+5"],
        ["-0"],
        ["5080", "CA18"],
        ["1,000".replace(",", ".") + ".5"],
        [" 5"],
        ["5 "],
        ["1e5"],
        ["1E5", "12"],
        [".5"],
        ["5."],
        ["0x10"],
        ["NaN", "1.5"],
        ["inf"],
        ["0.1234567890123456789", "0.5"],
        ["12345678901234567.5", "1"],
        ["1" * 39],
        ["2023-02-29"],
        ["0000-01-01"],
        ["2023-1-1"],
        ["2024-02-29", "n/a"],
        ["2024-02-29T10:00"],
        ["2024-02-29T24:00:00"],
        ["2024-02-29T10:00:60"],
        ["2024-02-29T10:00:00.1234567"],
        ["2024-02-29T10:00:00", "2024-02-29T10:00:00Z"],
        ["9999-12-31T23:00:00-05:00"],
        ["true", "False"],
        ["yes", "no"],
        ["t"],
        ["NULL"],
        ["٣"],
    ],
)
def test_a_column_with_a_value_that_a_type_would_lose_stays_text(
    work: Path, values: list[str]
) -> None:
    column = one_column(work, *values)
    assert column.type == pa.string()
    assert column.to_pylist() == values


def test_a_value_far_down_decides_as_much_as_the_first_ones(work: Path) -> None:
    rows = 200_000
    lines = "".join(f"{n},{n % 7}.25,2024-01-01\n" for n in range(rows))
    table = table_of(work, f"a,b,c\n{lines}CA18,1.333,soon\n")
    assert table.schema.types == [pa.string(), pa.float64(), pa.string()]
    assert table["a"][rows - 1].as_py() == str(rows - 1)


def test_a_blank_is_null_in_a_typed_column_and_the_empty_string_in_text(work: Path) -> None:
    table = table_of(work, 'number,text,nothing\n1,a,\n,,\n"","",""\n')
    assert table["number"].to_pylist() == [1, None, None]
    assert table["text"].to_pylist() == ["a", "", ""]
    assert table["nothing"].to_pylist() == ["", "", ""]


def test_the_null_text_is_null_everywhere_unless_it_is_quoted(work: Path) -> None:
    table = table_of(work, 'number,text\n1,a\nNA,NA\n,\n2,"NA"\n', null_text="NA")
    assert table["number"].to_pylist() == [1, None, None, 2]
    assert table["text"].to_pylist() == ["a", None, "", "NA"]


def test_a_quoted_null_text_is_a_value_of_its_column(work: Path) -> None:
    assert table_of(work, 'a,b\n1,\n"NA",\nNA,\n', null_text="NA")["a"].to_pylist() == [
        "1",
        "NA",
        None,
    ]


def test_an_empty_null_text_makes_unquoted_blanks_null_in_text_too(work: Path) -> None:
    table = table_of(work, 'number,text\n1,\n,""\n', null_text="")
    assert table["number"].to_pylist() == [1, None]
    assert table["text"].to_pylist() == [None, ""]


def test_a_repeated_and_a_blank_column_name_become_distinct(work: Path) -> None:
    table = table_of(work, "name,name,name_2, ,Name,\n1,2,3,4,5,6\n")
    assert table.schema.names == ["name", "name_3", "name_2", "column_4", "Name", "column_6"]
    assert table.to_pylist()[0]["name_3"] == 2


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(work: Path, delimiter: str) -> None:
    lines = [["key", "text"], ["1", "a, b; c | d\te"], ["2", '"']]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(lines)
    assert [list(row.values()) for row in table_of(work, out.getvalue()).to_pylist()] == [
        [1, "a, b; c | d\te"],
        [2, '"'],
    ]


def test_a_semicolon_file_with_decimal_commas_isnt_cut_at_them(work: Path) -> None:
    assert table_of(work, "a;b\n1,5;2,5\n").to_pylist() == [{"a": "1,5", "b": "2,5"}]


def test_blank_lines_are_no_rows_but_in_a_single_column_they_are(work: Path) -> None:
    assert table_of(work, "a,b\n\n1,2\n\n3,4\n\n").num_rows == 2
    assert table_of(work, "a\n1\n\n3\n")["a"].to_pylist() == [1, None, 3]


@pytest.mark.parametrize("content", ["a,b", "a,b\n", "\ufeffa,b\r\n"])
def test_a_header_alone_is_a_dataset_without_rows(work: Path, content: str) -> None:
    table = table_of(work, content)
    assert table.schema == pa.schema({"a": pa.string(), "b": pa.string()})
    assert table.num_rows == 0


def test_fields_of_several_megabytes_are_read(work: Path) -> None:
    long = "POLYGON " * 1_300_000
    table = table_of(work, f'a,b\n1,"{long}"\n2,x\n')
    assert table["b"].to_pylist() == [long, "x"]


def test_row_groups_end_at_a_hundred_thousand_rows_and_have_a_page_index(work: Path) -> None:
    table_of(work, "n\n" + "\n".join(map(str, range(250_000))) + "\n")
    metadata = pq.read_metadata(work / "made.parquet")
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [100_000, 100_000, 50_000]
    assert all(group.column(0).has_offset_index for group in groups)
    assert all(group.column(0).has_column_index for group in groups)
    assert groups[1].column(0).statistics.min == 100_000
    assert groups[0].column(0).compression == "ZSTD"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\n1,2\n", "the first line is blank"),
        (b",,\n1,2,3\n", "the first line is blank"),
        (b"1,2.5,2024-01-01\n3,4,2024-01-02\n", "holds values (1, 2.5, 2024-01-01)"),
        (b"a,b\n1,2\n3\n", "line 3 has 1 field and the header has 2"),
        (b'a,b\n"1\n1",2\n3,4,5\n', "line 4 has 3 fields and the header has 2"),
        (b"a,b,\n1,2\n", "line 2 has 2 fields and the header has 3"),
        (b"a,b\n1,2\n \n", "line 3 has 1 field"),
        (b'a,b\n1,2\n3,"4\n5,6\n', "begins at line 3 a quoted field doesn't end"),
        (b'a,b\n1,2\n"3"x,4\n', "begins at line 3 text follows a closing quote"),
        (b'a,b\n"say "yes"",4\n', "begins at line 2 text follows a closing quote"),
        (b"a,b\n1,\x00\n", "holds a NUL at byte 6"),
        (b"PK\x03\x04\x00\x00", "holds a NUL at byte 4"),
        (b"a,b\n1,\x81\n", "byte 6 can be read neither as UTF-8 nor as Windows-1252"),
        ("a,é\n1,".encode() + b"\xe9\n", "byte 7 is no UTF-8 and other letters are"),
        ("a,b\n".encode("utf-16") + b"x", "byte 10 can be read neither as UTF-8 nor as UTF-16"),
        ("a,b\n".encode("utf-32"), "is UTF-32"),
    ],
)
def test_a_file_that_isnt_sound_is_refused_in_one_line_that_names_the_place(
    work: Path, content: bytes, said: str
) -> None:
    assert said in problem_of(work, content)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("padding", [0, (1 << 20) - 8, (1 << 20) - 7, (1 << 20) - 6])
def test_text_is_read_in_each_encoding_also_across_blocks(
    work: Path, encoding: str, padding: int
) -> None:
    filler = "x" * padding
    text = f"name,clé\n{filler},é€\nb,naïve\n"
    table = table_of(work, text.encode(encoding))
    assert table.to_pylist() == [{"name": filler, "clé": "é€"}, {"name": "b", "clé": "naïve"}]


def test_a_quote_within_an_unquoted_field_is_a_character(work: Path) -> None:
    assert table_of(work, 'a,b\n5" pipe,37\'8"N\n').to_pylist() == [
        {"a": '5" pipe', "b": "37'8\"N"}
    ]


cells = st.text(alphabet='",\n\r\t;|\\\' aé"1-.\u2028ʤ', max_size=6)


@settings(max_examples=150, deadline=None)
@given(
    data=st.data(),
    width=st.integers(1, 4),
    line_end=st.sampled_from(["\n", "\r\n"]),
    ends=st.booleans(),
)
def test_what_is_written_as_rfc_4180_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    width: int,
    line_end: str,
    ends: bool,  # noqa: FBT001  hypothesis hands every argument over by name
) -> None:
    rows = data.draw(st.lists(st.lists(cells, min_size=width, max_size=width), max_size=6))

    def written(cell: str) -> str:
        needs = any(character in cell for character in '",\r\n;|\t') or not cell
        return '"' + cell.replace('"', '""') + '"' if needs else cell

    names = [f"h{place}" for place in range(width)]
    # A last row of text keeps every column text, so that cells compare as they were written.
    lines = [names, *rows, ["text"] * width]
    content = line_end.join(",".join(map(written, line)) for line in lines)
    table = table_of(tmp_path_factory.mktemp("csv"), content + (line_end if ends else ""))
    assert [list(row.values()) for row in table.to_pylist()] == lines[1:]


@settings(max_examples=300, deadline=None)
@given(tail=st.text(alphabet='"",,\n\r ax', max_size=20))
def test_any_text_is_read_as_a_strict_parser_reads_it_or_refused(
    tmp_path_factory: pytest.TempPathFactory, tail: str
) -> None:
    content = f"h0,h1\n{tail}"
    try:
        records = [r for r in csv.reader(io.StringIO(content, newline=""), strict=True) if r]
        expected = None if any(len(record) != 2 for record in records) else records[1:]
    except csv.Error:
        expected = None
    work = tmp_path_factory.mktemp("csv")
    if expected is None:
        problem_of(work, content)
        return
    table = table_of(work, content)
    assert [list(row.values()) for row in table.to_pylist()] == expected


def test_each_task_of_a_line_is_answered_with_a_line(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text("a\n1\n")
    (tmp_path / "bad.csv").write_text("")
    tasks = "".join(
        json.dumps(
            {
                "source": str(tmp_path / name),
                "target": str(tmp_path / f"{name}.parquet"),
                "work": str(tmp_path),
                "null_text": None,
            }
        )
        + "\n"
        for name in ("good.csv", "bad.csv", "missing.csv")
    )
    outcomes = io.StringIO()
    answer(io.StringIO(tasks), outcomes)
    good, bad, missing = (json.loads(line) for line in outcomes.getvalue().splitlines())
    assert good == {"rows": 1, "problem": None}
    assert bad["problem"].startswith("bad.csv is empty")
    assert missing["problem"] == "missing.csv can't be converted: No such file or directory."
