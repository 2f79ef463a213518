"""A tenant's parameters: their format, and what is wrong with ones that don't keep to it.

Below `/penstock/{env}/tenants/{tenant}/` stand:

    hosts   StringList  data.acme.example,acme.example      exact host names, at least one
    state   String      enabled | disabled                  only an enabled tenant is served
    title   String      Acme Ltd                            may be missing
    caps    String      {"response_bytes": 200000000}       JSON, may be missing; so may each cap

and for each host `/penstock/{env}/hosts/{host}`, a String that is the tenant's id.
"""

import json
from collections.abc import Mapping

from penstock.aws.services.parameters import LONGEST_VALUE, Kind
from penstock.errors import SetupError
from penstock.model.tenant import HOST_FORM, ID_FORM, Caps, Tenant, is_host, is_tenant_id

NAMES = frozenset({"hosts", "state", "title", "caps"})

_SWITCHES = ("anonymous_exports",)
_AMOUNTS = (
    "response_bytes",
    "response_rows",
    "requests_per_minute",
    "anonymous_export_rows",
    "anonymous_export_bytes",
    "anonymous_jobs",
    "anonymous_jobs_per_address",
)
_CAPS = (*_AMOUNTS, *_SWITCHES)


def is_index_name(host: str) -> bool:
    """Whether the index can hold this host: a parameter's name has no room for brackets."""
    return is_host(host) and not host.startswith("[")


def is_enabled(values: Mapping[str, str]) -> bool:
    """Whether the tenant of these parameters is served."""
    return values.get("state") == "enabled"


def tenant_of(tenant_id: str, values: Mapping[str, str]) -> Tenant:
    """Read a tenant from its parameters.

    Raises SetupError, one line that names the tenant and the parameter, if they can't be used.
    """
    hosts = tuple(host.strip() for host in values.get("hosts", "").split(",") if host.strip())
    tenant = Tenant(
        id=tenant_id,
        hosts=hosts,
        title=values.get("title", ""),
        caps=_caps(tenant_id, values.get("caps", "{}")),
    )
    check(tenant)
    return tenant


def parameters_of(tenant: Tenant) -> dict[str, tuple[str, Kind]]:
    """Write a tenant as parameters, its state not among them; `tenant_of` reads them back.

    Raises SetupError, one line that says how to mend it, if they can't hold it.
    """
    check(tenant)
    written: dict[str, tuple[str, Kind]] = {"hosts": (",".join(tenant.hosts), "StringList")}
    if tenant.title:
        written["title"] = (tenant.title, "String")
    usual = Caps()
    caps = {name: getattr(tenant.caps, name) for name in _CAPS}
    given = {name: cap for name, cap in caps.items() if cap != getattr(usual, name)}
    if given:
        written["caps"] = (json.dumps(given), "String")
    for name, (value, _) in written.items():
        if len(value.encode()) > LONGEST_VALUE:
            raise _fault(
                tenant.id, name, f"this is longer than the {LONGEST_VALUE:,} bytes of a parameter"
            )
    return written


def check(tenant: Tenant) -> None:
    """Let a tenant pass that can be served. Raises SetupError, one line, about any other."""
    if not is_tenant_id(tenant.id):
        raise SetupError(f"tenant “{_line(tenant.id)}”: {ID_FORM}.")
    if not tenant.hosts:
        raise _fault(tenant.id, "hosts", "a tenant needs at least one host")
    for host in tenant.hosts:
        if not is_host(host):
            raise _fault(tenant.id, "hosts", f"“{_line(host)}” is no host name: {HOST_FORM}")
        if not is_index_name(host):
            raise _fault(
                tenant.id, "hosts", f"“{host}” can't be served on AWS: a host there is a name"
            )
        if tenant.hosts.count(host) > 1:
            raise _fault(tenant.id, "hosts", f"“{host}” is named twice: remove one of the two")
    if tenant.title != tenant.title.strip() or "{{" in tenant.title:
        raise _fault(tenant.id, "title", "leave out spaces at the ends, and “{{”")
    for name in _AMOUNTS:
        cap = getattr(tenant.caps, name)
        if cap is not None and cap < 1:
            raise _fault(tenant.id, "caps", f"{name} must be a whole number greater than 0")


def _caps(tenant_id: str, text: str) -> Caps:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _fault(tenant_id, "caps", "this is no JSON") from error
    if not isinstance(given, dict) or not set(given) <= set(_CAPS):
        raise _fault(
            tenant_id, "caps", f"this must be a JSON object with no keys but {', '.join(_CAPS)}"
        )
    for name, cap in given.items():
        if name in _SWITCHES and not isinstance(cap, bool):
            raise _fault(tenant_id, "caps", f"{name} must be true or false")
        if name in _AMOUNTS and cap is not None and type(cap) is not int:
            raise _fault(tenant_id, "caps", f"{name} must be a whole number greater than 0")
    return Caps(**{name: cap for name, cap in given.items() if cap is not None})


def _fault(tenant_id: str, name: str, said: str) -> SetupError:
    return SetupError(f"tenant “{tenant_id}”: {name}: {said}.")


def _line(text: str) -> str:
    return " ".join(text.split())
