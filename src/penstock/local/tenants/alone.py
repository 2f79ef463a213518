"""The only tenant there is, for a folder that is served without any list of tenants."""

import ipaddress

from penstock.errors import UnknownHostError
from penstock.model.tenant import Caps, Tenant

LOCAL_TENANT = "local"
"""The id of the tenant that a served folder or file belongs to."""

OWN_MACHINE = Caps(anonymous_exports=True, anonymous_jobs=100, anonymous_jobs_per_address=100)
"""What such a tenant allows while only this machine can ask: its visitors all have one address."""


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


def is_this_machine(host: str) -> bool:
    """Whether what listens on this address can be reached from this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
