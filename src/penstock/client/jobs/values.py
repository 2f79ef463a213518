"""Values: what people type as a job's parameters, as the JSON that the service takes."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.client.terminal import printable
from penstock.errors import SetupError

_WHOLE = re.compile(r"[+-]?[0-9]{1,1000}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,3})?")
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_DEEPEST = 8
_UNFIT = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter as a type's JSON schema describes it, for people."""

    name: str
    kind: str
    is_required: bool
    about: str


def parameters_of(schema: Mapping[str, Any]) -> list[Parameter]:
    """Describe the parameters of a schema, the required ones first."""
    required = schema.get("required")
    names = required if isinstance(required, list) else []
    found = [
        Parameter(
            name=printable(name),
            kind=_kind(_branches(of, schema), schema),
            is_required=name in names,
            about=_about(of),
        )
        for name, of in _properties(schema).items()
    ]
    return sorted(found, key=lambda each: not each.is_required)


def pairs_of_texts(given: Sequence[str]) -> list[tuple[str, str]]:
    """Split `name=value` texts. Raises SetupError for one without `=` or a name."""
    pairs = [each.partition("=") for each in given]
    for name, equals, _ in pairs:
        if not equals or not name.strip():
            raise SetupError(f"--param {printable(name)} has not the form NAME=VALUE.")
    return [(name.strip(), value) for name, _, value in pairs]


def converted(pairs: Sequence[tuple[str, str]], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Convert texts by the JSON schema of an object; a name that stands twice makes an array.

    A whole number, a number, true or false, and an array are made where the schema wants them;
    what it wants as text (dates, and decimals, which lose nothing so) stays text. A name that the
    schema doesn't have passes as text: the service says which ones there are.

    Raises SetupError where a value can't be what the schema wants, and names the parameter.
    """
    texts: dict[str, list[str]] = {}
    for name, value in pairs:
        texts.setdefault(name, []).append(value)
    properties = _properties(schema)
    return {
        name: _value(name, values, _branches(properties.get(name, {}), schema), schema)
        for name, values in texts.items()
    }


def _value(
    name: str,
    texts: Sequence[str],
    branches: Sequence[Mapping[str, Any]],
    schema: Mapping[str, Any],
) -> object:
    array = next((branch for branch in branches if branch.get("type") == "array"), None)
    single = [branch for branch in branches if branch.get("type") != "array"]
    if array is not None and (len(texts) > 1 or not single):
        items = array.get("items")
        wanted = _branches(items if isinstance(items, dict) else {}, schema)
        return [_one(name, text, wanted) for text in texts]
    if len(texts) > 1:
        if not branches:
            return list(texts)
        raise SetupError(f"--param {printable(name)} takes one value.")
    return _one(name, texts[0], single)


def _one(name: str, text: str, branches: Sequence[Mapping[str, Any]]) -> object:
    if not branches:
        return text
    types = {str(branch.get("type", "")) for branch in branches}
    if "number" in types and "string" in types:
        # A decimal: as a number it might lose digits.
        types.discard("number")
    for wanted in ("integer", "number", "boolean"):
        if wanted in types:
            made = _made(text, wanted)
            if made is not _UNFIT:
                return made
    if types & {"object", ""} and text[:1] in {"{", "["}:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
    if types & {"string", ""}:
        return text
    raise SetupError(
        f"--param {printable(name)}: “{printable(text[:80])}” is no {_kind(branches, {})}."
    )


def _made(text: str, wanted: str) -> object:
    bare = text.strip()
    match wanted:
        case "integer":
            return int(bare) if _WHOLE.fullmatch(bare) else _UNFIT
        case "number":
            if _WHOLE.fullmatch(bare):
                return int(bare)
            return float(bare) if _NUMBER.fullmatch(bare) else _UNFIT
        case _:
            lower = bare.lower()
            return lower in _TRUE if lower in _TRUE | _FALSE else _UNFIT


def _properties(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found = schema.get("properties")
    if not isinstance(found, dict):
        return {}
    return {str(name): of for name, of in found.items() if isinstance(of, dict)}


def _branches(
    of: Mapping[str, Any], schema: Mapping[str, Any], depth: int = 0
) -> list[Mapping[str, Any]]:
    """Give the schemas of which a value fits any, without `null` and without references."""
    if depth > _DEEPEST:
        return []
    for joined in ("anyOf", "oneOf", "allOf"):
        choices = of.get(joined)
        if isinstance(choices, list):
            return [
                branch
                for choice in choices
                if isinstance(choice, dict)
                for branch in _branches(choice, schema, depth + 1)
            ]
    reference = of.get("$ref")
    if isinstance(reference, str):
        known = schema.get("$defs")
        target = known.get(reference.rpartition("/")[2]) if isinstance(known, dict) else None
        return _branches(target, schema, depth + 1) if isinstance(target, dict) else []
    types = of.get("type")
    if isinstance(types, list):
        return [{**of, "type": each} for each in types if each != "null"]
    return [] if types == "null" or not of else [of]


def _kind(branches: Sequence[Mapping[str, Any]], schema: Mapping[str, Any]) -> str:
    """Say in a few words what fits."""
    words: list[str] = []
    for branch in branches:
        word = _word(branch, schema)
        if word not in words:
            words.append(word)
    if "number" in words and "text" in words:
        words.remove("text")
    return printable(" or ".join(words) or "text")


def _word(branch: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    choices = branch.get("enum")
    if isinstance(choices, list):
        return "one of " + ", ".join(str(choice) for choice in choices)
    if "const" in branch:
        return str(branch["const"])
    match branch.get("type"):
        case "integer":
            return "whole number"
        case "number":
            return "number"
        case "boolean":
            return "true or false"
        case "array":
            items = branch.get("items")
            inner = _kind(_branches(items if isinstance(items, dict) else {}, schema), schema)
            return f"{inner}, repeatable"
        case "object":
            return "JSON object"
        case _:
            return {"date": "date", "date-time": "time", "uuid": "UUID"}.get(
                str(branch.get("format")), "text"
            )


def _about(of: Mapping[str, Any]) -> str:
    facts = [printable(str(of["description"]))] if of.get("description") else []
    default = of.get("default")
    if default not in (None, "", [], {}):
        facts.append(f"default {printable(json.dumps(default, ensure_ascii=False))}")
    return "; ".join(facts)
