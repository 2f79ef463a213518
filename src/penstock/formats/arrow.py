"""Arrow: an IPC stream, one message a batch."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from penstock.formats.columns.sink import Sink
from penstock.model.format import Format, Style


def encode(batches: Iterable[pa.RecordBatch], schema: pa.Schema, style: Style) -> Iterator[bytes]:  # noqa: ARG001 (the protocol's; no dialects here)
    """Write the batches of `schema` as one Arrow IPC stream, each as it comes.

    The same rows in the same batches are the same bytes: what lies under a null is written as
    zeros. Holds one batch and its message.
    """
    schema = schema.remove_metadata()
    sink = Sink()
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            columns = [_clean(column) for column in batch.columns]
            if columns:
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
            yield sink.drain()
    yield sink.drain()


def _clean(column: pa.Array) -> pa.Array:
    """Copy what lies under nulls or beside a slice out of a column: it would be sent, too."""
    kind = column.type
    if pa.types.is_struct(kind) and len(kind):
        children = [_clean(child) for child in column.flatten()]
        return pa.StructArray.from_arrays(children, fields=list(kind), mask=column.is_null())
    if column.null_count == 0 and not (pa.types.is_boolean(kind) or pa.types.is_nested(kind)):
        is_whole = column.nbytes == column.get_total_buffer_size()
        return column if is_whole else pa.concat_arrays([column])
    try:
        return pc.take(column, pa.array(range(len(column)), pa.int32()), boundscheck=False)
    except pa.ArrowNotImplementedError:  # views, whose nulls lead nowhere, and unions
        return column


FORMAT = Format(
    name="Arrow",
    media_type="application/vnd.apache.arrow.stream",
    extension="arrow",
    nested=True,
    binary=True,
    encode=encode,
)
