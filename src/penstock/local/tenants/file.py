"""The tenants file: its format, and what is wrong with one that doesn't keep to it.

    {
      "tenants": {
        "acme": {
          "title": "Acme Ltd",
          "hosts": ["data.acme.example", "acme.localhost"],
          "caps": {"response_bytes": 200000000, "response_rows": null, "requests_per_minute": 600},
          "enabled": true
        }
      }
    }

A tenant needs `hosts`, at least one; the rest may be left out. A host belongs to one tenant, also
while that one is not enabled.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from penstock.errors import SetupError
from penstock.model.tenant import HOST_FORM, ID_FORM, Caps, Tenant, is_host, is_tenant_id

_DEFAULT = Caps()


def _id(text: str) -> str:
    if not is_tenant_id(text):
        raise ValueError(ID_FORM)
    return text


def _host(text: str) -> str:
    if not is_host(text):
        raise ValueError(f"“{text}” is no host name: {HOST_FORM}")
    return text


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CapsEntry(_Strict):
    """A tenant's caps as they stand in the file."""

    response_bytes: PositiveInt | None = None
    response_rows: PositiveInt | None = None
    requests_per_minute: PositiveInt | None = None
    anonymous_exports: bool = False
    anonymous_export_rows: PositiveInt | None = None
    anonymous_export_bytes: PositiveInt | None = None
    anonymous_jobs: PositiveInt = _DEFAULT.anonymous_jobs
    anonymous_jobs_per_address: PositiveInt = _DEFAULT.anonymous_jobs_per_address


class TenantEntry(_Strict):
    """A tenant as it stands in the file, under its id."""

    title: str = ""
    hosts: Annotated[list[Annotated[str, AfterValidator(_host)]], Field(min_length=1)]
    caps: CapsEntry = CapsEntry()
    enabled: bool = True

    @classmethod
    def of(cls, tenant: Tenant) -> Self:
        """Give a tenant's entry. Raises SetupError if one of its facts can't stand in the file."""
        try:
            return cls(
                title=tenant.title,
                hosts=list(tenant.hosts),
                caps=CapsEntry(**asdict(tenant.caps)),
            )
        except ValidationError as error:
            raise SetupError(_fault(error, place=("tenants", tenant.id))) from error

    def tenant(self, tenant_id: str) -> Tenant:
        """Give the tenant that this entry describes."""
        return Tenant(
            id=tenant_id,
            hosts=tuple(self.hosts),
            title=self.title,
            caps=Caps(**self.caps.model_dump()),
        )


class _Document(_Strict):
    tenants: dict[Annotated[str, AfterValidator(_id)], TenantEntry] = {}


_KEYS_BY_DEPTH = {
    1: tuple(_Document.model_fields),
    3: tuple(TenantEntry.model_fields),
    4: tuple(CapsEntry.model_fields),
}


def parse(content: bytes, *, named: str) -> dict[str, TenantEntry]:
    """Read a tenants file: the entries by id, in the file's order.

    Raises SetupError, one line that begins with `named`, if it isn't JSON, doesn't keep to the
    format, has a key twice, or gives one host to two tenants.
    """
    try:
        document = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_without_repeats)
        entries = _Document.model_validate(document).tenants
    except ValidationError as error:
        raise SetupError(f"{named}: {_fault(error)}") from error
    except (ValueError, RecursionError) as error:
        raise SetupError(f"{named} is no usable JSON: {_line(str(error))}.") from error
    _refuse_shared_hosts(entries, named=named)
    return entries


def render(entries: Mapping[str, TenantEntry]) -> bytes:
    """Write a tenants file, which `parse` reads back as the same entries."""
    document = {"tenants": {tenant_id: entry.model_dump() for tenant_id, entry in entries.items()}}
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def _refuse_shared_hosts(entries: Mapping[str, TenantEntry], *, named: str) -> None:
    owners: dict[str, str] = {}
    for tenant_id, entry in entries.items():
        for host in entry.hosts:
            if host not in owners:
                owners[host] = tenant_id
                continue
            twice = (
                "is named twice: remove one of the two"
                if owners[host] == tenant_id
                else f"belongs to tenant “{owners[host]}” already: remove it from one of them"
            )
            raise SetupError(f"{named}: tenant “{tenant_id}”: host “{host}” {twice}.")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"“{key}” stands twice in one object")
        found[key] = value
    return found


def _fault(error: ValidationError, *, place: tuple[int | str, ...] = ()) -> str:
    first = error.errors(include_url=False)[0]
    steps = [*place, *first["loc"]]
    match steps:
        case ["tenants", tenant, *inner]:
            at = [f"tenant “{tenant}”", ".".join(str(step) for step in inner if step != "[key]")]
        case _:
            at = [str(step) for step in steps]
    said = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        said = f"there is no such key; use {', '.join(_KEYS_BY_DEPTH[len(steps)])}"
    if first["type"] in ("model_type", "dict_type"):
        said = "this must be a JSON object"
    return _line(": ".join(part for part in (*at, said) if part)) + "."


def _line(text: str) -> str:
    return " ".join(text.split())
