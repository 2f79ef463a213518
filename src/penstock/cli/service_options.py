"""Options of the commands that ask a service over HTTP."""

from typing import Annotated

import typer

Url = Annotated[
    str | None,
    typer.Option(help="Where the service is (default: PENSTOCK_URL, else http://localhost:8000)."),
]
KeyEnv = Annotated[
    str | None,
    typer.Option(help="Environment variable that holds the API key (default PENSTOCK_KEY)."),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        help="File or folder for the result, which is waited for; - is standard output.",
    ),
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="A format, such as csv: of the result to download, and for an export one that is "
        "also written as a single file; repeatable.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show errors only.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
