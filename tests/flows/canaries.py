"""A client that looks for what no answer may hold: the text of files outside the store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
from tests.flows.hostile_texts import SQL
from tests.flows.raw_requests import RawAnswer, get_raw
from tests.flows.service import Service, serving
from tests.flows.tenant_homes import add_tenant, store

from penstock.model.tenant import Tenant

CANARY = "canary-outside-the-store"
NAMES = pa.table({"name": ["ash", "oak", "elm"], "n": [1, 2, 3], "size": [0.5, 1.5, None]})


class Asking:
    """A client that looks for the canary, and for files of the machine, in all that it gets."""

    def __init__(self, service: Service, client: httpx.Client, outside: Path) -> None:
        self.service = service
        self.outside = outside
        self._client = client

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask; a header's `_` stands for its `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self._client.get(path, headers=named)
        assert_clean(answer.content)
        for name, value in answer.headers.multi_items():
            assert_clean(f"{name}: {value}".encode())
            assert "\r" not in value
            assert "\n" not in value
        return answer

    def query(self, key: str, value: str, *, dataset: str = "area") -> httpx.Response:
        """Ask with one pair in the query."""
        return self.get(f"/{dataset}.csv?{quote(key, safe='')}={quote(value, safe='')}")

    def raw(self, target: bytes, headers: bytes = b"") -> RawAnswer | None:
        """Ask for a target as it stands."""
        answer = get_raw(self.service.port, target, headers=headers)
        if answer is not None:
            assert_clean(answer.body)
        return answer

    def is_well(self) -> bool:
        """Whether the service answers as before."""
        return self.get("/area.csv").text == "name,n,size\nash,1,0.5\noak,2,1.5\nelm,3,\n"


def assert_clean(content: bytes) -> None:
    """Fail if a file outside the store, or the service's own inside, stands in an answer."""
    assert CANARY.encode() not in content
    assert b"root:x:0" not in content
    assert b"Traceback" not in content
    assert b"site-packages" not in content


@contextmanager
def canaries_around(outside: Path) -> Iterator[Asking]:
    """Serve a store with files around it that nobody may read."""
    home = outside / "home"
    add_tenant(home, Tenant(id="acme", hosts=("localhost",)))
    store(home, "acme", "area", NAMES)
    store(home, "acme", "texts", pa.table({"name": SQL, "n": list(range(len(SQL)))}))
    stolen = pa.table({"name": [CANARY]})
    for place in (outside, home, home / "store", home / "store" / "acme"):
        pq.write_table(stolen, place / "canary.parquet")
        (place / "canary.csv").write_text(f"name\n{CANARY}\n")
        (place / "canary.txt").write_text(CANARY)
    with (
        serving(None, home=home) as service,
        httpx.Client(base_url=service.url, timeout=20) as client,
    ):
        yield Asking(service, client, outside)
