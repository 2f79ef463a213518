"""Sockets: `/v1/events` as a WebSocket, which tells a user of the user's own jobs."""

import asyncio
import json
import secrets
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect

from penstock.errors import BadTicketError, KeyNeededError, TooManyAtOnceError
from penstock.model.event import JobEvent
from penstock.model.tenant import Tenant
from penstock.ports import Feed, Listener
from penstock.web.answers import Answer
from penstock.web.identity import Asker
from penstock.web.jobs import answers
from penstock.web.jobs.api import JobsApi
from penstock.web.jobs.hub import Hub, Member
from penstock.web.jobs.listening import digest_of, missed
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
        each job. One that falls far behind, or is an hour old, is closed so that it comes back.

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
        member = await hub.join(listener)
        try:
            ports = self._api.ports
            found = await asyncio.to_thread(missed, ports.store, ports.events, listener, after)
            await socket.accept()
            await _serve(socket, member, found)
        finally:
            hub.leave(member)

    async def _listener(self, ticket: str, tenant: Tenant) -> Listener:
        listener = await asyncio.to_thread(self._api.tickets.take, digest_of(ticket))
        if listener is None or listener.tenant != tenant.id:
            raise BadTicketError
        return listener


async def _serve(socket: WebSocket, member: Member, missed: list[JobEvent]) -> None:
    sending = asyncio.create_task(_send(socket, member, missed))
    losing = asyncio.create_task(member.mailbox.lost())
    receiving = asyncio.create_task(_until_left(socket))
    tasks = {sending, losing, receiving}
    try:
        await asyncio.wait(tasks, timeout=_LONGEST_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        has_left = receiving.done()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        error = None if task.cancelled() else task.exception()
        has_left = has_left or isinstance(error, WebSocketDisconnect)
        if error is not None and not isinstance(error, WebSocketDisconnect):
            raise error
    if not has_left:
        # One that takes nothing can't be told either: its connection is dropped then.
        with suppress(TimeoutError, WebSocketDisconnect):
            async with asyncio.timeout(_CLOSING_SECONDS):
                await socket.close(COME_BACK, "come back, and replay")


async def _send(socket: WebSocket, member: Member, missed: list[JobEvent]) -> None:
    told: dict[str, int] = {}
    for event in missed:
        await _tell(socket, event, told)
    while (arrived := await member.mailbox.take()) is not None:
        await _tell(socket, arrived, told)


async def _tell(socket: WebSocket, event: JobEvent, told: dict[str, int]) -> None:
    if event.seq > told.get(event.job_id, BEFORE_ALL):
        told[event.job_id] = event.seq
        await socket.send_text(json.dumps(event.described(), ensure_ascii=False))


async def _until_left(socket: WebSocket) -> None:
    """Return once the client has left; what it says until then means nothing."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
