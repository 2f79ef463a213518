"""What a layer's botocore knows of AWS: the operations that a list beside its lock names."""

import gzip
import json
import shutil
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layers.left_out import lines

_MODEL = "service-2"
_RULES = "endpoint-rule-set-1"
_ENDPOINTS = "endpoints"
"""What botocore's loader reads for every client, as .json if there is one, else as .json.gz."""


class UnknownOperationError(Exception):
    """Nothing describes an operation: a package has changed, or the list is misspelt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Service:
    folder: Path
    model: dict[str, Any]
    operations: frozenset[str]


def keep_operations(data: Path, listed: Path) -> None:
    """Cut the folder `botocore/data` down to what the operations of a list need.

    One `service:Operation` a line; `#` begins a comment. Services that aren't named go, and of
    those that are all versions but the newest, which botocore takes unless told otherwise. What is
    kept is not compressed: to read it is then quicker.

    Raises UnknownOperationError, before anything is changed, for what isn't described.
    """
    services = _services(data, listed)
    kept = {service.folder for service in services}
    for folder in [*data.glob("*/*/"), *data.glob("*/")]:
        if not any(each.is_relative_to(folder) for each in kept):
            shutil.rmtree(folder)
    for service in services:
        _write(service.folder / _MODEL, model_of(service.model, service.operations))
        _write(service.folder / _RULES, _read(service.folder / _RULES))
    endpoints = _read(data / _ENDPOINTS)
    prefixes = {service.model["metadata"]["endpointPrefix"] for service in services}
    for partition in endpoints["partitions"]:
        partition["services"] = _only(partition["services"], prefixes)
    _write(data / _ENDPOINTS, endpoints)


def model_of(model: dict[str, Any], operations: Iterable[str]) -> dict[str, Any]:
    """Give a service's model with these operations, the shapes that they reach, and no prose."""
    kept = _only(model["operations"], operations)
    named = [
        shape["shape"]
        for each in kept.values()
        for shape in (each.get("input"), each.get("output"), *each.get("errors", ()))
        if shape is not None
    ]
    reached: set[str] = set()
    while named:
        name = named.pop()
        if name not in reached:
            reached.add(name)
            shape = model["shapes"][name]
            parts = (shape.get("member"), shape.get("key"), shape.get("value"))
            named += [each["shape"] for each in parts if each is not None]
            named += [each["shape"] for each in shape.get("members", {}).values()]
    shapes = _only(model["shapes"], reached)
    # Elsewhere it is little, and botocore insists on that of a service's own parameters.
    cut = {**model, "operations": _without_prose(kept), "shapes": _without_prose(shapes)}
    cut.pop("documentation", None)
    return cut


def _services(data: Path, listed: Path) -> list[_Service]:
    named: dict[str, set[str]] = defaultdict(set)
    for line in lines(listed):
        service, _, operation = line.partition(":")
        named[service].add(operation)
    found: list[_Service] = []
    unknown: list[str] = []
    for service, operations in sorted(named.items()):
        versions = [path.parent for path in data.glob(f"{service}/*/{_MODEL}.json*")]
        model = _read(max(versions) / _MODEL) if versions else {"operations": {}}
        unknown += [f"{service}:{each}" for each in sorted(operations - model["operations"].keys())]
        if versions:
            found.append(
                _Service(folder=max(versions), model=model, operations=frozenset(operations))
            )
    if unknown:
        raise UnknownOperationError(f"{listed}: nothing describes {', '.join(unknown)}")
    return found


def _only(whole: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    wanted = set(names)
    return {name: each for name, each in whole.items() if name in wanted}


def _without_prose(part: Any) -> Any:
    if isinstance(part, dict):
        # A member that is called so is described by an object.
        return {
            name: _without_prose(each)
            for name, each in part.items()
            if name != "documentation" or not isinstance(each, str)
        }
    if isinstance(part, list):
        return [_without_prose(each) for each in part]
    return part


def _read(name: Path) -> dict[str, Any]:
    plain = name.with_name(f"{name.name}.json")
    content = (
        plain.read_bytes()
        if plain.exists()
        else gzip.decompress(plain.with_suffix(".json.gz").read_bytes())
    )
    read: dict[str, Any] = json.loads(content)
    return read


def _write(name: Path, content: dict[str, Any]) -> None:
    plain = name.with_name(f"{name.name}.json")
    plain.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
    plain.with_suffix(".json.gz").unlink(missing_ok=True)
