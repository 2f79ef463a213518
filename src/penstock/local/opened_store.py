"""Opened store: a home folder's adapters and engine, shared by the service and its workers."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from penstock.errors import SetupError
from penstock.local.atomic import private_folder
from penstock.local.datasets.blobs import FileBlobs
from penstock.local.datasets.catalog import store_catalog
from penstock.local.datasets.exports import FileExports
from penstock.local.datasets.served import served_catalog
from penstock.local.demo.tenants import demo_tenants, ensure_demo
from penstock.local.home_layout import database_path, store_path, tenants_path
from penstock.local.tenants.alone import LOCAL_TENANT, OWN_MACHINE, OneTenant, is_this_machine
from penstock.local.tenants.keys import SqliteKeys
from penstock.local.tenants.receipts import SqliteReceipts
from penstock.local.tenants.tenants import FileTenants
from penstock.model.clock import utc_now
from penstock.model.tenant import Tenant
from penstock.ports import Catalog, Ports, Tenants
from penstock.reading.engine import Engine
from penstock.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedPath:
    """What `penstock serve` was asked to serve."""

    path: Path | None = None
    """A folder or file as the only tenant; None serves the tenants of the home folder."""
    null_text: str | None = None
    demo: bool = True
    """Whether the demo tenants are among those of the home folder; they are made if missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedStore:
    """What serving and working share: one engine, and the store that it reads."""

    home: Path
    scratch: Path
    engine: Engine
    ports: Ports
    exports: FileExports


@contextmanager
def open_home(
    settings: Settings, served: ServedPath, *, memory_bytes: int, queries: int
) -> Iterator[OpenedStore]:
    """Open a home folder for the body, and the demo's data in it, made if missing.

    Raises SetupError if something in it can't be used.
    """
    home = settings.home.expanduser()
    private_folder(home)
    with ExitStack() as stack:
        scratch = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True)
            )
        )
        roots = [store_path(home), home / "converted"]
        if served.path is not None:
            real = _real(served.path)
            roots.append(real if real.is_dir() else real.parent)
        engine = Engine(
            roots=roots,
            spill_dir=scratch,
            memory_bytes=memory_bytes,
            threads=settings.engine_threads,
            queries=queries,
            spill_bytes=settings.sort_spill_bytes,
        )
        stack.callback(engine.close)
        keys = SqliteKeys(database_path(home), now=utc_now)
        stack.callback(keys.close)
        receipts = SqliteReceipts(database_path(home), now=utc_now)
        stack.callback(receipts.close)
        catalog, tenants = _what_is_served(settings, served, home, engine)
        exports = FileExports(store_path(home), engine=engine)
        yield OpenedStore(
            home=home,
            scratch=scratch,
            engine=engine,
            exports=exports,
            ports=Ports(
                blobs=FileBlobs(),
                catalog=catalog,
                exported=exports,
                tenants=tenants,
                keys=keys,
                receipts=receipts,
            ),
        )


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except RuntimeError as error:  # only Python before 3.13 raises here, for a circle of links
        raise SetupError(f"{path} can't be read: its links lead in a circle.") from error


def _what_is_served(
    settings: Settings, served: ServedPath, home: Path, engine: Engine
) -> tuple[Catalog, Tenants]:
    if served.path is None:
        demo_ids = frozenset(tenant.id for tenant in demo_tenants())
        tenants = FileTenants(tenants_path(home), hidden=frozenset() if served.demo else demo_ids)
        if served.demo:
            _add_demo(home, tenants)
        return store_catalog(store_path(home), engine=engine), tenants
    catalog = served_catalog(served.path, home=home, engine=engine, null_text=served.null_text)
    hosts = ["localhost", "127.0.0.1", "[::1]"]
    if settings.host not in (*hosts, "0.0.0.0", "::", "::1"):  # noqa: S104 - compared, not bound
        hosts.append(settings.host.lower())
    tenant = Tenant(id=LOCAL_TENANT, hosts=tuple(hosts), title=served.path.resolve().name)
    if is_this_machine(settings.host):
        # Whoever can ask may download all of it anyway: a key would guard nothing.
        tenant = replace(tenant, caps=OWN_MACHINE)
    return catalog, OneTenant(tenant)


def _add_demo(home: Path, tenants: FileTenants) -> None:
    """Make the demo data and list its tenants, unless they were listed before."""
    ensure_demo(home)
    listed = {tenant.id for tenant in (*tenants.all(), *tenants.disabled())}
    for tenant in demo_tenants():
        if tenant.id not in listed:
            tenants.add(tenant)
