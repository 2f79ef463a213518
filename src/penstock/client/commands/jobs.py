"""The command `penstock jobs`, from its options to its exit code."""

import json
from collections.abc import Sequence
from datetime import datetime

from penstock.client.commands.ending import DONE, ended, put, say
from penstock.client.commands.session import JobOptions, Session, code_of
from penstock.client.jobs.fetching import refuse_output, wanted_formats
from penstock.client.jobs.job_view import JobView
from penstock.client.jobs.jobs_api import JobLook, Jobs
from penstock.client.jobs.words import age_of, columns_of, details_of, progress_of, state_of
from penstock.errors import SetupError, TransferError

UNFINISHED = ("ACCEPTED", "QUEUED", "RUNNING", "FINALIZING", "CANCELLING")
"""The states of jobs that are watched."""

MOST_WATCHED = 500

_HEADINGS = ("JOB", "TYPE", "STATE", "ROWS", "AGE")
_COMMAND = "penstock jobs"


def list_jobs(*, asked: JobOptions, kind: str | None, state: str | None, limit: int) -> int:
    """Print jobs, the newest first; give the exit code."""

    def body() -> int:
        with Session(asked).jobs() as jobs:
            found = list(jobs.list(kind=kind, state=_state(state), limit=limit))
        if asked.as_json:
            put(_json([looked.job.raw for looked in found]))
        elif found:
            rows = [_row(looked.job, looked.at) for looked in found]
            put("\n".join(columns_of([_HEADINGS, *rows])))
        else:
            say("There are no such jobs.")
        return DONE

    return ended(_COMMAND, body, interrupted=lambda: "Stopped.")


def watch_jobs(*, asked: JobOptions, kind: str | None, state: str | None) -> int:
    """Show all jobs that aren't over until they are; 1 if one of them didn't end well."""

    def body() -> int:
        session = Session(asked)
        with session.jobs() as jobs:
            begun = _unfinished(jobs, kind=kind, state=_state(state))
            if not begun:
                say("No such job is under way.")
            return _watched(session, jobs, begun)

    return ended(_COMMAND, body, interrupted=lambda: "Stopped; the jobs go on.")


def show_job(
    job_id: str,
    *,
    asked: JobOptions,
    watch: bool = False,
    cancel: bool = False,
    output: str | None = None,
    formats: Sequence[str] = (),
) -> int:
    """Print one job, or follow it, end it, or download its result; give the exit code.

    With `output` a job that isn't over is waited for. Codes: 0 done, 1 it failed, was cancelled
    (other than by `cancel`) or can't be fetched, 2 can't be begun as asked for, 130 interrupted.
    """
    sessions: list[Session] = []

    def body() -> int:
        if output == "-" and asked.as_json:
            raise SetupError("Standard output takes the result or --json, not both.")
        if output is not None and cancel:
            raise SetupError("A job that is cancelled has no result: leave out --output.")
        chosen = () if output is None else wanted_formats(output, formats)
        if output is not None:
            refuse_output(output, force=asked.force)
        session = Session(asked)
        sessions.append(session)
        with session.jobs() as jobs:
            looked = jobs.cancel(job_id) if cancel else _found(jobs, job_id)
            if output is not None:
                if not looked.job.is_over and (code := _watched(session, jobs, [looked])):
                    return code
                return session.fetch(jobs, job_id, chosen, output)
            if watch:
                code = _watched(session, jobs, [looked])
                return DONE if cancel else code
            _print(looked, asked)
        return DONE

    def interrupted() -> str:
        further = next((session.begun for session in sessions), None)
        return f"Stopped; job {further or job_id} goes on."

    return ended(_COMMAND, body, interrupted=interrupted)


def delete_job(job_id: str, *, asked: JobOptions) -> int:
    """Remove a job with its files; one that isn't over is cancelled by that."""

    def body() -> int:
        with Session(asked).jobs() as jobs:
            jobs.delete(job_id)
        if not asked.quiet:
            say(f"Job {job_id} and its files are gone.")
        return DONE

    return ended(_COMMAND, body, interrupted=lambda: "Stopped.")


def _watched(session: Session, jobs: Jobs, begun: Sequence[JobLook]) -> int:
    over = session.watch(jobs, begun)
    if session.asked.as_json:
        put("\n".join(json.dumps(job.raw, ensure_ascii=False) for job in over))
    return code_of(over)


def _unfinished(jobs: Jobs, *, kind: str | None, state: str | None) -> list[JobLook]:
    wanted = UNFINISHED if state is None else (state,)
    found: dict[str, JobLook] = {}
    # A job may take a step between two lists, and be in both.
    for each in wanted:
        for looked in jobs.list(kind=kind, state=each, limit=MOST_WATCHED):
            found[looked.job.id] = looked
    return sorted(found.values(), key=lambda looked: looked.job.id)


def _found(jobs: Jobs, job_id: str) -> JobLook:
    looked = jobs.look(job_id)
    if looked is None:
        raise TransferError("The server says that nothing has changed, and was not asked.")
    return looked


def _print(looked: JobLook, asked: JobOptions) -> None:
    if asked.as_json:
        put(_json(looked.job.raw))
        return
    put("\n".join(details_of(looked.job, looked.at)))
    if looked.job.went_well and not asked.quiet:
        say(f"Its result: {asked.again(looked.job.id, '-o', 'FILE')}.")


def _row(job: JobView, at: datetime) -> tuple[str, ...]:
    return job.id, job.type, state_of(job), progress_of(job), age_of(job.created, at)


def _state(state: str | None) -> str | None:
    return None if state is None else state.upper()


def _json(said: object) -> str:
    return json.dumps(said, ensure_ascii=False, indent=1)
