"""`penstock export`."""

from typing import Annotated

import typer

from penstock.cli.service_options import AsJson, Force, Formats, KeyEnv, Output, Quiet, Url


def export(  # noqa: PLR0913 - as many as a command has options
    type_name: Annotated[
        str | None,
        typer.Argument(metavar="TYPE", help="What to export; without it, types are listed."),
    ] = None,
    *,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param", "-p", metavar="NAME=VALUE", help="A parameter; repeatable, also for lists."
        ),
    ] = None,
    formats: Formats = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the job to its end.")] = False,
    output: Output = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(help="A key of your own: with it, the same command gives the same job."),
    ] = None,
    list_them: Annotated[
        bool, typer.Option("--list", help="List the types and their parameters.")
    ] = False,
    url: Url = None,
    key_env: KeyEnv = None,
    force: Force = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Export what is too large or too slow for one download, as a job of the service.

    Prints the job's id. With --wait it is followed to its end; with --output, too, and the result
    is downloaded then, in the format of the file's extension. Exit codes: 0 done; 1 it failed; 2 it
    can't be begun as asked for; 130 on Ctrl-C, after which the job goes on (penstock jobs).
    """
    from penstock.client.commands.export import export as export_job
    from penstock.client.commands.export import list_types
    from penstock.client.commands.session import JobOptions

    asked = JobOptions(url=url, key_env=key_env, quiet=quiet, as_json=as_json, force=force)
    if type_name is None or list_them:
        if param or formats or wait or output or idempotency_key:
            hint = "TYPE" if type_name is None else "--list"
            raise typer.BadParameter("types are listed: leave all else out.", param_hint=hint)
        raise typer.Exit(list_types(asked=asked, type_name=type_name))
    raise typer.Exit(
        export_job(
            type_name,
            param or (),
            asked=asked,
            formats=formats or (),
            idempotency_key=idempotency_key,
            wait=wait,
            output=output,
        )
    )
