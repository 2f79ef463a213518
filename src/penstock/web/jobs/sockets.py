"""Sockets: `/v1/events` as a WebSocket, which tells a user of the user's own jobs."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import TypeAlias

from starlette.websockets import WebSocket, WebSocketDisconnect

from penstock.errors import BadTicketError, BusyError, KeyNeededError, TooManyAtOnceError
from penstock.model.event import JobEvent
from penstock.model.tenant import Tenant
from penstock.ports import Feed, Listener
from penstock.web.answers import Answer
from penstock.web.front.identity import Asker
from penstock.web.jobs import answers
from penstock.web.jobs.api import JobsApi
from penstock.web.jobs.hub import Hub, Subscriber
from penstock.web.jobs.listening import after_in, digest_of, missed
from penstock.web.jobs.requests import BEFORE_ALL, socket_parameters

TICKET_SECONDS = 30
COME_BACK = 1013
"""Closes a socket whose client is to open another one, and to replay: “try again later”
(https://www.iana.org/assignments/websocket, close codes)."""

_TICKET_BYTES = 32
_LONGEST_SECONDS = 3600
"""Whoever listens shows, at least this often, that the key is still good."""
_CLOSING_SECONDS = 1.0
_RETRY_SECONDS = 10

_AskedFor: TypeAlias = Callable[[str], Awaitable[list[JobEvent]]]
"""Gives what a socket's message asks for; raises BusyError."""


def new_ticket(api: JobsApi, asker: Asker) -> Answer:
    """Answer `POST /v1/events/tickets`: a ticket that opens one socket within 30 s.

    Raises KeyNeededError and BusyError.
    """
    if asker.key is None:
        raise KeyNeededError
    ticket = secrets.token_urlsafe(_TICKET_BYTES)
    listener = Listener(
        tenant=asker.tenant.id, user=asker.key.user, is_admin=asker.key.role == "admin"
    )
    api.tickets.put(digest_of(ticket), listener, seconds=TICKET_SECONDS)
    return answers.as_json(
        {"ticket": ticket, "expires_in": TICKET_SECONDS, "url": api.sockets_url}, status=201
    )


class Sockets:
    """Serves the sockets of this process; nothing is looked up before the first one."""

    def __init__(self, api: JobsApi, feed: Feed) -> None:
        self._api = api
        self._feed = feed
        self._hub: Hub | None = None

    async def __call__(self, socket: WebSocket) -> None:
        """Serve one socket, from its ticket to its end.

        It gets what it missed of the jobs named in `after`, and then each event once, in order for
        each job. What it asks for by a message (`after_in`) it is told at once, also what it was
        told before. One that falls far behind, or is an hour old, is closed so that it comes back.

        Raises, before anything is sent, the errors of its parameters, BadTicketError,
        TooManyAtOnceError and BusyError.
        """
        ticket, after = socket_parameters(socket.scope["query_string"])
        listener = await self._listener(ticket, socket.scope["penstock.tenant"])
        if self._hub is None:
            ports = self._api.ports
            self._hub = Hub(self._feed, ports.events, ports.upkeep, self._api.signals)
        hub = self._hub
        most = self._api.sockets_a_user
        if hub.count(listener.tenant, listener.user) >= most:
            raise TooManyAtOnceError("sockets", limit=most, retry_after_seconds=_RETRY_SECONDS)
        subscriber = await hub.join(listener)
        try:
            found = await asyncio.to_thread(self._missed, listener, after)
            await socket.accept()

            async def asked_for(said: str) -> list[JobEvent]:
                return await asyncio.to_thread(self._missed, listener, after_in(said))

            await _serve(socket, subscriber, found, asked_for)
        finally:
            hub.leave(subscriber)

    def _missed(self, listener: Listener, after: Mapping[str, int]) -> list[JobEvent]:
        return missed(self._api.ports.store, self._api.ports.events, listener, after)

    async def _listener(self, ticket: str, tenant: Tenant) -> Listener:
        listener = await asyncio.to_thread(self._api.tickets.take, digest_of(ticket))
        if listener is None or listener.tenant != tenant.id:
            raise BadTicketError
        return listener


async def _serve(
    socket: WebSocket, subscriber: Subscriber, missed: list[JobEvent], asked_for: _AskedFor
) -> None:
    line = _Line(socket)
    sending = asyncio.create_task(_send(line, subscriber, missed))
    losing = asyncio.create_task(subscriber.mailbox.lost())
    receiving = asyncio.create_task(_receive(socket, line, asked_for))
    tasks = {sending, losing, receiving}
    try:
        await asyncio.wait(tasks, timeout=_LONGEST_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    has_left = False
    for task in tasks:
        error = None if task.cancelled() else task.exception()
        has_left = has_left or isinstance(error, WebSocketDisconnect)
        # What can't be read just now is asked for again by a client that comes back.
        if error is not None and not isinstance(error, WebSocketDisconnect | BusyError):
            raise error
    if not has_left:
        # One that takes nothing can't be told either: its connection is dropped then.
        with suppress(TimeoutError, WebSocketDisconnect):
            async with asyncio.timeout(_CLOSING_SECONDS):
                await socket.close(COME_BACK, "come back, and replay")


class _Line:
    """What goes to one socket: one event, or all of a replay, after the other."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._told: dict[str, int] = {}
        self._turn = asyncio.Lock()

    async def tell(self, event: JobEvent) -> None:
        """Tell of an event, unless that was told, or a later one of its job."""
        async with self._turn:
            if event.seq > self._told.get(event.job_id, BEFORE_ALL):
                await self._send(event)

    async def replay(self, events: Iterable[JobEvent]) -> None:
        """Tell of events, whatever was told before."""
        async with self._turn:
            for event in events:
                await self._send(event)

    async def _send(self, event: JobEvent) -> None:
        self._told[event.job_id] = max(event.seq, self._told.get(event.job_id, BEFORE_ALL))
        await self._socket.send_text(json.dumps(event.described(), ensure_ascii=False))


async def _send(line: _Line, subscriber: Subscriber, missed: Iterable[JobEvent]) -> None:
    await line.replay(missed)
    while (arrived := await subscriber.mailbox.take()) is not None:
        await line.tell(arrived)


async def _receive(socket: WebSocket, line: _Line, asked_for: _AskedFor) -> None:
    """Answer what the client asks for, one message after the other.

    Raises WebSocketDisconnect once it has left, and BusyError.
    """
    while (message := await socket.receive())["type"] != "websocket.disconnect":
        await line.replay(await asked_for(message.get("text") or ""))
    raise WebSocketDisconnect
