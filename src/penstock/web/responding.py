"""Responding: answers are made in threads, and become the responses of the framework."""

from collections.abc import Callable

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from penstock.reading.engine import Allowance
from penstock.web.answers import Answer, StreamedBody
from penstock.web.front.access_log import record_of
from penstock.web.request_facts import note_what
from penstock.web.resources import Resources
from penstock.web.sending.stream import DisconnectWatch, send_answer

_PREPARING_AT_ONCE = 64


class RequestRunner:
    """Runs what makes an answer in a thread, for as long as the client stays.

    64 at once; more wait.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._limiter: CapacityLimiter | None = None

    async def __call__(self, request: Request, make: Callable[[Allowance], Answer]) -> Response:
        """Give the response; `make` is called with what it may cost, and raises what it raises."""
        if self._limiter is None:
            self._limiter = CapacityLimiter(_PREPARING_AT_ONCE)
        allowance = Allowance(seconds=self._resources.query_seconds)
        disconnect = DisconnectWatch(request.receive, allowance.cancel)
        try:
            # When the service ends, nobody waits for the thread: its queries end with it.
            answer = await to_thread.run_sync(
                make, allowance, abandon_on_cancel=True, limiter=self._limiter
            )
        except BaseException:
            allowance.cancel()
            disconnect.close()
            raise
        note_what(request)
        return AnswerResponse(answer, resources=self._resources, disconnect=disconnect)


class AnswerResponse(Response):
    """An answer as the framework's response."""

    def __init__(
        self,
        answer: Answer,
        *,
        resources: Resources | None = None,
        disconnect: DisconnectWatch | None = None,
    ) -> None:
        super().__init__(status_code=answer.status)
        self._answer = answer
        self._resources = resources
        self._disconnect = disconnect

    async def __call__(
        self,
        scope: Scope,
        receive: Receive,  # noqa: ARG002 - the watch receives
        send: Send,
    ) -> None:
        """Send it, and note in the record how many rows it held."""
        try:
            await send_answer(
                self._answer, scope, send, resources=self._resources, disconnect=self._disconnect
            )
        finally:
            if isinstance(self._answer.body, StreamedBody):
                record_of(scope).rows = self._answer.body.rows()
