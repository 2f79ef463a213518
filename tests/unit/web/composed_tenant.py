"""One tenant's datasets through the real composition, for what is answered about them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.local.compose import compose
from penstock.local.opened_store import ServedPath
from penstock.model.key import new_key
from penstock.settings import Settings
from penstock.web.front.identity import Asker
from penstock.web.resources import Resources


@contextmanager
def tenant_with(
    home: Path, *, title: str = "Acme", private: tuple[str, ...] = (), **tables: pa.Table | bytes
) -> Iterator[Resources]:
    """Compose the tenant `acme`; bytes in place of a table are a file as it is."""
    folder = home / "store" / "acme" / "datasets"
    folder.mkdir(parents=True)
    for name, table in tables.items():
        path = folder / f"{name.replace('_', '-')}.parquet"
        if isinstance(table, bytes):
            path.write_bytes(table)
        else:
            pq.write_table(table, path)
    if private:
        (folder.parent / "private.txt").write_text("\n".join(private))
    tenants = {"acme": {"hosts": ["acme.example"], "title": title}}
    (home / "tenants.json").write_text(json.dumps({"tenants": tenants}))
    with compose(Settings(home=home, workers=0), ServedPath(demo=False)) as resources:
        yield resources


def asker(resources: Resources, *, user: str | None = None) -> Asker:
    """A visitor of the tenant; with `user`, one who holds a key."""
    tenant = resources.ports.tenants.by_host("acme.example")
    if user is None:
        return Asker(tenant=tenant, key=None, address="192.0.2.1")
    key, _ = new_key(tenant=tenant.id, user=user, role="reader", created=datetime.now(UTC))
    return Asker(tenant=tenant, key=key, address="192.0.2.1")
