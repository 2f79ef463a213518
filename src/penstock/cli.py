"""The command `penstock`."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from penstock import __version__
from penstock.errors import PenstockError
from penstock.model.key import Role
from penstock.settings import Settings

app = typer.Typer(
    help="Any slice of a tenant's dataset, streamed from a URL.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
keys_app = typer.Typer(help="API keys: make, list and revoke them.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")

Home = Annotated[
    Path | None,
    typer.Option(help="Folder for tenants, keys, receipts and data (default: PENSTOCK_HOME)."),
]


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
    from penstock.local.lean import leave_out_unused

    leave_out_unused()
    from penstock.local.compose import Served
    from penstock.local.serve import serve as serve_until_interrupted

    settings = _settings(home=home, host=host, port=port)
    served = Served(path=path, null_text=null, demo=not no_demo)
    serve_until_interrupted(settings, served, open_browser=open_browser)


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
    from penstock.client.command import get as get_file

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


@keys_app.command("add")
def add_key(
    tenant: Annotated[str, typer.Option(help="The tenant's id.")],
    user: Annotated[str, typer.Option(help="Whom the key is for.")],
    *,
    role: Annotated[Role, typer.Option(help="What it may do.")] = "reader",
    days: Annotated[
        int | None, typer.Option(min=1, help="Days until it expires; without, it doesn't.")
    ] = None,
    home: Home = None,
) -> None:
    """Make a key and print it: it is shown this once and stored nowhere."""
    from penstock.local import key_commands

    print(key_commands.add(_settings(home=home), tenant=tenant, user=user, role=role, days=days))


@keys_app.command("list")
def list_keys(
    tenant: Annotated[str, typer.Option(help="The tenant's id.")], *, home: Home = None
) -> None:
    """List a tenant's keys by their public prefixes."""
    from penstock.local import key_commands

    print(key_commands.listed(_settings(home=home), tenant=tenant))


@keys_app.command("revoke")
def revoke_key(
    prefix: Annotated[str, typer.Argument(help="The key's public prefix, from the list.")],
    tenant: Annotated[str, typer.Option(help="The tenant's id.")],
    *,
    home: Home = None,
) -> None:
    """End a key at once."""
    from penstock.local import key_commands

    print(key_commands.revoke(_settings(home=home), tenant=tenant, prefix=prefix))


@keys_app.command("sign")
def sign(
    path: Annotated[str, typer.Argument(help="A dataset's name, such as conservation-area.")],
    tenant: Annotated[str, typer.Option(help="The tenant's id.")],
    *,
    minutes: Annotated[int, typer.Option(min=1, help="How long the URL opens it.")] = 60,
    home: Home = None,
) -> None:
    """Print the query that makes a URL of this dataset open without a key, in any format."""
    from penstock.local import key_commands

    print(key_commands.sign(_settings(home=home), tenant=tenant, dataset=path, minutes=minutes))


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


def _settings(**given: Any) -> Settings:
    """Read the environment; what was given on the command line comes first."""
    from pydantic import ValidationError

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        from penstock.errors import SetupError

        fault = error.errors(include_url=False, include_input=False)[0]
        name = "PENSTOCK_" + "_".join(str(part) for part in fault["loc"]).upper()
        raise SetupError(f"{name} can't be used: {fault['msg']}.") from error
