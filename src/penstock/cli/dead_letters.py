"""`penstock dead-letters`: jobs that failed for good, to be looked at, tried again or dropped."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from penstock.cli.homes import Aws, Home, HomeDeadLetters, administered
from penstock.errors import SetupError, UnknownJobError
from penstock.model.clock import utc_now
from penstock.model.job import Job
from penstock.model.message import DeadLetter

dead_letters_app = typer.Typer(
    help="Dead letters: list, show, redrive and discard what failed for good.",
    no_args_is_help=True,
)

LetterArgument = Annotated[str, typer.Argument(metavar="ID", help="A dead letter's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

MOST = 1000
_REASON_CHARACTERS = 100


@dead_letters_app.command("list")
def list_letters(
    *,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="The most that are listed.")] = 100,
    as_json: AsJson = False,
    home: Home = None,
    aws: Aws = None,
) -> None:
    """List dead letters, the oldest first: their job, how old they are, and why they died."""
    from penstock.client.jobs.words import age_of, columns_of

    with administered(home=home, aws=aws) as opened:
        letters = opened.open_letters().letters.list(limit=limit)
    if as_json:
        print(_json([_described(letter) for letter in letters]))
        return
    if not letters:
        print("There are no dead letters.")
        return
    now = utc_now()
    rows = [
        (letter.id, age_of(letter.buried, now), *_addressed(letter), _shortened(letter.reason))
        for letter in letters
    ]
    print("\n".join(columns_of([("ID", "AGE", "TENANT", "TYPE", "JOB", "REASON"), *rows])))


@dead_letters_app.command("show")
def show_letter(
    letter_id: LetterArgument, *, as_json: AsJson = False, home: Home = None, aws: Aws = None
) -> None:
    """Show a dead letter, and its job as it is now."""
    from penstock.client.jobs.words import columns_of

    with administered(home=home, aws=aws) as opened:
        opened_letters = opened.open_letters()
        letter = _found(opened_letters, letter_id)
        job = _job_of(opened_letters, letter)
    if as_json:
        described = _described(letter) | {"job": None if job is None else _job_described(job)}
        print(_json(described))
        return
    tenant, type_name, job_id = _addressed(letter)
    facts = [
        ("letter", letter.id),
        ("buried", f"{letter.buried.isoformat(' ', 'seconds')}"),
        ("reason", _plain(letter.reason)),
        ("body", _plain(letter.body)),
        ("tenant", tenant),
        ("type", type_name),
        ("job", job_id),
    ]
    if job is not None:
        facts += [("state", job.state), ("user", _plain(job.user)), ("attempts", str(job.attempt))]
        facts += [("params", json.dumps(dict(job.params), ensure_ascii=True))]
        if job.error is not None:
            facts.append(("error", _plain(f"{job.error.message} ({job.error.code})")))
    elif letter.message is not None:
        facts.append(("state", "no longer stored"))
    print("\n".join(columns_of(facts)))


@dead_letters_app.command("redrive")
def redrive_letters(
    letter_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="A dead letter's id.")
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All that there are now.")] = False,
    home: Home = None,
    aws: Aws = None,
) -> None:
    """Try a failed job anew, with all its attempts, once its cause is mended.

    With --all, those that can't be redriven stay, and the exit code is 1.
    """
    if (letter_id is None) is not every:
        raise typer.BadParameter("name one dead letter, or --all.", param_hint="ID")
    with administered(home=home, aws=aws) as opened:
        letters = opened.open_letters()
        wanted = (
            letters.letters.list(limit=MOST) if letter_id is None else [_found(letters, letter_id)]
        )
        if not wanted:
            print("There are no dead letters.")
        left = 0
        for letter in wanted:
            try:
                job = letters.redrive(letter)
            except SetupError as error:
                if letter_id is not None:
                    raise
                print(f"{letter.id} stays: {error.detail}")
                left += 1
                continue
            print(f"{letter.id}: job {job.id} ({_plain(job.type)}) is {job.state} again.")
    if left:
        raise typer.Exit(1)


@dead_letters_app.command("discard")
def discard_letter(letter_id: LetterArgument, *, home: Home = None, aws: Aws = None) -> None:
    """Drop a dead letter; its job stays as it is, failed."""
    with administered(home=home, aws=aws) as opened:
        letter = opened.open_letters().letters.take(letter_id)
    print(f"{letter.id} is gone: {_shortened(letter.reason)}")


def _found(opened: HomeDeadLetters, letter_id: str) -> DeadLetter:
    found = next((each for each in opened.letters.list(limit=MOST) if each.id == letter_id), None)
    if found is None:
        raise SetupError(f"There is no dead letter “{letter_id}”.")
    return found


def _job_of(opened: HomeDeadLetters, letter: DeadLetter) -> Job | None:
    if letter.message is None:
        return None
    try:
        return opened.store.get(letter.message.tenant, letter.message.job_id)
    except UnknownJobError:
        return None


def _addressed(letter: DeadLetter) -> tuple[str, str, str]:
    message = letter.message
    if message is None:
        return "-", "-", "-"
    return message.tenant, _plain(message.type), message.job_id


def _described(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "buried": letter.buried.isoformat(),
        "reason": letter.reason,
        "body": letter.body,
        "message": None if letter.message is None else asdict(letter.message),
    }


def _job_described(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "tenant": job.tenant,
        "user": job.user,
        "type": job.type,
        "params": dict(job.params),
        "state": job.state,
        "attempt": job.attempt,
        "created": job.created.isoformat(),
        "error": None if job.error is None else asdict(job.error),
    }


def _json(said: object) -> str:
    return json.dumps(said, ensure_ascii=False, indent=1)


def _shortened(text: str) -> str:
    plain = _plain(text)
    return plain if len(plain) <= _REASON_CHARACTERS else f"{plain[:_REASON_CHARACTERS]}…"


def _plain(text: str) -> str:
    """Keep what a queue held from steering the terminal, and from taking more than one line."""
    return "".join(each if each.isprintable() else " " for each in text)
