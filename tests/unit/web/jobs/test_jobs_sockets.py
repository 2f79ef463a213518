import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.websockets import WebSocket
from tests.flows.job_steps import Worker, working_in
from tests.job_homes import a_job, told
from tests.unit.web.composed_tenant import asker, tenant_with

from penstock.errors import BadTicketError, BusyError, KeyNeededError
from penstock.model.event import JobEvent
from penstock.model.progress import Progress
from penstock.web.jobs.mailbox import MOST_WAITING
from penstock.web.jobs.sockets import COME_BACK, Sockets, new_ticket
from penstock.web.resources import Resources

PATIENCE_SECONDS = 60


class Client:
    """The server's side of a client that takes messages when it is let to, and says what it may."""

    def __init__(self, resources: Resources, ticket: str, *, takes: bool = True) -> None:
        self.tried: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []
        self._arrived = asyncio.Event()
        self.takes = asyncio.Event()
        if takes:
            self.takes.set()
        self._says: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._says.put_nowait({"type": "websocket.connect"})
        scope = {
            "type": "websocket",
            "path": "/v1/events",
            "headers": [],
            "query_string": f"ticket={ticket}".encode(),
            "penstock.tenant": asker(resources).tenant,
        }
        self.socket = WebSocket(scope, self._says.get, self._send)

    async def _send(self, message: Any) -> None:
        self.tried.append(message)
        self._arrived.set()
        if message["type"] != "websocket.accept":
            await self.takes.wait()
        self.sent.append(message)
        self._arrived.set()

    async def got(self, enough: Callable[[], bool]) -> None:
        while not enough():
            self._arrived.clear()
            await self._arrived.wait()

    def leave(self) -> None:
        self._says.put_nowait({"type": "websocket.disconnect", "code": 1000})

    def says(self, text: str) -> None:
        self._says.put_nowait({"type": "websocket.receive", "text": text})

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(each["text"]) for each in self.sent if "text" in each]


def bounded(work: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await work()

    asyncio.run(run())


def ticket_of(resources: Resources, user: str = "ada") -> str:
    assert resources.jobs is not None
    answer = new_ticket(resources.jobs, asker(resources, user=user))
    assert isinstance(answer.body, bytes)
    given: str = json.loads(answer.body)["ticket"]
    return given


def sockets_of(resources: Resources) -> Sockets:
    assert resources.jobs is not None
    assert resources.jobs.feed is not None
    return Sockets(resources.jobs, resources.jobs.feed)


def flooded(worker: Worker) -> None:
    """Store more events than a mailbox holds."""
    for _ in range(MOST_WAITING + 10):
        job = replace(a_job(user="ada"), progress=Progress(seq=1))
        worker.ports.store.add(job, told(job))


def test_a_client_that_takes_nothing_is_left_and_its_socket_ends(tmp_path: Path) -> None:
    with tenant_with(tmp_path / "home") as resources, working_in(tmp_path / "home") as worker:

        async def listen() -> None:
            client = Client(resources, ticket_of(resources), takes=False)
            serving = asyncio.create_task(sockets_of(resources)(client.socket))
            await client.got(lambda: bool(client.sent))
            await asyncio.to_thread(flooded, worker)
            await serving
            assert [each["type"] for each in client.sent] == ["websocket.accept"]

        bounded(listen)


def test_a_client_that_fell_behind_is_told_to_come_back(tmp_path: Path) -> None:
    with tenant_with(tmp_path / "home") as resources, working_in(tmp_path / "home") as worker:

        async def listen() -> None:
            client = Client(resources, ticket_of(resources), takes=False)
            sockets = sockets_of(resources)
            serving = asyncio.create_task(sockets(client.socket))
            await client.got(lambda: bool(client.sent))
            await asyncio.to_thread(flooded, worker)
            await client.got(lambda: client.tried[-1]["type"] == "websocket.close")
            client.takes.set()
            await serving
            assert client.sent[-1]["type"] == "websocket.close"
            assert client.sent[-1]["code"] == COME_BACK

        bounded(listen)


def test_what_means_nothing_is_passed_over_and_a_clients_leave_ends_the_socket(
    tmp_path: Path,
) -> None:
    with tenant_with(tmp_path / "home") as resources, working_in(tmp_path / "home") as worker:

        async def listen() -> None:
            client = Client(resources, ticket_of(resources))
            serving = asyncio.create_task(sockets_of(resources)(client.socket))
            await client.got(lambda: bool(client.sent))
            client.says("[" * 1000)
            job = await asyncio.to_thread(worker.begin)
            await client.got(lambda: bool(client.events))
            assert client.events[0]["job_id"] == job.id
            client.leave()
            await serving
            assert client.sent[-1]["type"] == "websocket.send"

        bounded(listen)


def test_what_is_asked_for_is_told_whatever_was_told_and_then_what_comes(tmp_path: Path) -> None:
    with tenant_with(tmp_path / "home") as resources, working_in(tmp_path / "home") as worker:

        async def listen() -> None:
            client = Client(resources, ticket_of(resources))
            serving = asyncio.create_task(sockets_of(resources)(client.socket))
            await client.got(lambda: bool(client.sent))
            job = await asyncio.to_thread(worker.begin)
            await client.got(lambda: len(client.events) == 1)
            client.says(json.dumps({"after": {job.id: 0}}))
            await client.got(lambda: len(client.events) == 2)
            await asyncio.to_thread(worker.start, job)
            await client.got(lambda: len(client.events) == 3)
            names = [event["event"] for event in client.events]
            assert names == ["job.accepted", "job.accepted", "job.started"]
            client.leave()
            await serving

        bounded(listen)


class BusyEvents:
    """Events of jobs that can't be read."""

    def after(self, tenant: str, job_id: str, seq: int) -> list[JobEvent]:
        raise BusyError(f"{tenant}'s {job_id} behind {seq}: not now.", retry_after_seconds=1)

    def unpublished(self, *, limit: int) -> list[JobEvent]:
        raise BusyError(f"{limit} of them: not now.", retry_after_seconds=1)

    def published(self, event: JobEvent) -> None:
        pass


def test_who_asks_for_what_can_not_be_read_just_now_is_told_to_come_back(tmp_path: Path) -> None:
    with tenant_with(tmp_path / "home") as resources, working_in(tmp_path / "home") as worker:

        async def listen() -> None:
            job = await asyncio.to_thread(worker.begin)
            api = resources.jobs
            assert api is not None
            assert api.feed is not None
            busy = replace(api, ports=replace(api.ports, events=BusyEvents()))
            client = Client(resources, ticket_of(resources))
            serving = asyncio.create_task(Sockets(busy, api.feed)(client.socket))
            await client.got(lambda: bool(client.sent))
            client.says(json.dumps({"after": {job.id: 0}}))
            await serving
            assert client.sent[-1]["type"] == "websocket.close"
            assert client.sent[-1]["code"] == COME_BACK

        bounded(listen)


def test_a_ticket_is_stored_as_a_hash_and_opens_once(tmp_path: Path) -> None:
    with tenant_with(tmp_path / "home") as resources:
        ticket = ticket_of(resources)
        assert resources.jobs is not None
        digest = hashlib.sha256(ticket.encode()).hexdigest()
        listener = resources.jobs.tickets.take(digest)
        assert listener is not None
        assert (listener.user, listener.is_admin) == ("ada", False)

        async def listen() -> None:
            with pytest.raises(BadTicketError):
                await sockets_of(resources)(Client(resources, ticket).socket)

        bounded(listen)
        with pytest.raises(KeyNeededError):
            new_ticket(resources.jobs, asker(resources))


def test_a_ticket_says_where_sockets_are_served(tmp_path: Path) -> None:
    with tenant_with(tmp_path / "home") as resources:
        assert resources.jobs is not None
        elsewhere = replace(resources.jobs, sockets_url="wss://sockets.example/prod")
        answer = new_ticket(elsewhere, asker(resources, user="ada"))
        assert isinstance(answer.body, bytes)
        assert json.loads(answer.body)["url"] == "wss://sockets.example/prod"
