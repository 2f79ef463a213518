"""`penstock tenants`: who is served, under which hosts, and what they may cost."""

from typing import Annotated

import typer

from penstock.cli.homes import Aws, Home, administered
from penstock.model.tenant import Caps, Tenant

tenants_app = typer.Typer(
    help="Tenants: add, list, enable, disable and remove them.", no_args_is_help=True
)

TenantArgument = Annotated[str, typer.Argument(help="The tenant's id: a-z, 0-9 and -.")]


@tenants_app.command("add")
def add_tenant(
    tenant: TenantArgument,
    host: Annotated[
        list[str],
        typer.Option(help="A host it is served under, such as data.acme.example; repeatable."),
    ],
    *,
    title: Annotated[str, typer.Option(help="Its name as people read it.")] = "",
    response_bytes: Annotated[
        int | None, typer.Option(min=1, help="The most bytes of one answer, before coding.")
    ] = None,
    response_rows: Annotated[
        int | None, typer.Option(min=1, help="The most rows of one answer.")
    ] = None,
    requests_per_minute: Annotated[
        int | None, typer.Option(min=1, help="Requests of one key or client address.")
    ] = None,
    home: Home = None,
    aws: Aws = None,
) -> None:
    """Serve one more tenant; to change one, remove it and add it again."""
    caps = Caps(
        response_bytes=response_bytes,
        response_rows=response_rows,
        requests_per_minute=requests_per_minute,
    )
    with administered(home=home, aws=aws) as opened:
        opened.tenants.add(Tenant(id=tenant, hosts=tuple(host), title=title, caps=caps))
        if aws is not None:
            # Made here, it costs no request the time; functions may then do without the right to.
            opened.open_signing_keys().signing_keys(tenant)
        print(f"{tenant} is served under {', '.join(host)} {opened.takes_effect}.")
        print(f"Its datasets are {opened.datasets(tenant)}.")


@tenants_app.command("list")
def list_tenants(*, home: Home = None, aws: Aws = None) -> None:
    """List the tenants by id: whether each is served, its hosts, caps and title."""
    with administered(home=home, aws=aws) as opened:
        known = [(tenant, "enabled") for tenant in opened.tenants.all()]
        known += [(tenant, "disabled") for tenant in opened.tenants.disabled()]
    if not known:
        print("There are no tenants: make one with penstock tenants add.")
        return
    rows = [
        (tenant.id, state, ",".join(tenant.hosts), _caps(tenant.caps), tenant.title)
        for tenant, state in sorted(known, key=lambda each: each[0].id)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())


@tenants_app.command("enable")
def enable_tenant(tenant: TenantArgument, *, home: Home = None, aws: Aws = None) -> None:
    """Serve a disabled tenant again."""
    with administered(home=home, aws=aws) as opened:
        opened.tenants.enable(tenant)
        print(f"{tenant} is served again {opened.takes_effect}.")


@tenants_app.command("disable")
def disable_tenant(tenant: TenantArgument, *, home: Home = None, aws: Aws = None) -> None:
    """Serve a tenant no more; its hosts stay its own."""
    with administered(home=home, aws=aws) as opened:
        opened.tenants.disable(tenant)
        print(f"{tenant} is served no more, {opened.takes_effect}.")
        if opened.afterwards:
            print(opened.afterwards)


@tenants_app.command("remove")
def remove_tenant(
    tenant: TenantArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    home: Home = None,
    aws: Aws = None,
) -> None:
    """Forget a tenant and set its hosts free; its datasets, keys and receipts stay stored."""
    where = "the home folder" if aws is None else f"environment {aws}"
    stays = "Its datasets, keys and receipts stay stored"
    if not yes:
        typer.confirm(f"{stays}. Remove {tenant} from {where}?", abort=True)
    with administered(home=home, aws=aws) as opened:
        opened.tenants.remove(tenant)
        print(f"{tenant} is removed and served no more, {opened.takes_effect}.")
        print(f"{stays}, and open to a tenant that is added with this id.")
        if opened.afterwards:
            print(opened.afterwards)


def _caps(caps: Caps) -> str:
    given = {
        "bytes": caps.response_bytes,
        "rows": caps.response_rows,
        "requests/min": caps.requests_per_minute,
    }
    return ",".join(f"{name}={cap}" for name, cap in given.items() if cap is not None) or "-"
