"""Tenants' own databases, known from Parameter Store."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from penstock.aws.services.parameters import Parameters
from penstock.aws.services.ttl_cache import TtlCache
from penstock.errors import NoDatabaseError
from penstock.model.tenant import is_tenant_id

_TENANTS_REMEMBERED = 1_000
_URI = ("postgresql://", "postgres://")


class SsmDatabases:
    """`/penstock/{env}/tenants/{tenant}/postgres`, a SecureString: a connection string.

    One is remembered for `seconds`, in the memory of its process alone; that a tenant has none is
    looked up each time, so that a new database is there at once. With a `proxy`, all of them are
    reached through that host; user, password and database stay the tenant's own.
    """

    def __init__(
        self,
        *,
        client: Any,
        environment: str,
        seconds: float,
        now: Callable[[], datetime],
        proxy: str | None = None,
    ) -> None:
        self._proxy = proxy
        self._parameters = Parameters(client, environment=environment)
        self._known: TtlCache[str] = TtlCache(seconds=seconds, most=_TENANTS_REMEMBERED, now=now)

    def connection_string(self, tenant: str) -> str:
        if not is_tenant_id(tenant):
            raise NoDatabaseError
        return self._known.get(tenant, lambda: self._look_up(tenant))

    def _look_up(self, tenant: str) -> str:
        found = self._parameters.get(f"tenants/{tenant}/postgres", decrypted=True)
        if found is None or not found.strip():
            raise NoDatabaseError
        return found.strip() if self._proxy is None else through(self._proxy, found.strip())


def through(proxy: str, connection_string: str) -> str:
    """Have a connection string lead to another host.

    In either form of it the last value of a parameter is the one that counts
    (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING).
    """
    if connection_string.startswith(_URI):
        sign = "&" if "?" in connection_string else "?"
        return f"{connection_string}{sign}host={proxy}&hostaddr="
    return f"{connection_string} host={proxy} hostaddr=''"
