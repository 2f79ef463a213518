"""Dialect: `_delimiter`, `_header`, `_bom`, `_null`, `_excel` and `_int64` into a style."""

from collections.abc import Mapping

from penstock.errors import BadValueError, ConflictingParametersError
from penstock.model.format import Style
from penstock.query.controls import switch

MOST_NULL_CHARACTERS = 32

_NAMED_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


def style_of(controls: Mapping[str, str]) -> tuple[Style, tuple[tuple[str, str], ...]]:
    """Read how an answer is written, and the canonical pairs of what isn't the default.

    `_excel` brings its byte order mark with it. Raises BadValueError, and
    ConflictingParametersError where `_bom` contradicts `_excel`.
    """
    excel = switch(controls, "_excel", default=False)
    bom = switch(controls, "_bom", default=excel)
    if excel and not bom:
        raise ConflictingParametersError("_bom", "_excel", "Excel needs the byte order mark.")
    style = Style(
        delimiter=_delimiter(controls),
        header=switch(controls, "_header", default=True),
        bom=bom,
        null=controls.get("_null", ""),
        excel=excel,
        int64_as_text=_int64_as_text(controls),
    )
    _check_null(style)
    pairs = []
    if style.delimiter != ",":
        pairs.append(("_delimiter", "tab" if style.delimiter == "\t" else style.delimiter))
    if not style.header:
        pairs.append(("_header", "off"))
    if style.bom and not style.excel:
        pairs.append(("_bom", "1"))
    if style.null:
        pairs.append(("_null", style.null))
    if style.excel:
        pairs.append(("_excel", "1"))
    if style.int64_as_text:
        pairs.append(("_int64", "string"))
    return style, tuple(pairs)


def _delimiter(controls: Mapping[str, str]) -> str:
    text = controls.get("_delimiter", ",")
    delimiter = _NAMED_DELIMITERS.get(text, text)
    # One byte, as CSV writers have it.
    if len(delimiter) == 1 and delimiter != '"' and (" " <= delimiter <= "~" or delimiter == "\t"):
        return delimiter
    raise BadValueError(
        "_delimiter",
        text,
        expected="“tab” or one ASCII character, which is no quote and no line end",
        example="_delimiter=%3B for a semicolon",
    )


def _check_null(style: Style) -> None:
    forbidden = {style.delimiter, '"', "\r", "\n"}
    if len(style.null) > MOST_NULL_CHARACTERS or forbidden & set(style.null):
        raise BadValueError(
            "_null",
            style.null,
            expected=f"at most {MOST_NULL_CHARACTERS} characters, none of them the delimiter, "
            "a quote or a line end",
            example="_null=NA",
        )


def _int64_as_text(controls: Mapping[str, str]) -> bool:
    text = controls.get("_int64", "number")
    if text not in {"string", "number"}:
        raise BadValueError(
            "_int64", text, expected="“string” or “number”", example="_int64=string"
        )
    return text == "string"
