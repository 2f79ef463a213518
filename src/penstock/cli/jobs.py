"""`penstock jobs`."""

from typing import Annotated

import typer

from penstock.cli.service_options import AsJson, Force, Formats, KeyEnv, Output, Quiet, Url
from penstock.model.job import JobKind


def jobs(  # noqa: PLR0913 - as many as a command has options
    job: Annotated[
        str | None, typer.Argument(help="A job's id; without it, your jobs are listed.")
    ] = None,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show how far it is, or all are, until the end.")
    ] = False,
    output: Output = None,
    formats: Formats = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="End the job.")] = False,
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove the job, with its files.")
    ] = False,
    kind: Annotated[JobKind | None, typer.Option(help="List only these.")] = None,
    state: Annotated[str | None, typer.Option(help="List only these, such as FAILED.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most that are listed.")] = 20,
    url: Url = None,
    key_env: KeyEnv = None,
    force: Force = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Look at jobs of the service, follow them, end them, or download a result.

    Exit codes: 0 done; 1 it failed, or the job that was watched did; 2 it can't be done as asked
    for; 130 on Ctrl-C, after which jobs go on.
    """
    from penstock.client.commands import jobs as command
    from penstock.client.commands.session import JobOptions

    asked = JobOptions(url=url, key_env=key_env, quiet=quiet, as_json=as_json, force=force)
    if delete and (cancel or watch or output is not None):
        raise typer.BadParameter(
            "a job that is removed can only be removed.", param_hint="--delete"
        )
    if job is None:
        if cancel or delete or output is not None:
            raise typer.BadParameter("name one job.", param_hint="JOB")
        if watch:
            raise typer.Exit(command.watch_jobs(asked=asked, kind=kind, state=state))
        raise typer.Exit(command.list_jobs(asked=asked, kind=kind, state=state, limit=limit))
    if kind is not None or state is not None:
        raise typer.BadParameter("they are for lists of jobs.", param_hint="--kind, --state")
    if delete:
        raise typer.Exit(command.delete_job(job, asked=asked))
    raise typer.Exit(
        command.show_job(
            job,
            asked=asked,
            watch=watch,
            cancel=cancel,
            output=output,
            formats=formats or (),
        )
    )
