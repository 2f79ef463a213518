"""Options of the commands that say what a tenant's requests, and its visitors, may cost."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import typer

from penstock.errors import SetupError
from penstock.model.tenant import Caps

ResponseBytes = Annotated[
    int | None, typer.Option(min=1, help="The most bytes of one answer, before coding.")
]
ResponseRows = Annotated[int | None, typer.Option(min=1, help="The most rows of one answer.")]
RequestsPerMinute = Annotated[
    int | None, typer.Option(min=1, help="Requests of one key or client address.")
]
AnonymousExports = Annotated[
    bool | None,
    typer.Option(
        "--anonymous-exports/--no-anonymous-exports",
        help="Whether visitors without a key may export slices of public datasets.",
    ),
]
AnonymousExportRows = Annotated[
    int | None, typer.Option(min=1, help="The most rows of one such export.")
]
AnonymousExportBytes = Annotated[
    int | None,
    typer.Option(min=1, help="The most bytes of one, as the largest of its formats has them."),
]
AnonymousJobs = Annotated[
    int | None, typer.Option(min=1, help="How many of all visitors may be under way at once.")
]
AnonymousJobsPerAddress = Annotated[
    int | None, typer.Option(min=1, help="How many of one client address.")
]

_SHOWN: Mapping[str, str] = {
    "response_bytes": "bytes",
    "response_rows": "rows",
    "requests_per_minute": "requests/min",
    "anonymous_exports": "visitors",
    "anonymous_export_rows": "visitors-rows",
    "anonymous_export_bytes": "visitors-bytes",
    "anonymous_jobs": "visitors-jobs",
    "anonymous_jobs_per_address": "visitors-jobs/address",
}
_USUAL = Caps()


def changed_caps(
    before: Caps, given: Mapping[str, int | bool | None], *, usual: list[str] | None = None
) -> Caps:
    """Give caps with those that were given; those named in `usual` become what they usually are.

    Raises SetupError for a name that is no cap's, and for one that is given as well.
    """
    changes = {name: value for name, value in given.items() if value is not None}
    for option in usual or ():
        name = option.replace("-", "_")
        if name not in _SHOWN:
            known = ", ".join(each.replace("_", "-") for each in _SHOWN)
            raise SetupError(f"“{option}” is no cap: there are {known}.")
        if name in changes:
            raise SetupError(f"--usual {option} and --{option} don't go together.")
        changes[name] = getattr(_USUAL, name)
    return replace(before, **changes)  # type: ignore[arg-type] # the options of this module


def shown_caps(caps: Caps) -> str:
    """Say in a word each which caps aren't what they usually are."""
    words = []
    for name, shown in _SHOWN.items():
        cap = getattr(caps, name)
        if cap != getattr(_USUAL, name):
            words.append(f"{shown}={'yes' if cap is True else cap}")
    return ",".join(words) or "-"
