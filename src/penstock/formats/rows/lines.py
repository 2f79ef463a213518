"""Lines: rows as NDJSON by Rust's writer, the fastest for text, integers and floats."""

from io import BytesIO

import arro3.io
import pyarrow as pa

from penstock.formats.rows.cells import cells, is_scalar, is_text
from penstock.formats.rows.values import finite, is_int64
from penstock.formats.rows.weave import glue

_types = pa.types


def is_quick(schema: pa.Schema) -> bool:
    """Whether Rust's writer is the faster one for these columns: none nested, none a decimal.

    A name goes over as a C string (Arrow's C data interface), which ends at a NUL: then it isn't.
    """
    return len(schema) > 0 and all(
        is_scalar(field.type) and not _types.is_decimal(field.type) and "\0" not in field.name
        for field in schema
    )


def lines(batch: pa.RecordBatch, *, int64_as_text: bool) -> memoryview:
    """Write what weaving gives, for `plain` columns that are quick.

    The bytes are the same but for large and small floats: `1.0e16`, not `1e16`. Moments and bytes
    go in as text: Rust's own text of them is slower, and fails for some years.
    """
    columns = [_handed_over(column, int64_as_text=int64_as_text) for column in batch.columns]
    named = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
    sink = BytesIO()
    arro3.io.write_ndjson(named, sink, explicit_nulls=True)
    return sink.getbuffer()


def _handed_over(column: pa.Array, *, int64_as_text: bool) -> pa.Array:
    kind = column.type
    if _types.is_floating(kind):
        return finite(column)
    is_number = _types.is_integer(kind) and not (int64_as_text and is_int64(kind))
    if is_number or is_text(kind) or _types.is_boolean(kind) or _types.is_null(kind):
        return column
    parts = cells(column).parts
    return parts[0] if len(parts) == 1 else glue(parts, keep_nulls=True)
