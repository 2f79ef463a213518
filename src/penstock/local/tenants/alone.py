"""The only tenant there is, for a folder that is served without any list of tenants."""

from penstock.errors import UnknownHostError
from penstock.model.tenant import Tenant

LOCAL_TENANT = "local"
"""The id of the tenant that a served folder or file belongs to."""


class OneTenant:
    """Serves one tenant under its hosts."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def by_host(self, host: str) -> Tenant:
        if host not in self._tenant.hosts:
            raise UnknownHostError
        return self._tenant

    def all(self) -> list[Tenant]:
        return [self._tenant]
