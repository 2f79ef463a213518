"""The command `penstock export`, from its options to its exit code."""

import json
from collections.abc import Sequence

from penstock.client.commands.ending import DONE, KEY_VARIABLE, ended, put, say
from penstock.client.commands.session import JobOptions, Session, code_of
from penstock.client.jobs.fetching import refuse_output, wanted_formats
from penstock.client.jobs.jobs_api import Jobs
from penstock.client.jobs.values import converted, pairs_of_texts
from penstock.client.jobs.words import described
from penstock.errors import SetupError, TransferError

_COMMAND = "penstock export"


def export(
    type_name: str,
    params: Sequence[str],
    *,
    asked: JobOptions,
    formats: Sequence[str] = (),
    idempotency_key: str | None = None,
    wait: bool = False,
    output: str | None = None,
) -> int:
    """Submit an export and print its job's id; give the exit code.

    With `wait` it is followed to its end, and with an `output` its result is downloaded then: the
    job also writes it as one file in each format that is to be downloaded, since an answer has a
    limit of size and a file has none.
    Codes: 0 done, 1 it failed, was cancelled or can't be fetched, 2 can't be begun as asked for,
    130 interrupted, which leaves the job to go on.
    """
    sessions: list[Session] = []

    def body() -> int:
        if output == "-" and asked.as_json:
            raise SetupError("Standard output takes the result or --json, not both.")
        chosen = () if output is None else wanted_formats(output, formats)
        if output is not None:
            refuse_output(output, force=asked.force)
        pairs = pairs_of_texts(params)
        session = Session(asked)
        sessions.append(session)
        with session.jobs() as jobs:
            looked = jobs.export(
                type_name,
                converted(pairs, _schema(jobs, type_name)) if pairs else {},
                formats=tuple(dict.fromkeys((*formats, *chosen))),
                idempotency_key=idempotency_key,
            )
            job = looked.job
            session.begun = job.id
            if not (asked.as_json or output == "-"):
                put(job.id)
            if not (wait or output is not None):
                if asked.as_json:
                    put(_json(job.raw))
                elif not asked.quiet:
                    say(
                        f"It is on its way. See how far: {asked.again(job.id, '--watch')}. "
                        f"Its result: {asked.again(job.id, '-o', 'FILE')}."
                    )
                return DONE
            over = session.watch(jobs, [looked])
            if asked.as_json:
                put(_json(over[-1].raw))
            if code := code_of(over):
                return code
            if output is not None:
                return session.fetch(jobs, job.id, chosen, output)
            if not asked.quiet:
                say(f"Its result: {asked.again(job.id, '-o', 'FILE')}.")
            return DONE

    def interrupted() -> str:
        job_id = next((session.begun for session in sessions), None)
        if job_id is None:
            return f"Stopped. Whether the export was begun is seen with {asked.again()}."
        return (
            f"Stopped; job {job_id} goes on. See how far: {asked.again(job_id, '--watch')}. "
            f"End it: {asked.again(job_id, '--cancel')}."
        )

    return ended(_COMMAND, body, interrupted=interrupted)


def list_types(*, asked: JobOptions, type_name: str | None = None) -> int:
    """Print the types of export that the service has, or one, each with its parameters."""

    def body() -> int:
        with Session(asked).jobs() as jobs:
            kinds = jobs.export_types()
        if type_name is not None:
            known = ", ".join(kind.name for kind in kinds)
            kinds = [kind for kind in kinds if kind.name == type_name]
            if not kinds:
                raise TransferError(f"There is no such type. There are: {known or 'none'}.")
        if asked.as_json:
            put(_json([kind.raw for kind in kinds]))
        elif kinds:
            put("\n".join(described(kinds)))
        else:
            say(
                f"There is nothing here to export without a key: put yours into {KEY_VARIABLE}. "
                "Where you run the service yourself, make one with: penstock keys add "
                "--tenant TENANT --user NAME (of a folder that is served, the tenant is local)."
            )
        return DONE

    return ended(_COMMAND, body, interrupted=lambda: "Stopped.")


def _schema(jobs: Jobs, type_name: str) -> dict[str, object]:
    """Give the schema of a type's parameters; empty where there is no such type to be had."""
    found = (kind for kind in jobs.export_types() if kind.name == type_name)
    return dict(next((kind.schema for kind in found), {}))


def _json(said: object) -> str:
    return json.dumps(said, ensure_ascii=False, indent=1)
