from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from tests.aws_tables import client_of, fresh_name
from tests.moving_clock import START, Clock
from tests.stand_ins import StandIn
from tests.unit.aws.watched_client import Watched

from penstock.aws.tenants.tenants import SsmTenants
from penstock.errors import BusyError, SetupError, UnknownHostError
from penstock.model.tenant import Tenant

ACME = Tenant(id="acme", hosts=("data.acme.example", "acme.example"), title="Acme")
RIVER = Tenant(id="river", hosts=("river.example",))
LOOK_UP = ["GetParameter", "GetParametersByPath"]


@pytest.fixture(scope="module")
def ssm(aws_server: StandIn) -> Watched:
    return Watched(aws_server, "ssm")


@pytest.fixture
def environment() -> str:
    return fresh_name("t")


@pytest.fixture
def tenants(ssm: Watched, environment: str, clock: Clock) -> SsmTenants:
    ssm.fails = lambda _: None
    served = SsmTenants(client=ssm.client, environment=environment, seconds=60, now=clock)
    served.add(ACME)
    served.add(RIVER)
    ssm.counted()
    return served


Put = Callable[[str, str], None]


@pytest.fixture
def put(ssm: Watched, environment: str) -> Put:
    def put(name: str, value: str) -> None:
        place = f"/penstock/{environment}/{name}"
        ssm.client.put_parameter(Name=place, Value=value, Type="String", Overwrite=True)

    return put


def is_known(tenants: SsmTenants, host: str) -> bool:
    try:
        tenants.by_host(host)
    except UnknownHostError:
        return False
    return True


def is_closed(tenants: SsmTenants, host: str) -> bool:
    """Whether nobody is served, and nobody is told that there is no such host."""
    try:
        tenants.by_host(host)
    except BusyError as error:
        return error.retry_after_seconds > 0
    return False


def test_a_host_costs_two_calls_and_then_none_for_its_time(
    tenants: SsmTenants, ssm: Watched, clock: Clock
) -> None:
    for _ in range(3):
        assert tenants.by_host("acme.example") == ACME
    assert ssm.counted() == LOOK_UP
    clock.time = START + timedelta(seconds=60)
    assert tenants.by_host("acme.example") == ACME
    assert ssm.counted() == LOOK_UP


def test_an_unknown_host_costs_one_call_and_then_none_for_its_time(
    tenants: SsmTenants, ssm: Watched, clock: Clock
) -> None:
    assert [is_known(tenants, "nobody.example") for _ in range(3)] == [False] * 3
    assert ssm.counted() == ["GetParameter"]
    tenants.add(Tenant(id="new", hosts=("nobody.example",)))
    assert not is_known(tenants, "nobody.example")
    clock.time = START + timedelta(seconds=60)
    assert is_known(tenants, "nobody.example")


@pytest.mark.parametrize(
    "host", ["", "[::1]", "a b", "../tenants", "a:1", "é.example", "A.example"]
)
def test_a_host_that_no_parameter_can_be_named_by_costs_no_call(
    tenants: SsmTenants, ssm: Watched, host: str
) -> None:
    assert not is_known(tenants, host)
    assert ssm.counted() == []


def test_an_index_that_went_astray_serves_nobody_another_tenant(
    tenants: SsmTenants, put: Put
) -> None:
    put("hosts/river.example", "acme")
    put("hosts/stray.example", "acme")
    put("hosts/odd.example", "../acme")
    put("hosts/gone.example", "nobody")
    assert [is_known(tenants, f"{host}.example") for host in ("river", "stray", "odd", "gone")] == [
        False
    ] * 4
    assert tenants.by_host("acme.example") == ACME


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", "disabled"),
        ("state", "Enabled"),
        ("hosts", "acme.example,BAD"),
        ("hosts", "data.acme.example"),
        ("caps", "{"),
        ("caps", '{"response_bytes": -1}'),
    ],
)
def test_a_tenant_that_is_not_plainly_enabled_and_readable_is_unknown(
    tenants: SsmTenants, put: Put, name: str, value: str
) -> None:
    put(f"tenants/acme/{name}", value)
    assert not is_known(tenants, "acme.example")
    assert tenants.by_host("river.example") == RIVER


def test_a_failing_store_leaves_what_is_remembered_and_nothing_else(
    tenants: SsmTenants, ssm: Watched, clock: Clock
) -> None:
    tenants.by_host("acme.example")
    assert not is_known(tenants, "nobody.example")
    ssm.fails = lambda _: "ThrottlingException"
    assert tenants.by_host("acme.example") == ACME
    assert not is_known(tenants, "nobody.example")
    assert is_closed(tenants, "river.example")
    clock.time = START + timedelta(seconds=60)
    assert is_closed(tenants, "acme.example")
    ssm.fails = lambda _: None
    assert tenants.by_host("acme.example") == ACME
    assert tenants.by_host("river.example") == RIVER


@pytest.mark.parametrize("failing", LOOK_UP)
def test_either_call_that_fails_closes(tenants: SsmTenants, ssm: Watched, failing: str) -> None:
    ssm.fails = lambda call: "InternalServerError" if call == failing else None
    assert is_closed(tenants, "acme.example")


def test_a_store_that_is_not_there_closes_and_commands_are_told(
    environment: str, clock: Clock
) -> None:
    nowhere = StandIn(endpoint="http://127.0.0.1:1").client("ssm")
    tenants = SsmTenants(client=nowhere, environment=environment, seconds=60, now=clock)
    assert is_closed(tenants, "acme.example")
    for command in (tenants.all, lambda: tenants.add(ACME), lambda: tenants.remove("acme")):
        with pytest.raises(BusyError):
            command()


def test_a_change_reaches_others_when_what_they_remember_is_over(
    tenants: SsmTenants, ssm: Watched, environment: str, clock: Clock
) -> None:
    elsewhere = SsmTenants(client=ssm.client, environment=environment, seconds=60, now=clock)
    assert tenants.by_host("acme.example") == ACME
    elsewhere.disable("acme")
    assert is_known(tenants, "acme.example")
    clock.time = START + timedelta(seconds=60)
    assert not is_known(tenants, "acme.example")


def test_environments_know_nothing_of_each_other(
    tenants: SsmTenants, ssm: Watched, environment: str, clock: Clock
) -> None:
    other = SsmTenants(client=ssm.client, environment=f"{environment}2", seconds=60, now=clock)
    assert not is_known(other, "acme.example")
    assert other.all() == []


@pytest.mark.parametrize("environment", ["", "a/b", "../x", "a b", "-", "é"])
def test_an_environment_that_is_no_name_is_refused(environment: str, clock: Clock) -> None:
    with pytest.raises(SetupError, match="environment"):
        SsmTenants(client=None, environment=environment, seconds=60, now=clock)


def test_more_tenants_than_one_answer_holds_are_all_listed(tenants: SsmTenants) -> None:
    more = [Tenant(id=f"t{n:02}", hosts=(f"t{n}.example",), title="T") for n in range(9)]
    for tenant in more:
        tenants.add(tenant)
    tenants.disable("t03")
    assert tenants.all() == [ACME, RIVER, *more[:3], *more[4:]]
    assert tenants.disabled() == [more[3]]


def test_a_broken_tenant_is_named_in_the_list_and_can_be_removed(
    tenants: SsmTenants, put: Put
) -> None:
    put("tenants/acme/caps", "{")
    with pytest.raises(SetupError, match=r"“acme”: caps: .*/tenants/acme/"):
        tenants.all()
    tenants.remove("acme")
    assert tenants.all() == [RIVER]


@pytest.mark.parametrize("calls", range(1, 8))
def test_adding_that_breaks_off_can_be_made_again_and_serves_nobody_wrongly(
    tenants: SsmTenants, ssm: Watched, clock: Clock, calls: int
) -> None:
    new = Tenant(id="new", hosts=("new.example", "new2.example"), title="New")
    left = [calls]

    def fails(_: str) -> str | None:
        left[0] -= 1
        return "ThrottlingException" if left[0] < 0 else None

    ssm.fails = fails
    try:
        tenants.add(new)
        is_added = True
    except BusyError:
        is_added = False
    ssm.fails = lambda _: None
    clock.time = START + timedelta(minutes=5)
    assert is_known(tenants, "new.example") is is_added
    if not is_added:
        if tenants.has("new"):
            tenants.remove("new")
        tenants.add(new)
    clock.time = START + timedelta(minutes=10)
    assert tenants.by_host("new2.example") == new


def test_a_failed_addition_undoes_itself_while_the_store_works(
    tenants: SsmTenants, ssm: Watched
) -> None:
    new = Tenant(id="new", hosts=("new.example", "acme.example"))
    with pytest.raises(SetupError, match="“acme”"):
        tenants.add(new)
    assert not tenants.has("new")
    tenants.add(Tenant(id="new", hosts=("new.example",)))


@pytest.mark.parametrize("calls", range(1, 10))
def test_a_removal_that_breaks_off_serves_no_more_and_can_be_made_again(
    tenants: SsmTenants, ssm: Watched, calls: int
) -> None:
    left = [calls]

    def fails(_: str) -> str | None:
        left[0] -= 1
        return "ThrottlingException" if left[0] < 0 else None

    ssm.fails = fails
    is_removed = True
    try:
        tenants.remove("acme")
    except BusyError:
        is_removed = False
    ssm.fails = lambda _: None
    assert is_known(tenants, "acme.example") is (calls < 2)
    if not is_removed:
        tenants.remove("acme")
    tenants.add(Tenant(id="heir", hosts=ACME.hosts))
    assert tenants.all() == [Tenant(id="heir", hosts=ACME.hosts), RIVER]


def test_a_host_that_a_broken_removal_left_in_the_index_is_free(
    tenants: SsmTenants, put: Put
) -> None:
    put("hosts/left.example", "somebody")
    heir = Tenant(id="heir", hosts=("left.example",))
    tenants.add(heir)
    assert tenants.by_host("left.example") == heir


def test_enabling_mends_the_index(tenants: SsmTenants, ssm: Watched, environment: str) -> None:
    ssm.client.delete_parameter(Name=f"/penstock/{environment}/hosts/acme.example")
    tenants.enable("acme")
    assert tenants.by_host("acme.example") == ACME


def test_of_many_who_add_one_host_at_once_one_gets_it(
    aws_server: StandIn, environment: str, clock: Clock
) -> None:
    ssm = client_of(aws_server, "ssm")
    tenants = SsmTenants(client=ssm, environment=environment, seconds=60, now=clock)

    def add(number: int) -> bool:
        try:
            tenants.add(Tenant(id=f"t{number}", hosts=("wanted.example",)))
        except SetupError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        added = list(pool.map(add, range(6)))
    assert sum(added) == 1
    assert tenants.by_host("wanted.example").id == f"t{added.index(True)}"
