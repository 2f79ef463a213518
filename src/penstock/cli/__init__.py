"""The command `penstock`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from penstock import __version__
from penstock.cli.dead_letters import dead_letters_app
from penstock.cli.export import export
from penstock.cli.homes import Home, settings_of
from penstock.cli.invoke import invoke
from penstock.cli.jobs import jobs
from penstock.cli.keys import keys_app
from penstock.cli.tenants import tenants_app
from penstock.errors import PenstockError, SetupError
from penstock.model.job import SIZES

app = typer.Typer(
    help="Any slice of a tenant's dataset, streamed from a URL.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(keys_app, name="keys")
app.add_typer(tenants_app, name="tenants")
app.add_typer(dead_letters_app, name="dead-letters")
app.command()(export)
app.command()(jobs)
app.command()(invoke)


@app.command()
def serve(
    path: Annotated[
        Path | None,
        typer.Argument(help="A folder of Parquet and CSV files, or one file, as one tenant."),
    ] = None,
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    home: Home = None,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the start page in a browser.")
    ] = False,
    no_demo: Annotated[
        bool, typer.Option("--no-demo", help="Serve no generated demo tenants.")
    ] = False,
    null: Annotated[
        str | None, typer.Option(help="Text that means null in CSV files, such as NA.")
    ] = None,
) -> None:
    """Serve datasets over HTTP until Ctrl-C."""
    from penstock.lean import leave_out_unused

    leave_out_unused()
    from penstock.local.opened_store import ServedPath
    from penstock.local.serve import serve as serve_until_interrupted

    settings = settings_of(home=home, host=host, port=port)
    served = ServedPath(path=path, null_text=null, demo=not no_demo)
    serve_until_interrupted(settings, served, open_browser=open_browser)


@app.command()
def work(
    path: Annotated[
        Path | None, typer.Argument(help="What `penstock serve` serves, if it was given a path.")
    ] = None,
    *,
    home: Home = None,
    size: Annotated[
        list[str] | None,
        typer.Option(help="Size of the jobs to work on (small, medium, large); all if not given."),
    ] = None,
    tenant: Annotated[
        str | None, typer.Option(help="Work on the jobs of this tenant alone, by its id.")
    ] = None,
    no_demo: Annotated[
        bool, typer.Option("--no-demo", help="Leave the generated demo tenants out.")
    ] = False,
    null: Annotated[
        str | None, typer.Option(help="Text that means null in CSV files, such as NA.")
    ] = None,
    supervised: Annotated[
        bool, typer.Option(hidden=True, help="End with standard input, not with Ctrl-C.")
    ] = False,
) -> None:
    """Work on jobs until Ctrl-C; `penstock serve` starts workers of its own."""
    from penstock.lean import leave_out_unused, stop_leaving_out_numpy

    leave_out_unused()
    from penstock.local.opened_store import ServedPath
    from penstock.local.work import work as work_until_interrupted

    stop_leaving_out_numpy()

    sizes = [each for each in SIZES if not size or each in size]
    if unknown := set(size or ()) - set(SIZES):
        raise SetupError(
            f"{', '.join(sorted(unknown))} is no size of jobs: there are {', '.join(SIZES)}."
        )
    served = ServedPath(path=path, null_text=null, demo=not no_demo)
    work_until_interrupted(
        settings_of(home=home), served, sizes=sizes, tenant=tenant, supervised=supervised
    )


@app.command()
def get(
    url: Annotated[str, typer.Argument(help="The URL of a download.")],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="File or folder to write; - is standard output."),
    ] = None,
    *,
    key_env: Annotated[
        str | None,
        typer.Option(help="Environment variable that holds the API key (default PENSTOCK_KEY)."),
    ] = None,
    retries: Annotated[int, typer.Option(min=0, help="Attempts after one that broke off.")] = 8,
    coding: Annotated[
        Literal["auto", "zstd", "gzip", "identity"],
        typer.Option(help="Content coding on the way."),
    ] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show errors only.")] = False,
    force: Annotated[bool, typer.Option(help="Replace a file that is there already.")] = False,
) -> None:
    """Download a URL to a file: resumes after a break, and checks what arrived."""
    from penstock.client.commands.get import get as get_file

    raise typer.Exit(
        get_file(
            url,
            output,
            key_env=key_env,
            retries=retries,
            quiet=quiet,
            force=force,
            coding=coding,
        )
    )


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


def main() -> None:
    """Run the command; a deliberate error is one line and exit code 1."""
    try:
        app()
    except PenstockError as error:
        print(f"penstock: {error.detail}", file=sys.stderr)
        sys.exit(1)
