"""A download doesn't depend on its receipt: where none can be stored, it is whole without one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.flows.service import Service, serving

from penstock.errors import BusyError
from penstock.model.receipt import Receipt
from penstock.ports import Receipts
from penstock.web.resources import Resources

ROWS = 50_000
CSV = b"n\n" + b"".join(b"%d\n" % n for n in range(ROWS))


@dataclass(slots=True)
class Failing:
    """Receipts of which some calls fail, as those of a store that is down."""

    real: Receipts
    states: frozenset[str]
    finds: bool

    def put(self, receipt: Receipt) -> None:
        if receipt.state in self.states:
            raise BusyError("down", retry_after_seconds=1)
        self.real.put(receipt)

    def get(self, tenant: str, receipt_id: str) -> Receipt:
        return self.real.get(tenant, receipt_id)

    def completed(self, tenant: str, etag: str) -> Receipt | None:
        if not self.finds:
            raise BusyError("down", retry_after_seconds=1)
        return self.real.completed(tenant, etag)


def failing(*states: str, finds: bool = True) -> Callable[[Resources], Resources]:
    def adapt(resources: Resources) -> Resources:
        receipts = Failing(resources.ports.receipts, frozenset(states), finds)
        return replace(resources, ports=replace(resources.ports, receipts=receipts))

    return adapt


@pytest.fixture
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    folder = tmp_path / "data"
    folder.mkdir()
    table = pa.table({"n": list(range(ROWS))})
    pq.write_table(table, folder / "area.parquet", row_group_size=5000)
    with serving(folder, home=tmp_path / "home", adapt=request.param) as running:
        yield running


@pytest.mark.parametrize(
    "service", [failing("streaming", "complete", "aborted", finds=False)], indirect=True
)
@pytest.mark.parametrize("extension", ["csv", "parquet", "json"])
def test_a_download_is_whole_and_names_no_receipt(service: Service, extension: str) -> None:
    answer = httpx.get(f"{service.url}/area.{extension}", timeout=30)
    assert answer.status_code == 200
    assert "download-id" not in answer.headers
    if extension == "csv":
        assert answer.content == CSV


@pytest.mark.parametrize("service", [failing("complete")], indirect=True)
def test_an_end_that_can_not_be_stored_leaves_the_download_whole(service: Service) -> None:
    answer = httpx.get(f"{service.url}/area.csv", timeout=30)
    assert answer.content == CSV
    receipt = httpx.get(f"{service.url}/-/receipts/{answer.headers['download-id']}", timeout=30)
    assert receipt.json()["state"] == "streaming"


@pytest.mark.parametrize("service", [failing(finds=False)], indirect=True)
def test_a_range_is_right_without_what_was_known_before(service: Service) -> None:
    headers = {"range": "bytes=10-19", "accept-encoding": "identity"}
    answer = httpx.get(f"{service.url}/area.csv", headers=headers, timeout=30)
    assert (answer.status_code, answer.content) == (206, CSV[10:20])
