"""Composition of the embedded service: Settings → adapters → what every request shares."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from penstock.errors import SetupError
from penstock.local.atomic import private_folder
from penstock.local.blobs import FileBlobs
from penstock.local.catalog import store_catalog
from penstock.local.demo import demo_tenants, ensure_demo
from penstock.local.keys import SqliteKeys
from penstock.local.receipts import SqliteReceipts
from penstock.local.served import LOCAL_TENANT, served_catalog
from penstock.local.tenants import FileTenants
from penstock.local.tenants_alone import OneTenant
from penstock.model.tenant import Tenant
from penstock.ports import Catalog, Ports, Tenants
from penstock.query import QueryLimits
from penstock.reading.engine import Engine
from penstock.reading.scan import Reader
from penstock.reading.slots import ScanSlots
from penstock.reading.workers import Workers
from penstock.settings import Settings
from penstock.web.resources import Resources
from penstock.web.spools import Spools

_SPOOLS_KEPT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What `penstock serve` was asked to serve."""

    path: Path | None = None
    """A folder or file as the only tenant; None serves the tenants of the home folder."""
    null_text: str | None = None
    demo: bool = True
    """Whether the demo tenants are among those of the home folder; they are made if missing."""


def utc_now() -> datetime:
    """Tell the time, aware and in UTC."""
    return datetime.now(UTC)


def database_path(home: Path) -> Path:
    """Where keys and receipts are stored."""
    return home / "penstock.sqlite"


def tenants_path(home: Path) -> Path:
    """Where tenants and their hosts are listed."""
    return home / "tenants.json"


def store_path(home: Path) -> Path:
    """Where tenants' datasets are stored."""
    return home / "store"


@contextmanager
def compose(settings: Settings, served: Served) -> Iterator[Resources]:
    """Wire the embedded service for the body, and close everything after it.

    Raises SetupError if something that it stands on can't be used.
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
            memory_bytes=settings.engine_memory_bytes,
            threads=settings.engine_threads,
            queries=settings.scan_slots,
            spill_bytes=settings.sort_spill_bytes,
        )
        stack.callback(engine.close)
        workers = Workers(threads=settings.encode_threads)
        stack.callback(workers.close)
        keys = SqliteKeys(database_path(home), now=utc_now)
        stack.callback(keys.close)
        receipts = SqliteReceipts(database_path(home), now=utc_now)
        stack.callback(receipts.close)
        catalog, tenants = _what_is_served(settings, served, home, engine)
        spools = Spools(
            folder=scratch,
            most_bytes=settings.spool_bytes,
            kept_bytes=settings.spool_bytes * _SPOOLS_KEPT,
        )
        stack.callback(spools.close)
        yield Resources(
            ports=Ports(
                blobs=FileBlobs(),
                catalog=catalog,
                tenants=tenants,
                keys=keys,
                receipts=receipts,
            ),
            reader=Reader(
                engine=engine,
                slots=ScanSlots(
                    slots=settings.scan_slots,
                    queue=settings.scan_queue,
                    wait_seconds=settings.scan_wait_seconds,
                ),
                workers=workers,
                is_stored=catalog.is_stored,
                batch_rows=settings.batch_rows,
            ),
            spools=spools,
            now=utc_now,
            limits=QueryLimits(filters=settings.filters, default_limit=settings.limit_rows),
            query_seconds=settings.query_seconds,
            response_bytes=settings.response_bytes,
            url_bytes=settings.url_bytes,
            chunk_bytes=settings.chunk_bytes,
            slow_reader_bytes=settings.sort_spill_bytes,
            requests_per_minute=settings.requests_per_minute,
            basic_keys=True,
            trusted_edge=settings.trusted_edge,
        )


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except RuntimeError as error:  # only Python before 3.13 raises here, for a circle of links
        raise SetupError(f"{path} can't be read: its links lead in a circle.") from error


def _what_is_served(
    settings: Settings, served: Served, home: Path, engine: Engine
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
    title = served.path.resolve().name
    return catalog, OneTenant(Tenant(id=LOCAL_TENANT, hosts=tuple(hosts), title=title))


def _add_demo(home: Path, tenants: FileTenants) -> None:
    """Make the demo data and list its tenants, unless they were listed before."""
    ensure_demo(home)
    listed = {tenant.id for tenant in (*tenants.all(), *tenants.disabled())}
    for tenant in demo_tenants():
        if tenant.id not in listed:
            tenants.add(tenant)
