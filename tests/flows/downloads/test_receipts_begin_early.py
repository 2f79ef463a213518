"""A receipt is stored while it is still decided what is answered, and ended where nothing is."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.flows.service import Service, serving

from penstock.model.receipt import Receipt
from penstock.ports import Receipts
from penstock.web.resources import Resources

PATIENCE_SECONDS = 30


@dataclass(slots=True)
class Noted:
    """The real receipts; what is stored is noted."""

    real: Receipts
    stored: list[Receipt] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def put(self, receipt: Receipt) -> None:
        self.real.put(receipt)
        with self.changed:
            self.stored.append(receipt)
            self.changed.notify_all()

    def get(self, tenant: str, receipt_id: str) -> Receipt:
        return self.real.get(tenant, receipt_id)

    def completed(self, tenant: str, etag: str) -> Receipt | None:
        return self.real.completed(tenant, etag)

    def states(self, count: int) -> list[str]:
        """Wait for so many, and give their states."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.stored) >= count, PATIENCE_SECONDS)
            assert len({receipt.id for receipt in self.stored}) == 1
            return [receipt.state for receipt in self.stored]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noting:
    service: Service
    noted: Noted


@pytest.fixture
def noting(tmp_path: Path) -> Iterator[Noting]:
    folder = tmp_path / "data"
    folder.mkdir()
    pq.write_table(pa.table({"n": list(range(50_000))}), folder / "area.parquet")
    made: list[Noted] = []

    def adapt(resources: Resources) -> Resources:
        made.append(Noted(resources.ports.receipts))
        return replace(resources, ports=replace(resources.ports, receipts=made[0]))

    with serving(folder, home=tmp_path / "home", adapt=adapt, response_bytes=50_000) as service:
        yield Noting(service=service, noted=made[0])


def test_a_download_that_is_refused_leaves_an_ended_receipt(noting: Noting) -> None:
    answer = httpx.get(f"{noting.service.url}/area.csv?n__gte=100", timeout=30)
    assert answer.status_code == 413
    assert "download-id" not in answer.headers
    assert noting.noted.states(2) == ["streaming", "aborted"]


def test_a_download_has_one_receipt(noting: Noting) -> None:
    answer = httpx.get(f"{noting.service.url}/area.csv?n__lt=100", timeout=30)
    assert answer.status_code == 200
    assert noting.noted.states(2) == ["streaming", "complete"]
    assert noting.noted.stored[0].id == answer.headers["download-id"]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_what_has_no_body_has_no_receipt(noting: Noting, method: str) -> None:
    url = f"{noting.service.url}/area.csv?n__lt=100"
    assert httpx.request(method, url, timeout=30).status_code < 300
    etag = httpx.head(url).headers["etag"]
    assert httpx.get(url, headers={"if-none-match": etag}).status_code == 304
    assert noting.noted.stored == []
