"""The streaming runtime: the loop of a function that answers one invocation after another.

Lambda starts it in place of the managed Python runtime, which does not stream: see
layers/web/penstock-stream.
"""

import asyncio
import importlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Protocol

from starlette.types import ASGIApp

from penstock.aws.runtime.answering import answer
from penstock.aws.runtime.api import RuntimeApi
from penstock.errors import RuntimeApiError, SetupError
from penstock.lean import (
    have_engine_give_back,
    keep_trimmed,
    leave_out_unused,
    share_one_heap,
    take_short_turns,
    without_collecting,
)

_TRACE_VARIABLE = "_X_AMZN_TRACE_ID"
"""Where tracing looks for the invocation that it belongs to."""

_log = logging.getLogger("penstock.aws")


class MakeApp(Protocol):
    """What a streaming function's handler is: it composes an app for the body, and closes it."""

    def __call__(self) -> AbstractContextManager[ASGIApp]:
        """Compose the app; whatever it raises fails the function's start."""
        ...


async def run(make_app: MakeApp, api: RuntimeApi) -> int:
    """Compose the app once, and have it answer until the task is cancelled.

    Gives the exit code of a function that can't begin or has lost its Runtime API, which was told,
    where it could be. Between two invocations nothing of the first one is left.
    """
    with ExitStack() as stack:
        try:
            app = stack.enter_context(make_app())
        except Exception as error:  # noqa: BLE001 - whatever it is: logged, and reported
            _log.exception("the function can't begin")
            await _report(api, error)
            return 1
        try:
            while True:
                invocation = await api.next()
                os.environ[_TRACE_VARIABLE] = invocation.trace_id
                await answer(app, invocation, api)
                # What waits for an invocation may wait for long: it is not to hold the last one.
                del invocation
        except RuntimeApiError:
            _log.exception("the function ends")
            return 1


def handler_named(name: str) -> Any:
    """Import `module.function`, as the managed runtime's handlers are written.

    Raises SetupError if there is none.
    """
    module, _, function = name.replace("/", ".").rpartition(".")
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise SetupError(f"The handler {name} can't be imported: {error}.") from error


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Run the function that Lambda's variables describe, until SIGTERM; gives the exit code.

    Lambda sends SIGTERM before it ends an environment, where the function has extensions.
    """
    # What a function prints is its log, and is not to wait for the next invocation.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # a TextIOWrapper
    leave_out_unused()
    have_engine_give_back()
    take_short_turns()
    api = RuntimeApi(environment["AWS_LAMBDA_RUNTIME_API"])

    @contextmanager
    def make_app() -> Iterator[ASGIApp]:
        with ExitStack() as stack:
            with without_collecting():
                # Imported here, so that a module that fails is a start that failed.
                composing: MakeApp = handler_named(environment["_HANDLER"])
                share_one_heap()
                app = stack.enter_context(composing())
            stack.enter_context(keep_trimmed())
            yield app

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_until_terminated(make_app, api))


async def _report(api: RuntimeApi, error: Exception) -> None:
    # A message may hold what is not for whoever invoked the function.
    said = error.detail if isinstance(error, SetupError) else "its log says why"
    try:
        await api.fail_to_begin(
            kind="Penstock.InitFailed", message=f"the function can't begin: {said}"
        )
    except RuntimeApiError:
        _log.exception("nobody is told")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    if sys.platform == "win32":
        return asyncio.new_event_loop
    import uvloop  # noqa: PLC0415 - not there on Windows

    return uvloop.new_event_loop


async def _until_terminated(make_app: MakeApp, api: RuntimeApi) -> int:
    serving = asyncio.create_task(run(make_app, api))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
    try:
        return await serving
    except asyncio.CancelledError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
