"""CloudFormation templates, as far as a function's own settings go: read, and resolved.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
lists the functions; those that a setting can need are here.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from penstock.errors import SetupError

_IN_SUB = re.compile(r"\$\{([^!][^}]*)\}")
_LITERAL_IN_SUB = re.compile(r"\$\{!([^}]*)\}")

NO_VALUE = object()
"""What AWS::NoValue resolves to: the property is as if it were not there."""


class UnresolvedError(Exception):
    """A value that only a deployed stack has; the message says which."""


class Template:
    """A template with its parameters' values: those given, else their defaults."""

    def __init__(
        self,
        document: Mapping[str, Any],
        *,
        parameters: Mapping[str, str],
        pseudo_parameters: Mapping[str, str],
    ) -> None:
        self.resources: Mapping[str, Any] = document.get("Resources") or {}
        self.globals: Mapping[str, Any] = document.get("Globals") or {}
        self._declared: Mapping[str, Any] = document.get("Parameters") or {}
        self._conditions: Mapping[str, Any] = document.get("Conditions") or {}
        self._mappings: Mapping[str, Any] = document.get("Mappings") or {}
        self._pseudo_parameters = pseudo_parameters
        unknown = sorted(set(parameters) - set(self._declared))
        if unknown:
            known = ", ".join(sorted(self._declared)) or "none"
            raise SetupError(f"The template has no parameter {unknown[0]}; it has: {known}.")
        self._given = parameters
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Condition": self._is_met,
            "Fn::And": lambda said: all(map(self._truth, said)),
            "Fn::Equals": lambda said: (
                text_of(self.resolve(said[0])) == text_of(self.resolve(said[1]))
            ),
            "Fn::FindInMap": self._find_in_map,
            "Fn::GetAtt": self._get_att,
            "Fn::If": lambda said: self.resolve(said[1 if self._is_met(said[0]) else 2]),
            "Fn::Join": self._join,
            "Fn::Not": lambda said: not self._truth(said[0]),
            "Fn::Or": lambda said: any(map(self._truth, said)),
            "Fn::Select": self._select,
            "Fn::Split": lambda said: text_of(self.resolve(said[1])).split(said[0]),
            "Fn::Sub": self._sub,
        }

    def resolve(self, value: Any) -> Any:
        """Put values in the place of functions, at any depth; NO_VALUE leaves its place empty.

        Raises UnresolvedError where only a stack has the value, and SetupError where a function
        is misspelled or not known here.
        """
        if isinstance(value, list):
            return [made for each in value if (made := self.resolve(each)) is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        first = str(next(iter(value), ""))
        if len(value) == 1 and first in self._functions:
            return self._call(first, value[first])
        if first.startswith("Fn::"):
            raise SetupError(f"{first} is not known here.")
        pairs = ((name, self.resolve(each)) for name, each in value.items())
        return {name: each for name, each in pairs if each is not NO_VALUE}

    def _call(self, name: str, arguments: Any) -> Any:
        try:
            return self._functions[name](arguments)
        except (TypeError, ValueError, LookupError) as error:
            raise SetupError(f"{name} of {arguments!r} can't be read.") from error

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self._given:
            return self._given[name]
        if name in self._pseudo_parameters:
            return self._pseudo_parameters[name]
        if name in self._declared:
            default = self._declared[name].get("Default")
            if default is None:
                raise UnresolvedError(f"the parameter {name}, which has no default")
            return default
        if name in self.resources:
            raise UnresolvedError(f"the resource {name}")
        raise SetupError(f"The template refers to {name}, which it doesn't have.")

    def _get_att(self, said: str | list[str]) -> Any:
        dotted = said if isinstance(said, str) else ".".join(said)
        if dotted.partition(".")[0] not in self.resources:
            raise SetupError(f"The template refers to {dotted}, which it doesn't have.")
        raise UnresolvedError(f"the resource's {dotted}")

    def _is_met(self, name: str) -> bool:
        return self._truth(self._conditions[name])

    def _truth(self, value: Any) -> bool:
        resolved = self.resolve(value)
        if not isinstance(resolved, bool):
            raise TypeError(value)
        return resolved

    def _find_in_map(self, said: list[Any]) -> Any:
        mapping, first, second = map(self.resolve, said[:3])
        return self._mappings[mapping][first][second]

    def _join(self, said: list[Any]) -> str:
        between, parts = said
        return str(between).join(map(text_of, self.resolve(parts)))

    def _select(self, said: list[Any]) -> Any:
        index, parts = map(self.resolve, said)
        return parts[int(index)]

    def _sub(self, said: str | list[Any]) -> str:
        text, own = (said, {}) if isinstance(said, str) else said

        def value_of(found: re.Match[str]) -> str:
            name = found[1].strip()
            if name in own:
                return text_of(self.resolve(own[name]))
            return text_of(self._get_att(name) if "." in name else self._ref(name))

        return _LITERAL_IN_SUB.sub(r"${\1}", _IN_SUB.sub(value_of, text))


def read_document(path: Path) -> Mapping[str, Any]:
    """Read a template file, its short tags (`!Ref`, `!Sub`) as the functions they stand for.

    Raises SetupError if it can't be read.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise SetupError(f"{path} can't be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} is no YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(document, dict):
        raise SetupError(f"{path} is no template.")
    return document


class _Loader(yaml.SafeLoader):
    """YAML's plain values, and CloudFormation's tags."""


def _function(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    said: Any
    match node:
        case yaml.ScalarNode():
            said = loader.construct_scalar(node)
        case yaml.SequenceNode():
            said = loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            said = loader.construct_mapping(node, deep=True)
        case _:
            raise yaml.YAMLError(f"!{name} stands at nothing")
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": said}


_Loader.add_multi_constructor("!", _function)


def text_of(value: Any) -> str:
    """Write a value as CloudFormation does where text is wanted."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
