"""What every adapter of Tenants promises."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from penstock.errors import UnknownHostError
from penstock.local.tenants import FileTenants
from penstock.model.tenant import Caps, Tenant
from penstock.ports import Tenants

Serve = Callable[[Sequence[Tenant]], Tenants]

ACME = Tenant(
    id="acme",
    hosts=("data.acme.example", "acme.localhost"),
    title="Acme",
    caps=Caps(response_bytes=1000, response_rows=20, requests_per_minute=3),
)
RIVER = Tenant(id="river", hosts=("river.localhost",))


def in_a_file(folder: Path) -> Serve:
    def serve(tenants: Sequence[Tenant]) -> Tenants:
        served = FileTenants(folder / "tenants.json")
        for tenant in tenants:
            served.add(tenant)
        return served

    return serve


ADAPTERS = {"file": in_a_file}


@pytest.fixture(params=sorted(ADAPTERS))
def serve(request: pytest.FixtureRequest, tmp_path: Path) -> Serve:
    return ADAPTERS[request.param](tmp_path)


def test_each_host_of_a_tenant_names_it_with_its_caps(serve: Serve) -> None:
    tenants = serve([ACME, RIVER])
    assert [tenants.by_host(host) for host in ACME.hosts] == [ACME, ACME]
    assert tenants.by_host("river.localhost") == RIVER


def test_all_tenants_are_listed_by_id(serve: Serve) -> None:
    assert serve([RIVER, ACME]).all() == [ACME, RIVER]


def test_no_tenant_is_listed_where_none_is_known(serve: Serve) -> None:
    assert serve([]).all() == []


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
        "data.acme.example\n",
        " data.acme.example",
        "*",
        "../tenants",
    ],
)
def test_a_host_that_is_not_exactly_on_the_list_is_unknown(serve: Serve, host: str) -> None:
    with pytest.raises(UnknownHostError):
        serve([ACME]).by_host(host)
