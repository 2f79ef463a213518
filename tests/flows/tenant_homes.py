"""Home folders with tenants of a test's own making, and keys for them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.local.datasets.private import set_private
from penstock.local.tenants.tenants import FileTenants
from penstock.model.key import Role, new_key
from penstock.model.signature import sign_url
from penstock.model.tenant import Tenant
from penstock.web.resources import Resources


def add_tenant(home: Path, tenant: Tenant) -> None:
    """List a tenant in the home folder."""
    home.mkdir(exist_ok=True)
    FileTenants(home / "tenants.json").add(tenant)


def datasets_of(home: Path, tenant: str) -> Path:
    """Give the folder of a tenant's datasets, made where it isn't there."""
    folder = home / "store" / tenant / "datasets"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def store(
    home: Path,
    tenant: str,
    name: str,
    table: pa.Table,
    *,
    private: bool = False,
    row_group_rows: int = 100_000,
) -> Path:
    """Store a table as a plain file; what is to be private is so before it is there."""
    folder = datasets_of(home, tenant)
    if private:
        set_private(folder.parent, dataset=name, private=True)
    path = folder / f"{name}.parquet"
    pq.write_table(table, path, row_group_size=row_group_rows)
    return path


def add_key(
    resources: Resources,
    tenant: str,
    *,
    user: str = "ada",
    role: Role = "reader",
    expires_in: timedelta | None = None,
) -> str:
    """Store a key, also one whose time is over, and give its token."""
    now = datetime.now(UTC)
    expires = None if expires_in is None else now + expires_in
    key, token = new_key(tenant=tenant, user=user, role=role, created=now, expires=expires)
    resources.ports.keys.add(key)
    return token


def signed(
    resources: Resources, tenant: str, path: str, *, seconds_left: int = 3600
) -> dict[str, str]:
    """Sign a path (without its extension) as `penstock keys sign` does."""
    key = resources.ports.keys.signing_keys(tenant)[0]
    expires = int(datetime.now(UTC).timestamp()) + seconds_left
    signature = sign_url(key, tenant=tenant, path=path, expires=expires)
    return {"_expires": str(expires), "_kid": key.id, "_sig": signature}
