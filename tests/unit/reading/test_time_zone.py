"""Instants mean the same on every machine, whatever its time zone."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from datetime import UTC, date, datetime
import pyarrow as pa
from penstock.formats import named
from penstock.model.format import Style
from penstock.model.slice import ColumnRef, OnDay, Slice, everything
from penstock.reading.encoded import AnswerCaps, encoded
from penstock.reading.estimate import AT_ONCE
from penstock.reading.tally import Tally
from tests.reading_parts import dataset_of, minute, reader_over

late = datetime(2024, 5, 1, 23, 30, tzinfo=UTC)
table = pa.table({"seen": pa.array([late], pa.timestamp("us", "UTC"))})
with reader_over(Path(sys.argv[1])) as reader:
    dataset = dataset_of(reader, Path(sys.argv[1]), table)
    on_day = OnDay(ColumnRef("seen"), date(2024, 5, 1))
    wanted = Slice(outputs=everything(("seen",)).outputs, predicate=on_day)
    for extension in ("csv", "arrow"):
        pieces = encoded(
            reader, dataset, wanted, written=named(extension), style=Style(), allowance=minute(),
            pace=AT_ONCE, tally=Tally(), caps=AnswerCaps(),
        )
        sys.stdout.buffer.write(b"".join(pieces))
"""


def answers(folder: Path, zone: str) -> bytes:
    folder.mkdir()
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)],
        env=os.environ | {"TZ": zone, "PYTHONPATH": str(Path(__file__).parents[3])},
        check=True,
        stdout=subprocess.PIPE,
    ).stdout


def test_an_answer_is_the_same_in_every_time_zone(tmp_path: Path) -> None:
    here = answers(tmp_path / "utc", "UTC")
    assert here.startswith(b"seen\n2024-05-01T23:30:00")
    assert answers(tmp_path / "sydney", "Australia/Sydney") == here
