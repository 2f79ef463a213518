import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests import stand_ins
from tests.aws_tables import client_of, fresh_name, make_sockets_table
from tests.job_homes import a_job, told
from tests.management_api import ManagementApi, management_api
from tests.moving_clock import Clock
from tests.stand_ins import StandIn

from penstock.aws.jobs.socket_events import SocketEvents
from penstock.aws.jobs.sockets import LONGEST_OPEN, DynamoSockets
from penstock.aws.jobs.tickets import DynamoTickets
from penstock.aws.services.dynamo_table import DynamoTable
from penstock.errors import BusyError, TooManyAtOnceError
from penstock.model.job import ANONYMOUS
from penstock.ports import Listener

ANN = Listener(tenant="acme", user="ann", is_admin=False)
BOB = Listener(tenant="acme", user="bob", is_admin=False)
ADMIN = Listener(tenant="acme", user="ada", is_admin=True)
THEIRS = Listener(tenant="river", user="ann", is_admin=True)
A_MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def records(aws_server: StandIn) -> DynamoTable:
    client, name = client_of(aws_server, "dynamodb"), fresh_name("sockets")
    make_sockets_table(client, name=name)
    return DynamoTable(client, name)


@pytest.fixture
def sockets(records: DynamoTable, clock: Clock) -> DynamoSockets:
    return DynamoSockets(records, now=clock, sockets_a_user=3)


@pytest.fixture
def api() -> Iterator[ManagementApi]:
    with management_api() as api:
        yield api


@pytest.fixture
def events(api: ManagementApi, sockets: DynamoSockets) -> SocketEvents:
    client = stand_ins.client_of("apigatewaymanagementapi", api.endpoint)
    return SocketEvents(client=client, sockets=sockets)


def test_an_event_reaches_its_user_and_the_tenants_admins_alone(
    events: SocketEvents, sockets: DynamoSockets, api: ManagementApi
) -> None:
    for socket_id, listener in {
        "a1=": ANN,
        "a2=": ANN,
        "b=": BOB,
        "c=": ADMIN,
        "d=": THEIRS,
    }.items():
        sockets.opened(socket_id, listener)
    event = told(a_job(user="ann"))
    events.publish(event)
    assert set(api.posted) == {"a1=", "a2=", "c="}
    for said in api.posted.values():
        assert [json.loads(each) for each in said] == [event.described()]


def test_nobody_hears_of_a_visitors_job(
    events: SocketEvents, sockets: DynamoSockets, api: ManagementApi
) -> None:
    sockets.opened("x", Listener(tenant="acme", user=ANONYMOUS, is_admin=False))
    sockets.opened("c", ADMIN)
    events.publish(told(a_job(user=ANONYMOUS)))
    assert not api.posted


def test_a_user_named_like_a_place_of_others_hears_nothing_of_them(
    events: SocketEvents, sockets: DynamoSockets, api: ManagementApi
) -> None:
    sockets.opened("x", Listener(tenant="acme", user="ann#admins", is_admin=False))
    sockets.opened("y", Listener(tenant="acme", user="", is_admin=False))
    events.publish(told(a_job(user="ann")))
    assert not api.posted


def test_a_closed_socket_hears_nothing_more_and_may_be_closed_again(
    events: SocketEvents, sockets: DynamoSockets, api: ManagementApi
) -> None:
    sockets.opened("a", ANN)
    sockets.closed("a")
    sockets.closed("a")
    sockets.closed("unknown")
    events.publish(told(a_job(user="ann")))
    assert not api.posted


def test_a_socket_that_is_gone_is_forgotten_but_not_while_it_is_being_opened(
    events: SocketEvents, sockets: DynamoSockets, api: ManagementApi, clock: Clock
) -> None:
    sockets.opened("a", ANN)
    api.statuses["a"] = 410
    event = told(a_job(user="ann"))
    events.publish(event)
    assert [socket.id for socket in sockets.hearing(event)] == ["a"]
    clock.time += A_MINUTE
    events.publish(event)
    assert sockets.hearing(event) == []


def test_where_one_socket_cannot_be_reached_the_others_get_the_event_first(
    events: SocketEvents, sockets: DynamoSockets, api: ManagementApi
) -> None:
    for socket_id in ("a", "b", "c"):
        sockets.opened(socket_id, ANN)
    event = told(a_job(user="ann"))
    api.statuses["a"] = 500
    with pytest.raises(BusyError):
        events.publish(event)
    assert set(api.posted) == {"b", "c"}
    del api.statuses["a"]
    events.publish(event)
    assert set(api.posted) == {"a", "b", "c"}


def test_what_no_other_attempt_would_get_through_is_passed_over(
    events: SocketEvents, sockets: DynamoSockets, api: ManagementApi
) -> None:
    sockets.opened("a", ANN)
    api.statuses["a"] = 413
    event = told(a_job(user="ann"))
    events.publish(event)
    assert [socket.id for socket in sockets.hearing(event)] == ["a"]


def test_a_socket_that_is_open_for_too_long_is_ended_in_place_of_an_event(
    events: SocketEvents, sockets: DynamoSockets, api: ManagementApi, clock: Clock
) -> None:
    sockets.opened("a", ANN)
    clock.time += LONGEST_OPEN + timedelta(seconds=1)
    event = told(a_job(user="ann"))
    events.publish(event)
    assert (dict(api.posted), api.ended) == ({}, ["a"])
    assert sockets.hearing(event) == []


def test_a_user_has_no_more_sockets_than_allowed_and_others_have_theirs(
    sockets: DynamoSockets, clock: Clock
) -> None:
    for socket_id in ("a", "b", "c"):
        sockets.opened(socket_id, ADMIN)
    with pytest.raises(TooManyAtOnceError):
        sockets.opened("d", ADMIN)
    sockets.opened("e", Listener(tenant="acme", user="eve", is_admin=True))
    sockets.closed("a")
    sockets.opened("d", ADMIN)
    clock.time += LONGEST_OPEN + timedelta(seconds=1)
    sockets.opened("f", ADMIN)


def test_a_ticket_counts_for_its_time_and_no_longer(records: DynamoTable, clock: Clock) -> None:
    tickets = DynamoTickets(records, now=clock)
    for name in ("a", "b"):
        tickets.put(name, ANN, seconds=30)
    clock.time += timedelta(seconds=29)
    assert tickets.take("a") == ANN
    clock.time += timedelta(seconds=2)
    assert tickets.take("b") is None
