"""Answers in every format, read back into plain values, and compared with what was expected."""

import csv
import io
import json
import math
import uuid
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tests.flows.slices_evaluation import Asked, Output, moment
from tests.flows.slices_fields import UNITS, single
from tests.flows.slices_tables import Table

Rows = list[tuple[Any, ...]]

NULL_TEXT = "∅"
"""Stands for null in CSV: no generated text is it."""


def read_arrow(body: bytes, outputs: Sequence[Output], table: Table) -> Rows:
    """Read an IPC stream."""
    with pa.ipc.open_stream(body) as stream:
        return _columns(stream.read_all(), outputs, table)


def read_parquet(body: bytes, outputs: Sequence[Output], table: Table) -> Rows:
    """Read a Parquet file."""
    with pq.ParquetFile(io.BytesIO(body)) as file:
        return _columns(file.read(), outputs, table)


def read_ndjson(body: bytes, outputs: Sequence[Output], table: Table) -> Rows:
    """Read one object a line; every line has every column, in order."""
    lines = body.decode().split("\n")
    assert lines.pop() == ""
    return [_object(_json(line), outputs, table) for line in lines]


def read_json(body: bytes, outputs: Sequence[Output], table: Table) -> Rows:
    """Read one array of objects."""
    return [_object(item, outputs, table) for item in _json(body.decode())]


def read_csv(body: bytes, outputs: Sequence[Output], table: Table) -> Rows:
    """Read CSV that was asked for with `_null` as above."""
    lines = csv.reader(io.StringIO(body.decode(), newline=""), strict=True)
    assert next(lines) == [output.name for output in outputs]
    return [
        tuple(
            None if text == NULL_TEXT else _from_text(text, output, table)
            for text, output in zip(line, outputs, strict=True)
        )
        for line in lines
    ]


def difference(expected: Rows, got: Rows, asked: Asked, *, exact: bool) -> str | None:
    """Say where two answers differ; not `exact`: of a format without NaN and infinities."""
    if len(expected) != len(got):
        return f"{len(expected)} rows were expected and {len(got)} came"
    for place, (wanted, came) in enumerate(zip(expected, got, strict=True)):
        for output, left, right in zip(asked.outputs, wanted, came, strict=True):
            if not _same(left, right, inexact=output.inexact, exact=exact):
                return f"row {place}, {output.name!r}: {left!r} was expected and {right!r} came"
    return None


def _same(left: Any, right: Any, *, inexact: bool, exact: bool) -> bool:
    if isinstance(left, float):
        if not exact and not math.isfinite(left):
            return right is None
        if not isinstance(right, float):
            return False
        if math.isnan(left) or math.isnan(right):
            return math.isnan(left) and math.isnan(right)
        if inexact:
            return math.isclose(left, right, rel_tol=1e-6, abs_tol=1e-9)
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return bool(left == right) and (left is None) == (right is None)


def _columns(found: pa.Table, outputs: Sequence[Output], table: Table) -> Rows:
    assert found.schema.names == [output.name for output in outputs]
    columns = [
        list(_plain(chunk_of, output, table))
        for chunk_of, output in zip(found.columns, outputs, strict=True)
    ]
    return list(zip(*columns, strict=True))


def _plain(column: pa.ChunkedArray, output: Output, table: Table) -> Iterator[Any]:
    kind, types = column.type, pa.types
    if types.is_timestamp(kind) or types.is_time(kind):
        width = pa.int32() if types.is_time32(kind) else pa.int64()
        unit = UNITS[kind.unit]
        for chunk in column.chunks:
            for value in chunk.view(width).to_pylist():
                yield None if value is None else value * unit
        return
    for value in column.to_pylist():
        if value is None:
            yield None
        elif output.kind == "uuid":
            yield str(value) if not isinstance(value, bytes) else str(uuid.UUID(bytes=value))
        elif output.kind == "integer":
            yield int(value)
        elif output.kind == "nested":
            yield nested(value, kind)
        else:
            yield value


def nested(value: Any, stored: pa.DataType) -> Any:
    """Give nested values as JSON has them: a map's pairs become an object, moments become text."""
    types = pa.types
    if value is None:
        return None
    if types.is_map(stored):
        return {key: nested(item, stored.item_type) for key, item in value}
    if types.is_list(stored):
        return [nested(item, stored.value_type) for item in value]
    if types.is_struct(stored):
        return {field.name: nested(value[field.name], field.type) for field in stored}
    if types.is_floating(stored):
        return value if math.isfinite(value) else None
    if types.is_binary(stored):
        return value.hex().upper()
    if types.is_date(stored) or types.is_timestamp(stored):
        return str(value.isoformat()).replace("+00:00", "Z")
    return value


class _Digits(str):
    """A number of JSON as it was written."""

    __slots__ = ()


def _json(text: str) -> Any:
    return json.loads(text, parse_float=_Digits, parse_int=_Digits, object_pairs_hook=_pairs)


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON with the order of its keys."""


def _pairs(pairs: list[tuple[str, Any]]) -> _Pairs:
    return _Pairs(pairs)


def _object(pairs: Any, outputs: Sequence[Output], table: Table) -> tuple[Any, ...]:
    assert isinstance(pairs, _Pairs)
    assert [name for name, _ in pairs] == [output.name for output in outputs]
    return tuple(
        _from_json(value, output, table) for (_, value), output in zip(pairs, outputs, strict=True)
    )


def _from_json(value: Any, output: Output, table: Table) -> Any:
    if value is None:
        return None
    if output.kind == "nested":
        return _nested_json(value, _field(output, table).stored)
    if output.kind == "boolean":
        assert isinstance(value, bool)
        return value
    is_number = output.kind in {"integer", "decimal", "float"}
    assert isinstance(value, _Digits) == is_number
    return _from_text(str(value), output, table)


def _nested_json(value: Any, stored: pa.DataType) -> Any:
    types = pa.types
    if value is None:
        return None
    if types.is_map(stored):
        return {key: _nested_json(item, stored.item_type) for key, item in value}
    if types.is_list(stored):
        return [_nested_json(item, stored.value_type) for item in value]
    if types.is_struct(stored):
        assert [key for key, _ in value] == [field.name for field in stored]
        return {
            field.name: _nested_json(item, field.type)
            for field, (_, item) in zip(stored, value, strict=True)
        }
    if isinstance(value, _Digits):
        if types.is_decimal(stored):
            assert Decimal(value).as_tuple().exponent == -stored.scale
            return Decimal(value)
        return float(value) if types.is_floating(stored) else int(value)
    return value


def _from_text(text: str, output: Output, table: Table) -> Any:
    match output.kind:
        case "integer":
            return int(text)
        case "decimal":
            return _decimal(text, output, table)
        case "float":
            number = float(text)
            is_single = output.function in {None, "min", "max"} and _field(output, table).is_single
            return single(number) if is_single else number
        case "boolean":
            return {"true": True, "false": False}[text]
        case "date":
            return date.fromisoformat(text)
        case "time":
            return _clock(text)
        case "timestamp":
            return _moment(text)
        case "timestamptz":
            assert text.endswith("Z")
            return _moment(text.removesuffix("Z"))
        case "binary":
            assert text == text.upper()
            return bytes.fromhex(text)
        case "nested":
            return _nested_json(_json(text), _field(output, table).stored)
        case _:
            return text


def _decimal(text: str, output: Output, table: Table) -> Decimal:
    value = Decimal(text)
    scale = _field(output, table).stored.scale
    assert value.as_tuple().exponent == -scale, f"{text} has not {scale} places"
    return value


def _field(output: Output, table: Table) -> Any:
    return table.by_name[output.column or ""]


def _moment(text: str) -> int:
    day, between, clock = text.partition("T")
    assert between == "T"
    return moment(date.fromisoformat(day)) + _clock(clock)


def _clock(text: str) -> int:
    seconds, _, fraction = text.partition(".")
    hour, minute, second = (int(part) for part in seconds.split(":"))
    return (hour * 3600 + minute * 60 + second) * 10**9 + int(fraction.ljust(9, "0") or 0)
