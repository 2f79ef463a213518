"""The bytes of every format, pinned: whoever changes one raises that format's encoding_version.

Range requests and resumed downloads join bytes written by different releases under one ETag.
"""

import hashlib
from decimal import Decimal

import pyarrow as pa
import pytest
from tests.strategies import array_of
from tests.unit.formats.read_back import encoded

from penstock.formats import all_formats, named
from penstock.model.format import Style

DAY = 86_400
TABLE: list[tuple[str, pa.DataType, list[object]]] = [
    ("int8", pa.int8(), [1, None, -128]),
    ("uint64", pa.uint64(), [0, None, 2**64 - 1]),
    ("int64", pa.int64(), [-(2**63), None, 7]),
    ("float", pa.float32(), [0.1, None, float("nan")]),
    ("double", pa.float64(), [1e20, None, float("-inf")]),
    ("price", pa.decimal128(9, 2), [Decimal("-0.05"), None, Decimal("1234567.80")]),
    ("wide", pa.decimal128(38, 10), [Decimal("1E-10"), None, Decimal(10**20)]),
    ("flag", pa.bool_(), [True, None, False]),
    ("name", pa.string(), ['a "b", c\n', None, ""]),
    ("größe", pa.large_string(), ["\x00\\=", None, "=田"]),
    ("bytes", pa.binary(), [b"\xff\x00", None, b""]),
    ("day", pa.date32(), [-1, None, 2_932_897]),
    ("time", pa.time64("us"), [0, None, DAY * 10**6 - 1]),
    ("seconds", pa.timestamp("s"), [0, None, -1]),
    ("micros", pa.timestamp("us", "UTC"), [1_500_000, None, -1]),
    ("nanos", pa.timestamp("ns"), [1, None, 10**18]),
    ("took", pa.duration("ms"), [1_500, None, -1]),
    ("nothing", pa.null(), [None, None, None]),
    ("kind", pa.dictionary(pa.int32(), pa.string()), ["x", None, "y"]),
    ("list", pa.list_(pa.float64()), [[1.0, None], None, []]),
    ("object", pa.struct([("a", pa.string()), ("b", pa.int8())]), [{"a": '"', "b": 1}, None, {}]),
    ("map", pa.map_(pa.string(), pa.int8()), [[("k", 1)], None, []]),
]

PINNED = {
    ("csv", Style()): "1786d71661303dbc948dd9d5198fe610",
    ("csv", Style(excel=True)): "2d11d448886cd00e71dc9fbb70fed2a4",
    ("csv", Style(delimiter=";", null="NULL")): "2a79dd7ad50abb554881bdbaf1eb1cab",
    ("json", Style()): "fca96c8b2287a59e93db9cce444f29cb",
    ("ndjson", Style()): "3c1baa2d2e8056722e844d1c99660c16",
    ("ndjson", Style(int64_as_text=True)): "3fb12726c6fdfebca077ff1789894769",
}
"""A digest by format and dialect, all at encoding_version 1."""

PINNED_WITH_PYARROW = (
    "26.0.1",
    {
        "arrow": (1, "329a554d978ce6fe659390d04d2f824e"),
        "parquet": (2, "6607a40af7b649ed923aab1cb1169adb"),
    },
)
"""By format: its encoding_version and a digest. These bytes are pyarrow's own: a new pyarrow may
change them, which is a new encoding_version."""


def golden() -> pa.RecordBatch:
    columns = [array_of(values, kind) for _, kind, values in TABLE]
    return pa.RecordBatch.from_arrays(columns, names=[name for name, _, _ in TABLE])


@pytest.mark.parametrize(("written", "digest"), PINNED.items(), ids=str)
def test_text_is_written_as_it_always_was(written: tuple[str, Style], digest: str) -> None:
    extension, style = written
    data = encoded(extension, golden(), golden().slice(1), style=style)
    assert (named(extension).encoding_version, digest_of(data)) == (1, digest), data.decode()


@pytest.mark.parametrize("extension", ["arrow", "parquet"])
def test_files_of_columns_are_written_as_this_pyarrow_always_did(extension: str) -> None:
    version, digests = PINNED_WITH_PYARROW
    assert pa.__version__ == version, "pin these bytes anew and raise both encoding_versions"
    data = encoded(extension, golden(), golden().slice(1))
    assert (named(extension).encoding_version, digest_of(data)) == digests[extension]


def test_every_format_is_pinned() -> None:
    pinned = {extension for extension, _ in PINNED} | set(PINNED_WITH_PYARROW[1])
    assert pinned == set(all_formats())


def test_a_row_in_csv_looks_like_this() -> None:
    _, first, empty, last = (
        encoded("csv", golden().select(range(19))).decode().replace('\n"', '\x01"').split("\n")[:4]
    )
    assert first.replace("\x01", "\n") == (
        '1,0,-9223372036854775808,0.1,1e20,-0.05,0.0000000001,true,"a ""b"", c\n",\x00\\=,FF00,'
        "1969-12-31,00:00:00,1970-01-01T00:00:00,1970-01-01T00:00:01.500Z,"
        "1970-01-01T00:00:00.000000001,PT1.500S,,x"
    )
    assert empty == "," * 18
    assert last == (
        "-128,18446744073709551615,7,NaN,-inf,1234567.80,100000000000000000000.0000000000,false,,"
        "=田,,10000-01-01,23:59:59.999999,1969-12-31T23:59:59,1969-12-31T23:59:59.999999Z,"
        "2001-09-09T01:46:40,-PT0.001S,,y"
    )


def digest_of(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
