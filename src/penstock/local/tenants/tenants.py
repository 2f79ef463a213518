"""Tenants in one JSON file: the exact allow-list of the hosts that are served."""

import os
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import SetupError, UnknownHostError
from penstock.local.atomic import exclusive, private_folder, replace_file
from penstock.local.tenants.file import TenantEntry, parse, render
from penstock.model.tenant import Tenant
from penstock.reading.outage import outage

_Entries = dict[str, TenantEntry]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Snapshot:
    """Which hosts the file named when its stat was `seen`; none where it was unusable."""

    seen: tuple[int, ...]
    by_host: Mapping[str, Tenant]


class FileTenants:
    """The file that file.py describes, read again whenever it changes.

    A missing file names no tenant; while it is broken no host is known, and everything else raises
    SetupError: one line that says which file, which tenant and how to mend it. A change is made
    whole or not at all, one at a time, between processes too. Tenants whose id is in `hidden` are
    left out of what is served, and stay in the file.
    """

    def __init__(self, path: Path, *, hidden: Container[str] = frozenset()) -> None:
        self._path = path
        self._hidden = hidden
        self._snapshot: _Snapshot | None = None

    def by_host(self, host: str) -> Tenant:
        try:
            tenant = self._hosts().get(host)
        except FileNotFoundError as error:
            raise UnknownHostError from error
        except OSError as error:
            raise outage() from error
        if tenant is None:
            raise UnknownHostError
        return tenant

    def all(self) -> list[Tenant]:
        return self._tenants(enabled=True)

    def disabled(self) -> list[Tenant]:
        """List by id the tenants that stand in the file and are not served."""
        return self._tenants(enabled=False)

    def add(self, tenant: Tenant) -> None:
        """Serve one more tenant from now on.

        Raises SetupError if its id or one of its hosts is taken, or is none.
        """

        def change(entries: _Entries) -> None:
            if tenant.id in entries:
                raise SetupError(f"{self._path}: there is a tenant “{tenant.id}” already.")
            entries[tenant.id] = TenantEntry.of(tenant)

        self._change(change)

    def change(self, tenant_id: str, change: Callable[[Tenant], Tenant]) -> Tenant:
        """Put what `change` makes of a tenant in its place, and give it.

        Whether it is served stays as it is. Raises SetupError if there is no such tenant, or a host
        is another one's or none.
        """
        made: list[Tenant] = []

        def changed(entries: _Entries) -> None:
            entry = _known(entries, tenant_id)
            made.append(change(entry.tenant(tenant_id)))
            entries[tenant_id] = TenantEntry.of(made[0]).model_copy(
                update={"enabled": entry.enabled}
            )

        self._change(changed)
        return made[0]

    def remove(self, tenant_id: str) -> None:
        """Forget a tenant; its data stays stored. Raises SetupError if there is no such tenant."""
        self._change(lambda entries: _drop(entries, tenant_id))

    def enable(self, tenant_id: str) -> None:
        """Serve a disabled tenant again. Raises SetupError if there is no such tenant."""
        self._change(lambda entries: _set_enabled(entries, tenant_id, enabled=True))

    def disable(self, tenant_id: str) -> None:
        """Serve a tenant no more; its hosts stay its own. Raises SetupError if there is none."""
        self._change(lambda entries: _set_enabled(entries, tenant_id, enabled=False))

    def _hosts(self) -> Mapping[str, Tenant]:
        snapshot = self._snapshot
        if snapshot is None or snapshot.seen != _fingerprint(self._path.stat()):
            with self._path.open("rb") as file:
                # Stat of the file that is read: the name may stand for another one by now.
                seen = _fingerprint(os.fstat(file.fileno()))
                content = file.read()
            try:
                by_host = self._by_host(parse(content, named=str(self._path)))
            except SetupError:
                by_host = {}
            snapshot = self._snapshot = _Snapshot(seen=seen, by_host=by_host)
        return snapshot.by_host

    def _by_host(self, entries: _Entries) -> dict[str, Tenant]:
        return {
            host: entry.tenant(tenant_id)
            for tenant_id, entry in entries.items()
            if entry.enabled and tenant_id not in self._hidden
            for host in entry.hosts
        }

    def _tenants(self, *, enabled: bool) -> list[Tenant]:
        entries = self._entries()
        return [
            entries[tenant_id].tenant(tenant_id)
            for tenant_id in sorted(entries)
            if entries[tenant_id].enabled is enabled and tenant_id not in self._hidden
        ]

    def _entries(self) -> _Entries:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise SetupError(f"{self._path} can't be read: {error.strerror}.") from error
        return parse(content, named=str(self._path))

    def _change(self, change: Callable[[_Entries], None]) -> None:
        private_folder(self._path.parent)
        with exclusive(self._path.with_name(f"{self._path.name}.lock")):
            entries = self._entries()
            change(entries)
            content = render(entries)
            # What can't be read back must not be written.
            parse(content, named=str(self._path))
            replace_file(self._path, content)


def _drop(entries: _Entries, tenant_id: str) -> None:
    _known(entries, tenant_id)
    del entries[tenant_id]


def _set_enabled(entries: _Entries, tenant_id: str, *, enabled: bool) -> None:
    entry = _known(entries, tenant_id)
    entries[tenant_id] = entry.model_copy(update={"enabled": enabled})


def _known(entries: _Entries, tenant_id: str) -> TenantEntry:
    if tenant_id not in entries:
        raise SetupError(f"There is no tenant “{tenant_id}”.")
    return entries[tenant_id]


def _fingerprint(status: os.stat_result) -> tuple[int, ...]:
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )
