"""`penstock work`: a process that works on jobs until it is told to end."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from penstock.errors import BusyError
from penstock.errors.location import code_path
from penstock.jobs.run import RunOutcome, run
from penstock.jobs.worker import Worker
from penstock.lean import keep_trimmed, share_one_heap, take_short_turns
from penstock.local.compose_work import compose_work
from penstock.local.jobs.queue import ReceivedMessage, SqliteQueue
from penstock.local.opened_store import ServedPath
from penstock.model.job import SizeClass
from penstock.model.job_id import logged_id
from penstock.model.message import JobMessage
from penstock.settings import Settings

_LOOK_SECONDS = 0.1
_VISIBLE_SECONDS = 900
"""A message that comes again while its job is worked on says nothing new: the job's row decides."""
_BUSY_SECONDS = 5
_MOST_DELIVERIES = 3
"""How often a message comes that nothing can be done with: as the queues of a stack have it."""
_LOG = logging.getLogger("penstock.jobs")


def work(
    settings: Settings,
    served: ServedPath,
    *,
    sizes: Sequence[SizeClass],
    supervised: bool,
    tenant: str | None = None,
) -> None:
    """Work on jobs of these size classes, one after the other, until interrupted.

    With `tenant` on that one's alone; without, on all but those of tenants with their own workers.
    A `supervised` worker ends when its standard input does, and leaves Ctrl-C to its supervisor.
    What it works on just then is handed back, and goes on in another worker.

    Raises SetupError if the home can't be used.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    share_one_heap()
    take_short_turns()
    ending = threading.Event()
    if supervised:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=_await_end_of_input, args=(ending,), daemon=True).start()
    else:
        signal.signal(signal.SIGINT, lambda *_: ending.set())
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    with ExitStack() as stack:
        stack.enter_context(keep_trimmed())
        worker, queue = stack.enter_context(
            compose_work(settings, served, is_stopping=ending.is_set)
        )
        work_off(
            worker, queue, sizes=sizes, tenant=tenant, is_ending=ending.is_set, wait=ending.wait
        )


def work_off(
    worker: Worker,
    queue: SqliteQueue,
    *,
    sizes: Sequence[SizeClass],
    is_ending: Callable[[], bool],
    wait: Callable[[float], object],
    tenant: str | None = None,
) -> None:
    """Take messages off a queue and work on their jobs, until `is_ending`.

    With `tenant`, only that one's are taken.
    """
    while not is_ending():
        try:
            received = queue.receive(
                sizes, visible_seconds=_VISIBLE_SECONDS, tenant=tenant, holder=worker.owner
            )
            if received is None:
                wait(_LOOK_SECONDS)
                continue
            try:
                ran = run(worker, received.message)
            except BusyError:
                queue.release(received, delay_seconds=_BUSY_SECONDS)
                raise
            except Exception as error:  # noqa: BLE001 - one message must not end who works on all
                _LOG.error("job id=%s %s", logged_id(received.message.job_id), code_path(error))
                _put_off(queue, received)
                continue
            queue.done(received)
        except BusyError as error:
            _LOG.warning("jobs: %s", error.detail)
            wait(_BUSY_SECONDS)
            continue
        _log(received.message, ran)


def _put_off(queue: SqliteQueue, received: ReceivedMessage) -> None:
    """Have a message come again whose job's row can't be made use of, or bury it after a while."""
    if received.delivered < _MOST_DELIVERIES:
        queue.release(received, delay_seconds=_BUSY_SECONDS)
        return
    queue.bury(received.message, reason="unforeseen: The job's row can't be made use of.")
    queue.done(received)


def _log(message: JobMessage, ran: RunOutcome) -> None:
    job = ran.job
    _LOG.info(
        "job tenant=%s id=%s type=%s outcome=%s state=%s attempt=%s rows=%s fault=%s",
        message.tenant,
        logged_id(message.job_id),
        message.type,
        ran.outcome,
        job.state if job else "-",
        job.attempt if job else "-",
        job.high_water if job else "-",
        type(ran.fault).__name__ if ran.fault else "-",
    )
    if job is not None and job.error is not None and job.error.kind == "unforeseen" and ran.fault:
        _LOG.error("job id=%s %s", logged_id(job.id), code_path(ran.fault))


def _await_end_of_input(ending: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    ending.set()
