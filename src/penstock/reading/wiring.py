"""Wiring: settings, ports and an engine become the reader that a process shares."""

from penstock.ports import Ports
from penstock.reading.engine import Engine
from penstock.reading.reader import Reader
from penstock.reading.slots import ScanSlots
from penstock.reading.workers import Workers
from penstock.settings import Settings


def reader_of(settings: Settings, ports: Ports, engine: Engine, workers: Workers) -> Reader:
    """Give what all scans of a process share."""
    return Reader(
        engine=engine,
        slots=ScanSlots(
            slots=settings.scan_slots,
            queue=settings.scan_queue,
            wait_seconds=settings.scan_wait_seconds,
        ),
        workers=workers,
        is_stored=ports.catalog.is_stored,
        batch_rows=settings.batch_rows,
    )
