"""Demo files: what makes each demo dataset, written in threads."""

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from penstock.local.atomic import sync_folder
from penstock.local.demo import planning, water
from penstock.reading.dataset_files import write_parquet

_THREADS = 2

_MAKERS: Mapping[str, Callable[[], Iterator[pa.Table]]] = {
    "conservation-area": planning.conservation_area,
    "organisation": planning.organisation,
    "planning-application": planning.planning_application,
    "premium-pay": planning.premium_pay,
    "river-level": water.river_level,
    "station": water.station,
    "ship-arrival": water.ship_arrival,
}


def write_files(paths: Sequence[Path]) -> None:
    """Write the demo datasets that these files are named after, each file whole or not at all.

    The memory that this took is given back. Raises OSError if one can't be written.
    """
    with ThreadPoolExecutor(_THREADS) as threads:
        deque(threads.map(_write, paths), maxlen=0)
    # The pool would keep more than 100 MB for a server that never writes so much again.
    pa.default_memory_pool().release_unused()


def _write(path: Path) -> None:
    # One name, so that what an interrupted run left is written over.
    temporary = path.with_name(f".{path.name}.tmp")
    parts = _MAKERS[path.stem]()
    first = next(parts)
    batches = (batch for part in itertools.chain([first], parts) for batch in part.to_batches())
    write_parquet(temporary, schema=first.schema, batches=batches)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)
