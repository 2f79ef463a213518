"""Delivery: how a browser takes the answer, the version that is pinned, what a signature claims."""

import re
from collections.abc import Mapping, Sequence

from penstock.errors import BadValueError, QueryError
from penstock.model.query import Delivery, SignatureClaim
from penstock.query.controls import CONTROLS, switch
from penstock.query.keys import SIGNATURE, control_of

MOST_FILE_NAME_CHARACTERS = 200

_FILE_NAME = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9_ .-]+")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,200}")
_SECONDS = re.compile(r"0|[1-9][0-9]{0,11}")


def delivery_of(controls: Mapping[str, str], format_name: str) -> Delivery:
    """Read `_dl`, `_filename` and `_redirect`. Raises BadValueError."""
    return Delivery(
        attachment=switch(controls, "_dl", default=True),
        file_name=_file_name(controls, format_name),
        redirect=switch(controls, "_redirect", default=False),
    )


def version_of(pairs: Sequence[tuple[str, str]]) -> str | None:
    """Read `_version`, which is needed before the dataset is.

    Raises BadValueError and RepeatedParameterError.
    """
    return _token("_version", control_of(pairs, "_version"))


def claim_of(pairs: Sequence[tuple[str, str]]) -> SignatureClaim | None:
    """Read what a signed URL claims, which is needed before the dataset is; not verified here.

    Raises BadValueError, RepeatedParameterError, and QueryError where a part of it is missing.
    """
    given = {name: control_of(pairs, name) for name in SIGNATURE}
    missing = [name for name in SIGNATURE if given[name] is None]
    if len(missing) == len(SIGNATURE):
        return None
    if missing:
        raise QueryError(
            f"A signed URL holds {', '.join(SIGNATURE)}, and {missing[0]} is missing: "
            "copy the whole URL.",
            parameter=missing[0],
        )
    expires = given["_expires"] or ""
    if not _SECONDS.fullmatch(expires):
        raise BadValueError(
            "_expires",
            expires,
            expected="whole seconds since 1970",
            example=CONTROLS["_expires"].example,
        )
    return SignatureClaim(
        expires=int(expires),
        key_id=_token("_kid", given["_kid"]) or "",
        signature=_token("_sig", given["_sig"]) or "",
    )


def _token(name: str, text: str | None) -> str | None:
    if text is not None and not _TOKEN.fullmatch(text):
        raise BadValueError(
            name, text, expected="1 to 200 letters, digits, “_” and “-”", example=None
        )
    return text


def _file_name(controls: Mapping[str, str], format_name: str) -> str | None:
    text = controls.get("_filename")
    if text is None:
        return None
    name = text.removesuffix(f".{format_name}")
    if len(text) > MOST_FILE_NAME_CHARACTERS or not _FILE_NAME.fullmatch(name):
        raise BadValueError(
            "_filename",
            text,
            expected=f"1 to {MOST_FILE_NAME_CHARACTERS} of A-Z a-z 0-9 _ . - and space",
            example="_filename=areas-2024",
        )
    return name.strip()
