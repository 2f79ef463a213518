"""Options of the commands that say what a tenant's requests, and its visitors, may cost."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Annotated, Any, TypeAlias

import typer

from penstock.errors import SetupError
from penstock.model.tenant import Caps

GivenCaps: TypeAlias = Mapping[str, int | bool]
"""Caps that were given on a command line, by name."""

_OPTIONS: Mapping[str, Any] = {
    "response_bytes": Annotated[
        int | None, typer.Option(min=1, help="The most bytes of one answer, before coding.")
    ],
    "response_rows": Annotated[
        int | None, typer.Option(min=1, help="The most rows of one answer.")
    ],
    "requests_per_minute": Annotated[
        int | None, typer.Option(min=1, help="Requests of one key or client address.")
    ],
    "anonymous_exports": Annotated[
        bool | None,
        typer.Option(
            "--anonymous-exports/--no-anonymous-exports",
            help="Whether visitors without a key may export slices of public datasets.",
        ),
    ],
    "anonymous_export_rows": Annotated[
        int | None, typer.Option(min=1, help="The most rows of one such export.")
    ],
    "anonymous_export_bytes": Annotated[
        int | None,
        typer.Option(min=1, help="The most bytes of one, as the largest of its formats has them."),
    ],
    "anonymous_jobs": Annotated[
        int | None, typer.Option(min=1, help="How many of all visitors may be under way at once.")
    ],
    "anonymous_jobs_per_address": Annotated[
        int | None, typer.Option(min=1, help="How many of one client address.")
    ],
}
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


def takes_caps(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each cap, in the place of its parameter `given`.

    It gets there the caps that were given, and no others.
    """
    own = inspect.signature(command)

    @wraps(command)
    def with_options(**values: Any) -> None:
        caps = {name: values.pop(name) for name in _OPTIONS}
        command(**values, given={name: cap for name, cap in caps.items() if cap is not None})

    parameters: list[inspect.Parameter] = []
    for parameter in own.parameters.values():
        if parameter.name != "given":
            parameters.append(parameter)
            continue
        parameters += [
            inspect.Parameter(name, parameter.kind, default=None, annotation=option)
            for name, option in _OPTIONS.items()
        ]
    # What a command's options are is read from its signature.
    vars(with_options)["__signature__"] = own.replace(parameters=parameters)
    return with_options


def changed_caps(before: Caps, given: GivenCaps, *, usual: list[str] | None = None) -> Caps:
    """Give caps with those that were given; those named in `usual` become what they usually are.

    Raises SetupError for a name that is no cap's, and for one that is given as well.
    """
    changes = dict(given)
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
