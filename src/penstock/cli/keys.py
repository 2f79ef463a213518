"""`penstock keys`: API keys and signed URLs of a tenant."""

from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

import typer

from penstock.cli.homes import Aws, Home, HomeAdministration, Table, administered
from penstock.errors import SetupError
from penstock.model.clock import utc_now
from penstock.model.dataset import is_dataset_name
from penstock.model.job import ANONYMOUS
from penstock.model.key import ApiKey, Role, new_key
from penstock.model.signature import sign_url

keys_app = typer.Typer(help="API keys: make, list and revoke them.", no_args_is_help=True)

TenantOption = Annotated[str, typer.Option(help="The tenant's id.")]


@keys_app.command("add")
def add_key(
    tenant: TenantOption,
    user: Annotated[str, typer.Option(help="Whom the key is for.")],
    *,
    role: Annotated[Role, typer.Option(help="What it may do.")] = "reader",
    days: Annotated[
        int | None, typer.Option(min=1, help="Days until it expires; without, it doesn't.")
    ] = None,
    home: Home = None,
    aws: Aws = None,
    table: Table = None,
) -> None:
    """Make a key and print it: it is shown this once and stored nowhere."""
    if user == ANONYMOUS:
        raise SetupError(f"“{user}” is what visitors without a key are called: name another user.")
    with administered(home=home, aws=aws, table=table) as opened:
        _require_tenant(opened, tenant)
        now = utc_now()
        expires = None if days is None else now + timedelta(days=days)
        key, token = new_key(tenant=tenant, user=user, role=role, created=now, expires=expires)
        opened.open_keys().add(key)
    print(token)


@keys_app.command("list")
def list_keys(
    tenant: TenantOption, *, home: Home = None, aws: Aws = None, table: Table = None
) -> None:
    """List a tenant's keys, oldest first, by their public prefixes; no secret is known here."""
    with administered(home=home, aws=aws, table=table) as opened:
        _require_tenant(opened, tenant)
        now = utc_now()
        lines = [_line(key, now) for key in opened.open_keys().list(tenant)]
    print("\n".join(lines) if lines else f"{tenant} has no keys.")


@keys_app.command("revoke")
def revoke_key(
    prefix: Annotated[str, typer.Argument(help="The key's public prefix, from the list.")],
    tenant: TenantOption,
    *,
    home: Home = None,
    aws: Aws = None,
    table: Table = None,
) -> None:
    """End a key at once."""
    with administered(home=home, aws=aws, table=table) as opened:
        print(_line(opened.open_keys().revoke(tenant, prefix), utc_now()))


@keys_app.command("sign")
def sign(
    path: Annotated[str, typer.Argument(help="A dataset's name, such as conservation-area.")],
    tenant: TenantOption,
    *,
    minutes: Annotated[int, typer.Option(min=1, help="How long the URL opens it.")] = 60,
    home: Home = None,
    aws: Aws = None,
) -> None:
    """Print the query that makes a URL of this dataset open without a key, in any format."""
    with administered(home=home, aws=aws) as opened:
        _require_tenant(opened, tenant)
        if not is_dataset_name(path):
            raise SetupError(f"“{path}” is no dataset's name: give it without its extension.")
        key = opened.open_signing_keys().signing_keys(tenant)[0]
    expires = int((utc_now() + timedelta(minutes=minutes)).timestamp())
    signature = sign_url(key, tenant=tenant, path=f"/{path}", expires=expires)
    print(urlencode({"_expires": expires, "_kid": key.id, "_sig": signature}))


def _line(key: ApiKey, now: datetime) -> str:
    if key.revoked is not None:
        state = f"revoked {key.revoked:%Y-%m-%d}"
    elif not key.is_live(now):
        state = f"expired {key.expires:%Y-%m-%d}"
    else:
        state = "live" if key.expires is None else f"live until {key.expires:%Y-%m-%d}"
    return f"{key.prefix}  {key.role:<6}  {key.created:%Y-%m-%d}  {state}  {key.user}"


def _require_tenant(opened: HomeAdministration, tenant: str) -> None:
    if not opened.has_tenant(tenant):
        raise SetupError(
            f"There is no tenant “{tenant}”: `penstock tenants list` names those there are."
        )
