"""Two tenants on one service: `acme`, who is asked, and `brook`, whose data nobody may find."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pyarrow as pa
from tests.flows.service import Service, serving
from tests.flows.tenant_homes import add_tenant, datasets_of, store

from penstock.local.datasets.publish import publish
from penstock.model.tenant import Tenant

ACME = "acme.example"
BROOK = "brook.example"
SECRETS = (b"canary-of-brook", b"canary-of-vault", b"brook-only")
"""What stands in the other tenant's data alone, and the name of its own dataset."""

NAMES = pa.table({"name": ["ash", "oak", "elm"], "n": [1, 2, 3]})
BROOKS = pa.table({"name": ["canary-of-brook", "oak", "elm"], "n": [7, 8, 9]})
VAULT = pa.table({"name": ["canary-of-vault"], "n": [42]})


@dataclass(frozen=True, slots=True, kw_only=True)
class Two:
    """The service with both tenants, and one client that names a host with every request."""

    service: Service
    client: httpx.Client
    home: Path

    def get(
        self, path: str, *, host: str = ACME, method: str = "GET", **more: str
    ) -> httpx.Response:
        return self.client.request(method, path, headers={"host": host, **more})


@contextmanager
def two_tenants(folder: Path) -> Iterator[Two]:
    """Serve both, with links from one to the other and a private dataset each."""
    home = folder / "home"
    add_tenant(home, Tenant(id="acme", hosts=(ACME, "acme.localhost"), title="Acme"))
    add_tenant(home, Tenant(id="brook", hosts=(BROOK,), title="Brook"))
    for tenant, table in (("acme", NAMES), ("brook", BROOKS)):
        store(home, tenant, "area", table)
        for version in ("v-1", "v-2"):
            publish(
                home / "store",
                tenant=tenant,
                dataset="plan",
                version=version,
                parts=[table],
                published=datetime(2024, 5, 1, tzinfo=UTC),
            )
    store(home, "brook", "brook-only", BROOKS)
    store(home, "brook", "vault", VAULT, private=True)
    store(home, "acme", "secret", VAULT, private=True)
    brooks = datasets_of(home, "brook")
    own = datasets_of(home, "acme")
    (own / "linked.parquet").symlink_to(brooks / "brook-only.parquet")
    (own / "relative.parquet").symlink_to("../../brook/datasets/brook-only.parquet")
    (own / "folder").symlink_to(brooks / "plan")
    (own / "up").symlink_to(brooks)
    (own / "half").mkdir()
    (own / "half" / "current").write_text("v-1\n")
    (own / "half" / "v-1").symlink_to(brooks / "plan" / "v-1")
    (own / "current-of-brook").mkdir()
    (own / "current-of-brook" / "current").symlink_to(brooks / "plan" / "current")
    with (
        serving(None, home=home) as service,
        httpx.Client(base_url=service.url, timeout=20) as client,
    ):
        yield Two(service=service, client=client, home=home)


def assert_tells_nothing(body: bytes) -> None:
    """Fail if anything of the other tenant stands in what was answered."""
    for secret in SECRETS:
        assert secret not in body
