"""A reader over the folder of a whole module of tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.reading_parts import reader_over

from penstock.reading.reader import Reader


@pytest.fixture(scope="module")
def reader(root: Path) -> Iterator[Reader]:
    with reader_over(root) as made:
        yield made
