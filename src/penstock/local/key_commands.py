"""Commands on keys: `penstock keys`, from their options to what they print."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urlencode

from penstock.errors import SetupError
from penstock.local.compose import database_path, tenants_path, utc_now
from penstock.local.keys import SqliteKeys
from penstock.local.served import LOCAL_TENANT
from penstock.local.tenants import FileTenants
from penstock.model.dataset import is_dataset_name
from penstock.model.key import ApiKey, Role, new_key
from penstock.model.signature import sign_url
from penstock.settings import Settings


def add(settings: Settings, *, tenant: str, user: str, role: Role, days: int | None) -> str:
    """Make and store a key; gives the token that is handed to its user.

    Raises SetupError if there is no such tenant, or its user has two live keys already.
    """
    _require_tenant(settings, tenant)
    now = utc_now()
    expires = None if days is None else now + timedelta(days=days)
    key, token = new_key(tenant=tenant, user=user, role=role, created=now, expires=expires)
    with _keys(settings) as keys:
        keys.add(key)
    return token


def listed(settings: Settings, *, tenant: str) -> str:
    """List a tenant's keys, oldest first, one line each; no secret is known here."""
    _require_tenant(settings, tenant)
    with _keys(settings) as keys:
        lines = [_line(key) for key in keys.list(tenant)]
    return "\n".join(lines) if lines else f"{tenant} has no keys."


def revoke(settings: Settings, *, tenant: str, prefix: str) -> str:
    """End a key and give its line."""
    with _keys(settings) as keys:
        return _line(keys.revoke(tenant, prefix))


def sign(settings: Settings, *, tenant: str, dataset: str, minutes: int) -> str:
    """Sign a dataset's path; gives the part of the URL behind its `?`."""
    _require_tenant(settings, tenant)
    if not is_dataset_name(dataset):
        raise SetupError(f"“{dataset}” is no dataset's name: give it without its extension.")
    expires = int((utc_now() + timedelta(minutes=minutes)).timestamp())
    with _keys(settings) as keys:
        key = keys.signing_keys(tenant)[0]
    signature = sign_url(key, tenant=tenant, path=f"/{dataset}", expires=expires)
    return urlencode({"_expires": expires, "_kid": key.id, "_sig": signature})


def _line(key: ApiKey) -> str:
    now = utc_now()
    if key.revoked is not None:
        state = f"revoked {key.revoked:%Y-%m-%d}"
    elif not key.is_live(now):
        state = f"expired {key.expires:%Y-%m-%d}"
    else:
        state = "live" if key.expires is None else f"live until {key.expires:%Y-%m-%d}"
    return f"{key.prefix}  {key.role:<6}  {key.created:%Y-%m-%d}  {state}  {key.user}"


def _require_tenant(settings: Settings, tenant: str) -> None:
    known = [each.id for each in FileTenants(tenants_path(settings.home)).all()]
    if tenant not in (*known, LOCAL_TENANT):
        raise SetupError(
            f"There is no tenant “{tenant}”: there are {', '.join([*known, LOCAL_TENANT])}."
        )


@contextmanager
def _keys(settings: Settings) -> Iterator[SqliteKeys]:
    keys = SqliteKeys(database_path(settings.home), now=utc_now)
    try:
        yield keys
    finally:
        keys.close()
