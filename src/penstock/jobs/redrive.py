"""Redriving: a job that failed for good is tried again, because somebody mended its cause."""

from datetime import datetime

from penstock.errors import JobStateError, SetupError, UnknownJobError
from penstock.jobs.steps import take_step
from penstock.jobs.submit import dispatch
from penstock.model.job import Job
from penstock.model.message import DeadLetter
from penstock.ports import JobPorts


def redrive(ports: JobPorts, letter: DeadLetter, *, now: datetime) -> Job:
    """Try the job of a dead letter anew, with all its attempts; the letter is gone afterwards.

    Raises SetupError where the letter names no job that failed: it stays where it is.
    """
    if letter.message is None:
        raise SetupError(f"Dead letter {letter.id} names no job; it can only be discarded.")
    try:
        job = ports.store.get(letter.message.tenant, letter.message.job_id)
        job = take_step(ports, job, Job.redriven, now=now)
    except UnknownJobError as error:
        raise SetupError(
            f"The job of dead letter {letter.id} was deleted, or is kept no longer, and can't be "
            f"tried again: drop the letter with penstock dead-letters discard {letter.id}."
        ) from error
    except JobStateError as error:
        raise SetupError(f"Dead letter {letter.id}: {error.detail}") from error
    # The job is redriven already; a letter that stays behind can be discarded.
    ports.letters.take(letter.id)
    return dispatch(ports, job, now=now)
