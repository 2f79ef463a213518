"""What every adapter of Tenants promises, and what commands change it by."""

from pathlib import Path

import pytest
from tests.aws_tables import client_of, fresh_name
from tests.moving_clock import Clock
from tests.stand_ins import StandIn

from penstock.aws.tenants.tenants import SsmTenants
from penstock.cli.homes import TenantRegister
from penstock.errors import BusyError, SetupError, UnknownHostError
from penstock.local.tenants.tenants import FileTenants
from penstock.model.tenant import Caps, Tenant

ACME = Tenant(
    id="acme",
    hosts=("data.acme.example", "acme.localhost"),
    title="Acme",
    caps=Caps(response_bytes=1000, response_rows=20, requests_per_minute=3),
)
RIVER = Tenant(id="river", hosts=("river.localhost",))


@pytest.fixture(params=["file", "ssm"])
def tenants(request: pytest.FixtureRequest, tmp_path: Path) -> TenantRegister:
    if request.param == "ssm":
        server: StandIn = request.getfixturevalue("aws_server")
        return SsmTenants(
            client=client_of(server, "ssm"), environment=fresh_name("t"), seconds=0, now=Clock()
        )
    return FileTenants(tmp_path / "tenants.json")


def serve(tenants: TenantRegister, *served: Tenant) -> TenantRegister:
    for tenant in served:
        tenants.add(tenant)
    return tenants


def test_each_host_of_a_tenant_names_it_with_its_caps(tenants: TenantRegister) -> None:
    serve(tenants, ACME, RIVER)
    assert [tenants.by_host(host) for host in ACME.hosts] == [ACME, ACME]
    assert tenants.by_host("river.localhost") == RIVER


def test_all_tenants_are_listed_by_id(tenants: TenantRegister) -> None:
    assert serve(tenants, RIVER, ACME).all() == [ACME, RIVER]


def test_no_tenant_is_listed_where_none_is_known(tenants: TenantRegister) -> None:
    assert (tenants.all(), tenants.disabled()) == ([], [])


@pytest.mark.parametrize(
    "host",
    [
        "",
        "acme",
        "localhost",
        "www.data.acme.example",
        "acme.example",
        "DATA.acme.example",
        "data.acme.example.",
        "data.acme.example:8000",
        "data.acme.example:1",
        "data.acme.example\n",
        " data.acme.example",
        "[::1]",
        "bücher.example",
        "*",
        "../tenants",
        "../tenants/acme/title",
        ".".join(["a" * 50] * 6),
    ],
)
def test_a_host_that_is_not_exactly_on_the_list_is_unknown(
    tenants: TenantRegister, host: str
) -> None:
    with pytest.raises(UnknownHostError):
        serve(tenants, ACME).by_host(host)


@pytest.fixture(params=["file", "ssm"])
def out_of_reach(request: pytest.FixtureRequest, tmp_path: Path) -> TenantRegister:
    """An adapter whose store can't be read."""
    if request.param == "ssm":
        nowhere = StandIn(endpoint="http://127.0.0.1:1").client("ssm")
        return SsmTenants(client=nowhere, environment="t", seconds=0, now=Clock())
    return FileTenants(tmp_path)


def test_a_host_that_cannot_be_looked_up_is_not_said_to_be_unknown(
    out_of_reach: TenantRegister,
) -> None:
    with pytest.raises(BusyError) as raised:
        out_of_reach.by_host("data.acme.example")
    assert raised.value.retry_after_seconds > 0


def test_a_removed_tenant_is_gone_its_hosts_are_free_and_the_others_stay(
    tenants: TenantRegister,
) -> None:
    serve(tenants, ACME, RIVER).remove("acme")
    assert tenants.all() == [RIVER]
    for host in ACME.hosts:
        with pytest.raises(UnknownHostError):
            tenants.by_host(host)
    heir = Tenant(id="heir", hosts=ACME.hosts)
    assert serve(tenants, heir).by_host("acme.localhost") == heir
    assert tenants.by_host("river.localhost") == RIVER


def test_a_removed_tenant_can_be_added_again_with_other_hosts_and_caps(
    tenants: TenantRegister,
) -> None:
    serve(tenants, ACME).remove("acme")
    other = Tenant(id="acme", hosts=("new.acme.example",))
    assert serve(tenants, other).by_host("new.acme.example") == other
    with pytest.raises(UnknownHostError):
        tenants.by_host("data.acme.example")


def test_a_disabled_tenant_is_not_served_and_keeps_its_hosts(tenants: TenantRegister) -> None:
    serve(tenants, ACME, RIVER).disable("acme")
    with pytest.raises(UnknownHostError):
        tenants.by_host("acme.localhost")
    assert tenants.by_host("river.localhost") == RIVER
    assert (tenants.all(), tenants.disabled()) == ([RIVER], [ACME])
    with pytest.raises(SetupError, match=r"acme\.localhost"):
        tenants.add(Tenant(id="heir", hosts=("acme.localhost",)))
    tenants.enable("acme")
    assert tenants.by_host("acme.localhost") == ACME
    assert (tenants.all(), tenants.disabled()) == ([ACME, RIVER], [])


@pytest.mark.parametrize(
    "tenant",
    [
        Tenant(id="acme", hosts=("b.localhost",)),
        Tenant(id="b", hosts=("acme.localhost",)),
        Tenant(id="b", hosts=("b.localhost", "acme.localhost")),
        Tenant(id="b", hosts=("b.localhost", "b.localhost")),
        Tenant(id="b", hosts=("B.localhost",)),
        Tenant(id="b", hosts=("b.localhost:80",)),
        Tenant(id="b", hosts=("http://b.localhost/",)),
        Tenant(id="b", hosts=()),
        Tenant(id="b", hosts=("b.localhost",), caps=Caps(response_rows=0)),
        Tenant(id="../b", hosts=("b.localhost",)),
        Tenant(id="", hosts=("b.localhost",)),
        Tenant(id="b/signing-keys", hosts=("b.localhost",)),
    ],
)
def test_a_tenant_that_cannot_be_served_is_not_added_and_leaves_no_trace(
    tenants: TenantRegister, tenant: Tenant
) -> None:
    serve(tenants, ACME)
    with pytest.raises(SetupError) as refused:
        tenants.add(tenant)
    assert "\n" not in refused.value.detail
    assert (tenants.all(), tenants.disabled()) == ([ACME], [])
    assert tenants.by_host("acme.localhost") == ACME
    other = Tenant(id="c", hosts=("b.localhost",))
    assert serve(tenants, other).by_host("b.localhost") == other


def test_adding_a_tenant_again_says_that_it_is_there(tenants: TenantRegister) -> None:
    with pytest.raises(SetupError, match="“acme”"):
        serve(tenants, ACME).add(ACME)
    assert tenants.by_host("acme.localhost") == ACME


def test_enabling_and_disabling_twice_changes_nothing(tenants: TenantRegister) -> None:
    serve(tenants, ACME).enable("acme")
    assert tenants.all() == [ACME]
    tenants.disable("acme")
    tenants.disable("acme")
    assert tenants.disabled() == [ACME]


@pytest.mark.parametrize("tenant", ["nobody", "../acme", "", "acme/title"])
@pytest.mark.parametrize("change", ["remove", "enable", "disable"])
def test_a_tenant_that_is_not_there_cannot_be_changed(
    tenants: TenantRegister, change: str, tenant: str
) -> None:
    with pytest.raises(SetupError, match=f"“{tenant}”"):
        getattr(serve(tenants, ACME), change)(tenant)
    assert tenants.all() == [ACME]
