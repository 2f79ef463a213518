import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from tests.reading_parts import dataset_of, minute, reader_over

from penstock import formats
from penstock.errors import BudgetExceededError
from penstock.model.dataset import Dataset
from penstock.model.format import Style
from penstock.model.slice import ColumnRef, Output, Slice
from penstock.reading.encoded import AnswerCaps, encoded
from penstock.reading.estimate import AT_ONCE
from penstock.reading.reader import Reader
from penstock.reading.tally import Tally

ROWS = 20_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def reader(folder: Path) -> Iterator[Reader]:
    with reader_over(folder, slots=1) as made:
        yield made


@pytest.fixture(scope="module")
def things(reader: Reader, folder: Path) -> Dataset:
    return dataset_of(reader, folder, pa.table({"n": pa.array(range(ROWS), pa.int64())}))


def pieces(reader: Reader, things: Dataset, extension: str, caps: AnswerCaps) -> Iterator[bytes]:
    return encoded(
        reader,
        things,
        Slice(outputs=(Output("n", ColumnRef("n")),)),
        written=formats.named(extension),
        style=Style(),
        allowance=minute(),
        pace=AT_ONCE,
        tally=Tally(),
        caps=caps,
    )


@pytest.mark.parametrize("extension", formats.all_formats())
@pytest.mark.parametrize(
    "caps", [AnswerCaps(rows=1000), AnswerCaps(size_bytes=5000)], ids=["rows", "bytes"]
)
def test_a_read_that_crosses_a_cap_ends_its_query_whoever_keeps_the_error(
    reader: Reader, things: Dataset, extension: str, caps: AnswerCaps
) -> None:
    with pytest.raises(BudgetExceededError) as kept:
        list(pieces(reader, things, extension, caps))
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]
    # The only slot is free again.
    with reader.slots.slot(minute()):
        assert kept.value.code == "budget-exceeded"
