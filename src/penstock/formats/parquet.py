"""Parquet: row groups with a page index, zstd within, one valid file also without rows."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.errors import UnrepresentableError
from penstock.formats.columns.groups import gathered
from penstock.formats.columns.sink import Sink
from penstock.model.format import Format, Style

MAX_GROUP_ROWS = 100_000
"""As in stored datasets."""

MAX_GROUP_BYTES = 8 << 20
"""Decoded; a group is held whole while it is gathered, once more while it is written, and many
downloads run at once. Readers ask for no more than some megabytes to read in long strokes."""


def encode(batches: Iterable[pa.RecordBatch], schema: pa.Schema, style: Style) -> Iterator[bytes]:  # noqa: ARG001 (the protocol's; no dialects here)
    """Write the batches of `schema` as one Parquet file.

    The bytes depend on the rows alone, not on how they came in batches, and on pyarrow's version,
    which stands in the file. A batch that fills no row group yields no bytes. Holds a group and a
    batch decoded and a group encoded.

    Raises UnrepresentableError before anything is pulled if Parquet can't hold a column's type.
    """
    schema = schema.remove_metadata()
    sink = Sink()
    writer = _opened(sink, schema)
    for tables in gathered(batches, schema, max_rows=MAX_GROUP_ROWS, max_bytes=MAX_GROUP_BYTES):
        if not tables:
            yield sink.drain()
        while tables:
            # Not held while the next group is gathered.
            writer.write_table(tables.pop(0), row_group_size=MAX_GROUP_ROWS)
            yield sink.drain()
    writer.close()
    yield sink.drain()


def _opened(sink: Sink, schema: pa.Schema) -> pq.ParquetWriter:
    for field in schema:
        if _fails_late(field.type):
            raise _unrepresentable(field)
    try:
        return _writer(sink, schema)
    except (pa.ArrowException, OSError) as error:
        raise _unrepresentable(next(filter(_is_refused, schema))) from error


def _fails_late(kind: pa.DataType) -> bool:
    """Whether pyarrow opens a file of this type and then can't write its rows."""
    if pa.types.is_dictionary(kind):
        return bool(pa.types.is_nested(kind.value_type))
    inner = [kind.field(place).type for place in range(kind.num_fields)]
    return any(
        pa.types.is_string_view(one) or pa.types.is_binary_view(one) or _fails_late(one)
        for one in inner
    )


def _is_refused(field: pa.Field) -> bool:
    try:
        _writer(Sink(), pa.schema([field])).close()
    except (pa.ArrowException, OSError):
        return True
    return False


def _writer(sink: Sink, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(sink, schema, compression="zstd", write_page_index=True)


def _unrepresentable(field: pa.Field) -> UnrepresentableError:
    return UnrepresentableError(
        column=field.name, column_type=str(field.type), format_name=FORMAT.name
    )


FORMAT = Format(
    name="Parquet",
    media_type="application/vnd.apache.parquet",
    extension="parquet",
    nested=True,
    binary=True,
    encode=encode,
    compressible=False,
    encoding_version=2,
)
