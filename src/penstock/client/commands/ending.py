"""Ending: how a command ends, in one line on standard error and an exit code."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from penstock.client.terminal import printable
from penstock.errors import SetupError, TransferError

KEY_VARIABLE = "PENSTOCK_KEY"

DONE, FAILED, UNUSABLE, INTERRUPTED = 0, 1, 2, 130

_ENDING_SECONDS = 3.0
"""What letting go of a connection and a file may take."""


def ended(command: str, body: Callable[[], int], *, interrupted: Callable[[], str]) -> int:
    """Run the body of a command and give its exit code: 0 done, or what it failed with.

    1: it failed. 2: it can't be begun as it was asked for. 130: Ctrl-C, with what `interrupted`
    says of it; further ones are passed over while it ends, and for no longer than that takes. Each
    failure is a line on standard error that begins with the command.
    """
    try:
        with _one_interrupt():
            return body()
    except SetupError as error:
        return _fail(command, error.detail, UNUSABLE)
    except TransferError as error:
        return _fail(command, error.detail, FAILED)
    except BrokenPipeError:
        return _fail(command, "Whoever reads standard output has left.", FAILED)
    except OSError as error:
        return _fail(command, f"Can't write: {error.strerror or error}.", FAILED)
    except KeyboardInterrupt:
        return _fail(command, interrupted(), INTERRUPTED)


@contextmanager
def _one_interrupt() -> Iterator[None]:
    """Have the first Ctrl-C within the body end it, and those after it do nothing at all.

    Who is told something while the process ends would else see a traceback in its place. Where
    ending takes too long, the next one ends the process on the spot.
    """
    is_ours = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    if not is_ours or before is not signal.default_int_handler:
        yield
        return
    came: list[float] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        came.append(time.monotonic())
        if len(came) == 1:
            signal.default_int_handler(number, frame)
        if came[-1] - came[0] > _ENDING_SECONDS:
            os._exit(INTERRUPTED)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        # Ignored signals stay so until the very end of the process, when no handler is left.
        signal.signal(signal.SIGINT, signal.SIG_IGN if came else before)


def put(text: str) -> None:
    """Write lines to standard output, at once. Raises BrokenPipeError if its reader has left."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # What is in the buffer has nowhere to go: the interpreter must not try again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def say(line: str) -> None:
    """Write a line to standard error, whatever a server put into it."""
    sys.stderr.write(printable(line) + "\n")


def key_in(environment: Mapping[str, str], name: str | None) -> str | None:
    """Take the API key out of the variable `name`, or PENSTOCK_KEY if that is set.

    Raises SetupError if a variable that was named holds nothing.
    """
    key = environment.get(name or KEY_VARIABLE, "").strip()
    if name is not None and not key:
        raise SetupError(f"The variable {name} holds no API key.")
    return key or None


def _fail(command: str, detail: str, code: int) -> int:
    say(f"{command}: {detail}")
    return code
