"""Tenants in Parameter Store: an index of hosts, and what is known of each tenant."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from penstock.aws.services.parameters import Parameters
from penstock.aws.services.ttl_cache import TtlCache
from penstock.aws.tenants.parameters import (
    NAMES,
    is_enabled,
    is_index_name,
    parameters_of,
    tenant_of,
)
from penstock.errors import PenstockError, SetupError, UnknownHostError
from penstock.model.tenant import Tenant, is_tenant_id

_HOSTS_REMEMBERED = 10_000
"""Unknown ones too: a flood of them neither fills the memory nor repeats its calls."""


class SsmTenants:
    """The parameters that parameters.py describes, each host's remembered for `seconds`.

    A host that isn't remembered costs two calls: its place in the index, and the tenant's own
    parameters, which must name the host too, so that an index that went astray serves nobody
    another tenant. A tenant whose parameters are broken, or that is no longer enabled, is unknown.

    Changes reach the functions within `seconds`. Each one is made in an order in which a host is
    served for its tenant or not at all, and the same command again mends one that broke off. All
    methods raise BusyError if Parameter Store fails.
    """

    def __init__(
        self, *, client: Any, environment: str, seconds: float, now: Callable[[], datetime]
    ) -> None:
        self._parameters = Parameters(client, environment=environment)
        self._hosts: TtlCache[Tenant | None] = TtlCache(
            seconds=seconds, most=_HOSTS_REMEMBERED, now=now
        )

    def by_host(self, host: str) -> Tenant:
        if not is_index_name(host):
            raise UnknownHostError
        try:
            tenant = self._hosts.get(host, lambda: self._look_up(host))
        except SetupError as error:
            raise UnknownHostError from error
        if tenant is None:
            raise UnknownHostError
        return tenant

    def all(self) -> list[Tenant]:
        return self._tenants(enabled=True)

    def disabled(self) -> list[Tenant]:
        """List by id the tenants that are known and not served."""
        return self._tenants(enabled=False)

    def has(self, tenant_id: str) -> bool:
        """Whether a tenant with this id is known, served or not."""
        return is_tenant_id(tenant_id) and bool(self._parameters.below(f"tenants/{tenant_id}"))

    def add(self, tenant: Tenant) -> None:
        """Serve one more tenant from now on.

        Raises SetupError if its id or one of its hosts is taken, or can't be one.
        """
        written = parameters_of(tenant)
        # This claims the id; until the end, the tenant is a disabled one.
        if not self._parameters.put_new(_state(tenant.id), "disabled"):
            raise SetupError(f"There is a tenant “{tenant.id}” already.")
        try:
            self._claim_hosts(tenant)
            for name, (value, kind) in written.items():
                self._parameters.put(f"tenants/{tenant.id}/{name}", value, kind=kind)
        except PenstockError:
            # What can't be undone either stays as a disabled tenant, which can be removed.
            with suppress(PenstockError):
                self._drop(tenant.id, hosts=tenant.hosts)
            raise
        self._parameters.put(_state(tenant.id), "enabled")

    def change(self, tenant_id: str, change: Callable[[Tenant], Tenant]) -> Tenant:
        """Put what `change` makes of a tenant in its place, and give it.

        Whether it is served stays as it is. Raises SetupError if there is no such tenant, or a host
        is another one's or none.
        """
        before = self._read(tenant_id, self._known(tenant_id))
        after = change(before)
        written = parameters_of(after)
        try:
            self._claim_hosts(after)
        except PenstockError:
            with suppress(PenstockError):
                self._free(tenant_id, hosts=set(after.hosts) - set(before.hosts))
            raise
        # A host that is no longer its own is free before it stands nowhere, so that the same
        # command again finds it.
        self._free(tenant_id, hosts=set(before.hosts) - set(after.hosts))
        for name, (value, kind) in written.items():
            self._parameters.put(f"tenants/{tenant_id}/{name}", value, kind=kind)
        for name in sorted(NAMES - {"state"} - written.keys()):
            self._parameters.delete(f"tenants/{tenant_id}/{name}")
        return after

    def remove(self, tenant_id: str) -> None:
        """Forget a tenant; its data, its keys and its signing keys stay stored.

        Raises SetupError if there is no such tenant.
        """
        values = self._known(tenant_id)
        self._parameters.put(_state(tenant_id), "disabled")
        self._drop(tenant_id, hosts=[host.strip() for host in values.get("hosts", "").split(",")])

    def enable(self, tenant_id: str) -> None:
        """Serve a disabled tenant again, under all of its hosts.

        Raises SetupError if there is no such tenant, or a host of its belongs to another one.
        """
        self._claim_hosts(self._read(tenant_id, self._known(tenant_id)))
        self._parameters.put(_state(tenant_id), "enabled")

    def disable(self, tenant_id: str) -> None:
        """Serve a tenant no more; its hosts stay its own. Raises SetupError if there is none."""
        self._known(tenant_id)
        self._parameters.put(_state(tenant_id), "disabled")

    def _look_up(self, host: str) -> Tenant | None:
        tenant_id = self._parameters.get(_index(host))
        if tenant_id is None or not is_tenant_id(tenant_id):
            return None
        values = self._parameters.below(f"tenants/{tenant_id}")
        if not is_enabled(values):
            return None
        tenant = tenant_of(tenant_id, values)
        return tenant if host in tenant.hosts else None

    def _tenants(self, *, enabled: bool) -> list[Tenant]:
        grouped: dict[str, dict[str, str]] = {}
        for place, value in self._parameters.below("tenants", recursive=True).items():
            tenant_id, _, name = place.partition("/")
            if name in NAMES:
                grouped.setdefault(tenant_id, {})[name] = value
        return [
            self._read(tenant_id, values)
            for tenant_id, values in sorted(grouped.items())
            if is_enabled(values) is enabled
        ]

    def _read(self, tenant_id: str, values: Mapping[str, str]) -> Tenant:
        try:
            return tenant_of(tenant_id, values)
        except SetupError as error:
            place = self._parameters.full_name(f"tenants/{tenant_id}/")
            raise SetupError(
                f"{error.detail} Mend it below {place}, or remove the tenant and add it again."
            ) from error

    def _known(self, tenant_id: str) -> Mapping[str, str]:
        values: Mapping[str, str] = {}
        if is_tenant_id(tenant_id):
            values = self._parameters.below(f"tenants/{tenant_id}")
        if not values:
            raise SetupError(f"There is no tenant “{tenant_id}”.")
        return values

    def _claim_hosts(self, tenant: Tenant) -> None:
        for host in tenant.hosts:
            if self._parameters.put_new(_index(host), tenant.id):
                continue
            owner = self._parameters.get(_index(host))
            if owner == tenant.id:
                continue
            if owner is not None and self.has(owner):
                raise SetupError(
                    f"tenant “{tenant.id}”: host “{host}” belongs to tenant “{owner}” already: "
                    "remove that one, or leave the host out."
                )
            # Left behind by a removal that broke off.
            self._parameters.delete(_index(host))
            if not self._parameters.put_new(_index(host), tenant.id):
                raise SetupError(f"tenant “{tenant.id}”: host “{host}” was taken just now.")

    def _drop(self, tenant_id: str, *, hosts: Iterable[str]) -> None:
        self._free(tenant_id, hosts=hosts)
        # The state goes last: while it stands, the id is taken and the tenant can be removed again.
        for name in sorted(NAMES - {"state"}):
            self._parameters.delete(f"tenants/{tenant_id}/{name}")
        self._parameters.delete(_state(tenant_id))

    def _free(self, tenant_id: str, *, hosts: Iterable[str]) -> None:
        for host in hosts:
            if is_index_name(host) and self._parameters.get(_index(host)) == tenant_id:
                self._parameters.delete(_index(host))


def _index(host: str) -> str:
    return f"hosts/{host}"


def _state(tenant_id: str) -> str:
    return f"tenants/{tenant_id}/state"
