"""An engine that may read below the test's own folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.reading.engine import Engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(
        roots=[tmp_path],
        spill_dir=tmp_path / "spill",
        memory_bytes=100_000_000,
        threads=1,
        queries=1,
        spill_bytes=1_000_000,
    )
    yield engine
    engine.close()
