"""Demo tenants: three made-up organisations with generated data, to try the service on."""

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from penstock.errors import SetupError
from penstock.local import demo_planning, demo_water
from penstock.local.atomic import exclusive, private_folder, replace_file, sync_folder
from penstock.local.private import set_private
from penstock.model.tenant import Tenant
from penstock.reading.engine.convert_parquet import write_parquet

VERSION = 2
"""Counts up whenever the demo data change: older ones are then replaced at the next start."""

PRIVATE = {"demo": "premium-pay"}
"""The one private dataset of a tenant."""

_THREADS = 2

_DATASETS: Mapping[str, Mapping[str, Callable[[], Iterator[pa.Table]]]] = {
    "demo": {
        "conservation-area": demo_planning.conservation_area,
        "organisation": demo_planning.organisation,
        "planning-application": demo_planning.planning_application,
        "premium-pay": demo_planning.premium_pay,
    },
    "demo-river": {"river-level": demo_water.river_level, "station": demo_water.station},
    "demo-harbour": {"ship-arrival": demo_water.ship_arrival},
}


def demo_tenants() -> list[Tenant]:
    """Give the demo tenants, each under its own host of this machine."""
    return [
        Tenant(
            id="demo",
            hosts=("localhost", "127.0.0.1", "[::1]"),
            title="Corve Vale Planning (demo)",
        ),
        Tenant(id="demo-river", hosts=("river.localhost",), title="Elver River Watch (demo)"),
        Tenant(id="demo-harbour", hosts=("harbour.localhost",), title="Sedgeness Harbour (demo)"),
    ]


def ensure_demo(home: Path) -> None:
    """Make sure that every demo dataset stands under `{home}/store`, whole and of this version.

    What is there already isn't made again. Each file is the same, byte for byte, wherever it is
    made. An interrupted making is done anew by the next call. Holds about 100,000 rows.

    Raises SetupError if the home folder can't be written.
    """
    stamp = home / "demo-version.txt"
    files = {
        home / "store" / tenant / "datasets" / f"{name}.parquet": make
        for tenant, datasets in _DATASETS.items()
        for name, make in datasets.items()
    }
    if _is_made(stamp, files):
        return
    private_folder(home)
    with exclusive(home / "demo.lock"):
        if _is_made(stamp, files):
            return
        try:
            stamp.unlink(missing_ok=True)
            for tenant in _DATASETS:
                folder = home / "store" / tenant
                private_folder(folder / "datasets")
                # First of all, so that what is private is never seen without it.
                if tenant in PRIVATE:
                    set_private(folder, dataset=PRIVATE[tenant], private=True)
            with ThreadPoolExecutor(_THREADS) as threads:
                deque(threads.map(_write, files.keys(), files.values()), maxlen=0)
        except OSError as error:
            raise SetupError(f"The demo data can't be written: {error}.") from error
        replace_file(stamp, _STAMP)
    # The pool would keep more than 100 MB for a server that never writes so much again.
    pa.default_memory_pool().release_unused()


_STAMP = f"{VERSION}\n".encode()


def _is_made(stamp: Path, files: Mapping[Path, object]) -> bool:
    try:
        return stamp.read_bytes() == _STAMP and all(path.is_file() for path in files)
    except OSError:
        return False


def _write(path: Path, make: Callable[[], Iterator[pa.Table]]) -> None:
    # One name, so that what an interrupted run left is written over.
    temporary = path.with_name(f".{path.name}.tmp")
    parts = make()
    first = next(parts)
    batches = (batch for part in itertools.chain([first], parts) for batch in part.to_batches())
    write_parquet(temporary, schema=first.schema, batches=batches)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)
