"""What a socket's message asks for, it is told: the same by an own service and by a stack."""

import json
import socket as sockets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.aws_tables import client_of, fresh_name
from tests.flows.job_service import Jobs, job_service
from tests.flows.job_steps import Worker, through, working_in
from tests.flows.stack_functions import Functions
from tests.flows.stack_on_stand_ins import add_key, made_stack
from tests.management_api import management_api
from tests.stand_ins import StandIn
from websockets.sync.client import ClientConnection, connect

from penstock.aws.jobs.events import DynamoJobEvents
from penstock.aws.jobs.store import DynamoJobStore
from penstock.aws.services.dynamo_table import DynamoTable
from penstock.model.job_id import new_job_id

PATIENCE_SECONDS = 30
NOTHING = ["", "ping", "[]", "{", '{"after": 7}', '{"after": {"x": 1}}', '{"after": {}}']

Told = list[tuple[str, int]]
"""Names of events with their numbers."""


class Socket(Protocol):
    """An open socket, from its client's side."""

    def say(self, text: str) -> None:
        """Send a message."""
        ...

    def hear(self, count: int) -> Told:
        """Give the next events; fewer than that fail the test."""
        ...


class Home(Protocol):
    """A service, or a stack, with jobs that went through."""

    def job(self, *, user: str = "ada") -> str:
        """Have a job go through; give its id."""
        ...

    def events(self, job_id: str) -> Told:
        """Give the job's stored events."""
        ...

    @contextmanager
    def opened(self, user: str = "ada") -> Iterator[Socket]:
        """Open a socket of a user for the body."""
        ...


@dataclass(frozen=True, slots=True)
class OwnSocket:
    listening: ClientConnection

    def say(self, text: str) -> None:
        self.listening.send(text)

    def hear(self, count: int) -> Told:
        said = [json.loads(self.listening.recv(timeout=PATIENCE_SECONDS)) for _ in range(count)]
        return [(each["event"], each["seq"]) for each in said]


@dataclass(frozen=True, slots=True)
class OwnService:
    jobs: Jobs
    worker: Worker

    def job(self, *, user: str = "ada") -> str:
        job = self.worker.begin(user=user)
        through(self.worker, job)
        return job.id

    def events(self, job_id: str) -> Told:
        stored = self.worker.ports.events.after("acme", job_id, 0)
        return [(event.name, event.seq) for event in stored]

    @contextmanager
    def opened(self, user: str = "ada") -> Iterator[Socket]:
        asked = self.jobs.ask("POST", "/v1/events/tickets", key=self.jobs.key(user))
        port = self.jobs.service.port
        address = f"ws://localhost:{port}/v1/events?ticket={asked.json()['ticket']}"
        with connect(address, sock=sockets.create_connection(("localhost", port))) as listening:
            yield OwnSocket(listening)


@dataclass(slots=True)
class StackSocket:
    functions: Functions
    id: str
    heard: int = 0

    def say(self, text: str) -> None:
        assert self.functions.socket("$default", self.id, body=text) == 200

    def hear(self, count: int) -> Told:
        new = self.functions.heard(self.id)[self.heard :]
        assert len(new) >= count
        self.heard += count
        return new[:count]


@dataclass(frozen=True, slots=True)
class DeployedStack:
    functions: Functions
    keys: dict[str, str] = field(default_factory=dict)

    def job(self, *, user: str = "ada") -> str:
        job: dict[str, Any] = self.functions.begin(self._key(user))
        assert self.functions.work(*self.functions.messages()) == []
        return str(job["id"])

    def events(self, job_id: str) -> Told:
        stack = self.functions.stack
        records = DynamoTable(client_of(stack.aws, "dynamodb"), stack.jobs_table)
        assert DynamoJobStore(records).get("acme", job_id).is_over
        stored = DynamoJobEvents(records).after("acme", job_id, 0)
        return [(event.name, event.seq) for event in stored]

    @contextmanager
    def opened(self, user: str = "ada") -> Iterator[Socket]:
        socket = StackSocket(self.functions, fresh_name("socket"))
        given = {"ticket": self.functions.ticket(self._key(user))}
        assert self.functions.socket("$connect", socket.id, queryStringParameters=given) == 200
        try:
            yield socket
        finally:
            assert self.functions.socket("$disconnect", socket.id) == 200

    def _key(self, user: str) -> str:
        if user not in self.keys:
            self.keys[user] = add_key(self.functions.stack, user=user)
        return self.keys[user]


@contextmanager
def own_service(folder: Path) -> Iterator[Home]:
    with job_service(folder, requests_per_minute=0) as jobs, working_in(jobs.home) as worker:
        yield OwnService(jobs, worker)


@contextmanager
def deployed_stack(s3: StandIn, aws: StandIn) -> Iterator[Home]:
    with ExitStack() as running:
        api = running.enter_context(management_api())
        yield DeployedStack(Functions(made_stack(s3, aws), api, running))


@pytest.fixture(scope="module", params=["own service", "stack"])
def home(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Home]:
    if request.param == "own service":
        with own_service(tmp_path_factory.mktemp("missed")) as home:
            yield home
    else:
        servers = [request.getfixturevalue(name) for name in ("s3_server", "aws_server")]
        with deployed_stack(*servers) as home:
            yield home


def asking(**after: int) -> str:
    return json.dumps({"after": after})


def test_what_was_missed_is_told_in_order(home: Home) -> None:
    job = home.job()
    stored = home.events(job)
    assert len(stored) >= 3
    with home.opened() as socket:
        socket.say(asking(**{job: 0}))
        assert socket.hear(len(stored)) == stored
        last = stored[-2][1]
        socket.say(asking(**{job: last}))
        assert socket.hear(1) == stored[-1:]


def test_of_several_jobs_each_is_told_from_where_it_was_known(home: Home) -> None:
    first, second = home.job(), home.job()
    of_first, of_second = home.events(first), home.events(second)
    with home.opened() as socket:
        socket.say(asking(**{first: of_first[0][1], second: of_second[-2][1]}))
        assert socket.hear(len(of_first)) == [*of_first[1:], of_second[-1]]


def test_jobs_of_others_and_unknown_ones_are_passed_over(home: Home) -> None:
    theirs, own = home.job(user="eve"), home.job()
    with home.opened() as socket:
        socket.say(asking(**{theirs: 0, new_job_id(): 0}))
        socket.say(asking(**{own: home.events(own)[-2][1]}))
        assert socket.hear(1) == home.events(own)[-1:]


def test_what_was_told_is_told_again_to_who_asks_again(home: Home) -> None:
    job = home.job()
    stored = home.events(job)
    with home.opened() as socket:
        for _ in range(2):
            socket.say(asking(**{job: 0}))
            assert socket.hear(len(stored)) == stored


def test_what_is_no_such_message_is_answered_with_nothing(home: Home) -> None:
    job = home.job()
    with home.opened() as socket:
        for said in NOTHING:
            socket.say(said)
        socket.say(asking(**{job: home.events(job)[-2][1]}))
        assert socket.hear(1) == home.events(job)[-1:]
