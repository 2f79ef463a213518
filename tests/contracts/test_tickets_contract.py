"""What every adapter of Tickets promises."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.aws_tables import client_of, fresh_name, make_sockets_table
from tests.moving_clock import Clock

from penstock.aws.jobs.tickets import DynamoTickets
from penstock.aws.services.dynamo_table import DynamoTable
from penstock.local.jobs.tickets import MemoryTickets
from penstock.ports import Listener, Tickets

ANN = Listener(tenant="acme", user="ann", is_admin=False)
ADMIN = Listener(tenant="river", user="ü #1", is_admin=True)


@pytest.fixture(params=["dynamo", "memory"])
def tickets(request: pytest.FixtureRequest, clock: Clock) -> Tickets:
    if request.param == "memory":
        return MemoryTickets()
    client = client_of(request.getfixturevalue("aws_server"), "dynamodb")
    name = fresh_name("sockets")
    make_sockets_table(client, name=name)
    return DynamoTickets(DynamoTable(client, name), now=clock)


def test_a_ticket_tells_whose_it_is_once(tickets: Tickets) -> None:
    tickets.put("ab" * 32, ANN, seconds=30)
    tickets.put("cd" * 32, ADMIN, seconds=30)
    assert tickets.take("cd" * 32) == ADMIN
    assert tickets.take("cd" * 32) is None
    assert tickets.take("ab" * 32) == ANN


def test_a_ticket_that_nobody_gave_is_none(tickets: Tickets) -> None:
    tickets.put("ab" * 32, ANN, seconds=30)
    for unknown in ("", "ab", "cd" * 32):
        assert tickets.take(unknown) is None


def test_a_ticket_that_is_over_is_none(tickets: Tickets) -> None:
    tickets.put("ab" * 32, ANN, seconds=-1)
    assert tickets.take("ab" * 32) is None


def test_of_many_that_take_a_ticket_at_once_one_gets_it(tickets: Tickets) -> None:
    tickets.put("ab" * 32, ANN, seconds=30)
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: tickets.take("ab" * 32), range(16)))
    assert [each for each in taken if each is not None] == [ANN]
