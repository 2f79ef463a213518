"""An execution environment: one process of a function, which answers one event after another."""

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import IO, Any

from penstock.aws.invoke.server import Answer, Offer, RuntimeApiServer
from penstock.errors import FunctionError

INIT_SECONDS = 10.0
"""What Lambda gives a function to begin
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html)."""

FUNCTION_ARN = "arn:aws:lambda:{region}:123456789012:function:{name}"
"""The account is the one that AWS's documentation uses."""


@asynccontextmanager
async def environment(
    command: Sequence[str],
    variables: Mapping[str, str],
    *,
    output: IO[bytes] | int | None = None,
    init_seconds: float = INIT_SECONDS,
) -> AsyncIterator["Environment"]:
    """Start a function's process for the body, and kill it after it.

    `variables` are its whole environment, but for AWS_LAMBDA_RUNTIME_API; what it prints goes to
    `output`, as subprocess takes it.
    """
    made = Environment(init_seconds=init_seconds)
    try:
        await made.start(command, variables, output)
        yield made
    finally:
        await made.stop()


class Environment:
    """A process, and the Runtime API that it talks to."""

    def __init__(self, *, init_seconds: float) -> None:
        self._server = RuntimeApiServer(on_ready=self._be_ready, on_taken=self._be_taken)
        self._init_seconds = init_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._exited: asyncio.Task[int] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._arn = ""
        self._answer: Answer | None = None
        self._stopped_for: FunctionError | None = None

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._started().pid

    @property
    def is_sound(self) -> bool:
        """Whether it can take another event."""
        runs = self._exited is not None and not self._exited.done()
        was_cut = self._answer is not None and self._answer.was_cut
        return runs and not was_cut and self._stopped_for is None

    async def start(
        self, command: Sequence[str], variables: Mapping[str, str], output: IO[bytes] | int | None
    ) -> None:
        """Start the process; the time it has to begin in runs from now."""
        address = await self._server.start()
        self._arn = FUNCTION_ARN.format(
            region=variables.get("AWS_REGION", "eu-west-2"),
            name=variables.get("AWS_LAMBDA_FUNCTION_NAME", "function"),
        )
        self._process = await asyncio.create_subprocess_exec(
            *command,
            env={**variables, "AWS_LAMBDA_RUNTIME_API": address},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        self._exited = asyncio.create_task(self._process.wait())
        self._stop_after(
            self._init_seconds,
            FunctionError(
                "Sandbox.InitTimedout", f"the function did not begin in {self._init_seconds:g} s"
            ),
        )

    async def stop(self) -> None:
        """Kill the process and drop its connections."""
        self._cancel_timer()
        self._kill()
        if self._exited is not None:
            await self._exited
        await self._server.stop()

    async def invoke(self, event: bytes, *, seconds: float) -> Answer:
        """Have the process answer an event; gives the answer as soon as it begins.

        The process is killed when the seconds are over, whether or not its answer has begun.

        Raises FunctionError if there is no answer.
        """
        offer = Offer(
            request_id=str(uuid.uuid4()),
            event=event,
            seconds=seconds,
            headers={
                "Lambda-Runtime-Invoked-Function-Arn": self._arn,
                "Lambda-Runtime-Trace-Id": _new_trace_id(),
            },
        )
        await self._server.offer(offer)
        exited = self._exited
        if exited is None:
            raise RuntimeError("the environment was not started")
        either: set[asyncio.Future[Any]] = {offer.answered, exited}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if offer.answered.done():
            self._answer = await offer.answered
            self._answer.cut_by = self._stopped_for
            return self._answer
        offer.answered.cancel()
        raise self._stopped_for or FunctionError(
            "Runtime.ExitError", f"the process ended with {exited.result()}"
        )

    async def until_idle(self, seconds: float) -> None:
        """Wait until the process asks for another event, for so many seconds at most, or ends."""
        if self._exited is None:
            raise RuntimeError("the environment was not started")
        idle = asyncio.create_task(self._idle.wait())
        either: set[asyncio.Future[Any]] = {idle, self._exited}
        await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        idle.cancel()

    def _be_ready(self) -> None:
        self._cancel_timer()
        self._idle.set()

    def _be_taken(self, offer: Offer) -> None:
        self._idle.clear()
        self._stop_after(
            offer.seconds,
            FunctionError(
                "Sandbox.Timedout", f"the function timed out after {offer.seconds:g} seconds"
            ),
        )

    def _stop_after(self, seconds: float, reason: FunctionError) -> None:
        def end() -> None:
            self._stopped_for = reason
            if self._answer is not None:
                self._answer.cut_by = reason
            self._kill()

        self._cancel_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, end)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError("the environment was not started")
        return self._process


def _new_trace_id() -> str:
    """Make an id as X-Ray's are written: the time, and 96 random bits."""
    return f"Root=1-{int(time.time()):08x}-{os.urandom(12).hex()};Sampled=0"
