"""`penstock tenants`: who is served, under which hosts, and what they may cost."""

from typing import Annotated

import typer

from penstock.cli.caps import GivenCaps, changed_caps, shown_caps, takes_caps
from penstock.cli.homes import Aws, Home, HomeAdministration, administered
from penstock.errors import SetupError
from penstock.model.tenant import Caps, Tenant

tenants_app = typer.Typer(
    help="Tenants: add, list, change, enable, disable and remove them.", no_args_is_help=True
)

TenantArgument = Annotated[str, typer.Argument(help="The tenant's id: a-z, 0-9 and -.")]


@tenants_app.command("add")
@takes_caps
def add_tenant(
    tenant: TenantArgument,
    host: Annotated[
        list[str],
        typer.Option(help="A host it is served under, such as data.acme.example; repeatable."),
    ],
    *,
    title: Annotated[str, typer.Option(help="Its name as people read it.")] = "",
    given: GivenCaps,
    home: Home = None,
    aws: Aws = None,
) -> None:
    """Serve one more tenant."""
    with administered(home=home, aws=aws) as opened:
        opened.tenants.add(
            Tenant(id=tenant, hosts=tuple(host), title=title, caps=changed_caps(Caps(), given))
        )
        if aws is not None:
            # Made here, it costs no request the time; functions may then do without the right to.
            opened.open_signing_keys().signing_keys(tenant)
        print(f"{tenant} is served under {', '.join(host)} {opened.takes_effect}.")
        print(f"Its datasets are {opened.datasets(tenant)}.")


@tenants_app.command("set")
@takes_caps
def set_tenant(
    tenant: TenantArgument,
    host: Annotated[
        list[str] | None,
        typer.Option(help="A host it is served under from now on, in place of all; repeatable."),
    ] = None,
    *,
    title: Annotated[str | None, typer.Option(help="Its name as people read it.")] = None,
    given: GivenCaps,
    usual: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CAP", help="A cap that is set no more, such as response-rows; repeatable."
        ),
    ] = None,
    home: Home = None,
    aws: Aws = None,
) -> None:
    """Change what is said of a tenant; what isn't given stays as it is."""
    if not (host or title is not None or usual or given):
        raise typer.BadParameter("say what is to change.", param_hint="--host, --title, …")

    def changed(before: Tenant) -> Tenant:
        return Tenant(
            id=before.id,
            hosts=tuple(host) if host else before.hosts,
            title=before.title if title is None else title,
            caps=changed_caps(before.caps, given, usual=usual),
        )

    with administered(home=home, aws=aws) as opened:
        now = opened.change_tenant(tenant, changed)
        print(
            f"{now.id}: {', '.join(now.hosts)}; caps {shown_caps(now.caps)}; title “{now.title}”, "
            f"{opened.takes_effect}."
        )


@tenants_app.command("rotate-signing-key")
def rotate_signing_key(tenant: TenantArgument, *, home: Home = None, aws: Aws = None) -> None:
    """Sign URLs with a new key; those of the key before stay good until the next rotation."""
    with administered(home=home, aws=aws) as opened:
        _require_tenant(opened, tenant)
        key = opened.open_signing_keys().rotate_signing_key(tenant)
        print(f"{tenant} signs URLs with key {key.id} {opened.takes_effect}.")
        print("What the key before it signed stays open; what older ones signed does no more.")


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
        (tenant.id, state, ",".join(tenant.hosts), shown_caps(tenant.caps), tenant.title)
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


def _require_tenant(opened: HomeAdministration, tenant: str) -> None:
    if not opened.has_tenant(tenant):
        raise SetupError(f"There is no tenant “{tenant}”.")
