"""`penstock invoke`."""

from pathlib import Path
from typing import Annotated

import typer

from penstock.errors import SetupError


def invoke(
    function: Annotated[str, typer.Argument(help="The function's name in the template.")],
    *,
    event: Annotated[
        Path, typer.Option("--event", "-e", help="File with the event; - is standard input.")
    ],
    template: Annotated[Path, typer.Option(help="The template.")] = Path("template.yaml"),
    env_vars: Annotated[
        Path | None,
        typer.Option(help='JSON file of variables: {"DownloadFunction": {"NAME": "value"}}.'),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A parameter of the template; repeatable."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File for the body, in place of standard output."),
    ] = None,
) -> None:
    """Run a function of the template on this machine, and stream what it answers to an event."""
    try:
        from penstock.aws.invoke.command import InvokeOptions
        from penstock.aws.invoke.command import invoke as invoke_function
    except ModuleNotFoundError as error:
        raise SetupError(
            f"invoke needs {error.name}: install penstock with its part for AWS, penstock[aws]."
        ) from error
    given = [each.partition("=") for each in parameter or ()]
    for name, equals, _ in given:
        if not equals:
            raise SetupError(f"--parameter {name} has not the form NAME=VALUE.")
    asked = InvokeOptions(
        function=function,
        event=None if event == Path("-") else event,
        template=template,
        env_vars=env_vars,
        parameters={name: value for name, _, value in given},
        output=output,
    )
    raise typer.Exit(invoke_function(asked))
