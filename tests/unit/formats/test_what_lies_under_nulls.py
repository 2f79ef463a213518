import pyarrow as pa
import pytest

from penstock import formats
from penstock.model.format import Style


def _numbers(under: int) -> pa.Array:
    """1, null and 3, with `under` in the memory of the null."""
    validity = pa.py_buffer(bytes([0b101]))
    values = pa.array([1, under, 3], pa.int32()).buffers()[1]
    return pa.Array.from_buffers(pa.int32(), 3, [validity, values], null_count=1)


def _struct(under: int) -> pa.Array:
    return pa.StructArray.from_arrays([_numbers(under)], names=["n"])


def _map(under: int) -> pa.Array:
    return pa.MapArray.from_arrays([0, 1, 3], pa.array(["a", "b", "c"]), _numbers(under))


MADE = {
    "number": _numbers,
    "struct": _struct,
    "struct of struct": lambda under: pa.StructArray.from_arrays([_struct(under)], names=["s"]),
    "list": lambda under: pa.ListArray.from_arrays([0, 1, 3], _numbers(under)),
    "list with null": lambda under: pa.ListArray.from_arrays([0, None, 3], _numbers(under)),
    "list of struct": lambda under: pa.ListArray.from_arrays([0, 1, 3], _struct(under)),
    "map": _map,
}


@pytest.mark.parametrize("extension", ["arrow", "parquet"])
@pytest.mark.parametrize("made", MADE)
def test_what_lies_under_a_null_changes_no_byte(made: str, extension: str) -> None:
    def written(under: int) -> bytes:
        batch = pa.RecordBatch.from_arrays([MADE[made](under)], names=["a"])
        return b"".join(formats.named(extension).encode([batch], batch.schema, Style()))

    assert written(7) == written(99)


@pytest.mark.parametrize("extension", ["arrow", "parquet"])
@pytest.mark.parametrize(
    "values", [[1, 2, 3], ["a", "bb", "ccc"], [1.5, None, 2.5], [[1], [2], []]]
)
def test_what_lies_beside_a_slice_changes_no_byte(values: list[object], extension: str) -> None:
    def written(batch: pa.RecordBatch) -> bytes:
        return b"".join(formats.named(extension).encode([batch], batch.schema, Style()))

    whole = pa.record_batch({"a": values})
    for start, stop in ((0, 1), (1, 2), (1, 3), (0, 0)):
        alone = pa.record_batch({"a": pa.array(values[start:stop], whole.schema.field(0).type)})
        assert written(whole.slice(start, stop - start)) == written(alone)
