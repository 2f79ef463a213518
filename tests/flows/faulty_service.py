"""A service whose reads fail when a test says so, and what its answers must be then."""

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tests.flows.faulty_parts import Fault
from tests.flows.raw_exchange import Exchange, ask
from tests.flows.service import Service, serving

from penstock.errors import DatasetDamagedError

BATCH_ROWS = 32
SECRET = "what the log alone may tell"


def fat_table(batches: int) -> pa.Table:
    """Batches of 320 KB that hardly compress, so that each one reaches the client by itself."""
    chance = random.Random(1)
    rows = batches * BATCH_ROWS
    texts = [chance.randbytes(5000).hex() for _ in range(rows)]
    return pa.table({"n": pa.array(range(rows), pa.int64()), "text": texts})


@dataclass(frozen=True, kw_only=True)
class Faulty:
    """A service, what goes wrong in it, and what it sends when nothing does."""

    service: Service
    fault: Fault
    truth: dict[tuple[str, str], bytes] = field(default_factory=dict)
    turns: Iterator[int] = field(default_factory=count)

    def new_target(self, extension: str) -> str:
        """Spell a query that nobody asked yet, so that nothing is known of its answer."""
        return f"/fat.{extension}?n__gte=-{next(self.turns)}"

    def ask(
        self,
        target: str,
        coding: str = "identity",
        *,
        headers: Mapping[str, str] | None = None,
        version: str = "1.1",
    ) -> Exchange:
        sent = {"Accept-Encoding": coding} | dict(headers or {})
        return ask(self.service.port, target, headers=sent, version=version)

    def whole(self, extension: str, coding: str) -> bytes:
        """All the bytes there are, under every spelling of the query."""
        if (extension, coding) not in self.truth:
            self.fault.clear()
            faultless = self.ask(self.new_target(extension), coding)
            assert (faultless.status, faultless.whole) == (200, True)
            self.truth[extension, coding] = faultless.body
        return self.truth[extension, coding]

    def receipt_state(self, exchange: Exchange) -> object:
        receipt = ask(self.service.port, f"/-/receipts/{exchange.headers['download-id']}")
        return json.loads(receipt.body)["state"]


@contextmanager
def faulty_service(
    folder: Path, *, batches: int, group_batches: int, spool_bytes: int
) -> Iterator[Faulty]:
    """Serve a fat table, with every part in which a test may put a fault."""
    data = folder / "data"
    data.mkdir()
    group_rows = group_batches * BATCH_ROWS
    pq.write_table(fat_table(batches), data / "fat.parquet", row_group_size=group_rows)
    fault = Fault()
    with serving(
        data,
        home=folder / "home",
        adapt=fault.adapt,
        batch_rows=BATCH_ROWS,
        spool_bytes=spool_bytes,
    ) as service:
        yield Faulty(service=service, fault=fault)


def damaged() -> BaseException:
    """What a read raises that comes upon a broken page."""
    return DatasetDamagedError("fat", reason=SECRET)


def assert_visible(exchange: Exchange, truth: bytes) -> None:
    """A 5xx problem, or the beginning of the truth on a connection that broke."""
    if exchange.status >= 500:
        assert exchange.whole
        assert exchange.problem["status"] == exchange.status
        assert "download-id" not in exchange.headers
    else:
        assert exchange.status == 200
        assert not exchange.whole
        assert truth.startswith(exchange.body)
