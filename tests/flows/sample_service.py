"""One tenant with small datasets of every shape, served for tests of what answers look like."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pyarrow as pa
from tests.flows.service import Service, serving
from tests.flows.tenant_homes import add_tenant, store

from penstock.local.datasets.publish import publish
from penstock.model.tenant import Tenant

ROWS = 30_000
SPOOL_BYTES = 300_000
"""Less than the large dataset is in any format, more than a slice of it."""

QUALITIES = ("authoritative", "some", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The service, and a client that takes what comes as it is sent."""

    service: Service
    client: httpx.Client
    home: Path

    def get(self, path: str, *, method: str = "GET", **headers: str) -> httpx.Response:
        """Ask; a header's `_` stands for its `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.request(method, path, headers=named)

    def raw(self, path: str, **headers: str) -> tuple[httpx.Response, bytes]:
        """Ask, and give the bytes as they are coded."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with self.client.stream("GET", path, headers=named) as answer:
            return answer, b"".join(answer.iter_raw())


def area() -> pa.Table:
    """Make the large dataset: text with commas and quotes, numbers, dates, nulls."""
    start = date(2020, 1, 1)
    return pa.table(
        {
            "reference": [f"CA{n:05}" for n in range(ROWS)],
            "organisation-entity": [n % 37 for n in range(ROWS)],
            "quality": [QUALITIES[n % 3] for n in range(ROWS)],
            "name": [None if n % 10 == 0 else f'“{n}”, "old" town' for n in range(ROWS)],
            "start-date": [start + timedelta(days=n % 900) for n in range(ROWS)],
            "size": pa.array([Decimal(n) / 100 for n in range(ROWS)], pa.decimal128(10, 2)),
            "score": [n / 7 for n in range(ROWS)],
        }
    )


def ten() -> pa.Table:
    """Make ten rows in which every second letter is the same."""
    return pa.table({"n": list(range(10)), "letter": [*"abababab", None, None]})


@contextmanager
def sample_service(folder: Path) -> Iterator[Sample]:
    """Serve `area`, `ten`, `none`, `plan` (versions v-1 and v-2) and the private `secret`."""
    home = folder / "home"
    add_tenant(home, Tenant(id="acme", hosts=("localhost",), title="Acme"))
    store(home, "acme", "area", area(), row_group_rows=5_000)
    store(home, "acme", "ten", ten(), row_group_rows=4)
    store(home, "acme", "none", ten().slice(0, 0))
    store(home, "acme", "secret", ten(), private=True)
    for version, table in (("v-1", ten().slice(0, 5)), ("v-2", ten())):
        publish(
            home / "store",
            tenant="acme",
            dataset="plan",
            version=version,
            parts=[table],
            published=datetime(2024, 5, 1, 12, 30, tzinfo=UTC),
        )
    with (
        serving(None, home=home, spool_bytes=SPOOL_BYTES) as service,
        httpx.Client(
            base_url=service.url, timeout=30, headers={"accept-encoding": "identity"}
        ) as client,
    ):
        yield Sample(service=service, client=client, home=home)
