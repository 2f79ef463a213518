"""Tenants' own databases, known from Parameter Store."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from penstock.aws.parameters import Parameters
from penstock.aws.remembered import Remembered
from penstock.errors import NoDatabaseError
from penstock.model.tenant import is_tenant_id

_TENANTS_REMEMBERED = 1_000


class SsmDatabases:
    """`/penstock/{env}/tenants/{tenant}/postgres`, a SecureString: a connection string.

    One is remembered for `seconds`, in the memory of its process alone; that a tenant has none is
    looked up each time, so that a new database is there at once.
    """

    def __init__(
        self, *, client: Any, environment: str, seconds: float, now: Callable[[], datetime]
    ) -> None:
        self._parameters = Parameters(client, environment=environment)
        self._known: Remembered[str] = Remembered(
            seconds=seconds, most=_TENANTS_REMEMBERED, now=now
        )

    def connection_string(self, tenant: str) -> str:
        if not is_tenant_id(tenant):
            raise NoDatabaseError
        return self._known.get(tenant, lambda: self._look_up(tenant))

    def _look_up(self, tenant: str) -> str:
        found = self._parameters.get(f"tenants/{tenant}/postgres", decrypted=True)
        if found is None or not found.strip():
            raise NoDatabaseError
        return found.strip()
