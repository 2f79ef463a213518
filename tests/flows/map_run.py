"""A state machine that maps over items, done as Step Functions does it, by the words of a template.

It knows what RangesMachine is made of, and fails at anything else:
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.flows.runtime_app import REPOSITORY

from penstock.aws.invoke.cloudformation import read_document

MACHINE = "RangesMachine"
FUNCTION = "arn:aws:lambda:eu-west-2:123456789012:function:range"
_INVOKE = "arn:aws:states:::lambda:invoke"

Invoke = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Calls the function with an event, and gives its answer."""

_MAP = {
    "Type", "Label", "ItemsPath", "MaxConcurrencyPath", "ItemSelector", "ItemProcessor", "End",
}  # fmt: skip
_STATES = {
    "Task": {"Type", "Resource", "Parameters", "ResultSelector", "Retry", "Next"},
    "Choice": {"Type", "Choices", "Default"},
    "Succeed": {"Type"},
    "Fail": {"Type", "Error", "Cause"},
}


def definition() -> dict[str, Any]:
    """Give the machine's definition as CloudFormation makes it."""
    properties = read_document(REPOSITORY / "template.yaml")["Resources"][MACHINE]["Properties"]
    given = {"Invoke": _INVOKE, "RangeFunction": FUNCTION}
    assert set(properties["DefinitionSubstitutions"]) == set(given)
    text = json.dumps(properties["Definition"])
    made: dict[str, Any] = json.loads(re.sub(r"\$\{(\w+)\}", lambda found: given[found[1]], text))
    return made


@dataclass(frozen=True, slots=True)
class MapRun:
    """An execution's items, and what becomes of each."""

    machine: Mapping[str, Any]
    given: Mapping[str, Any]

    @property
    def _map(self) -> Mapping[str, Any]:
        state: Mapping[str, Any] = self.machine["States"][self.machine["StartAt"]]
        assert state["Type"] == "Map"
        assert set(state) == _MAP
        assert state["End"] is True
        modes = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
        assert state["ItemProcessor"]["ProcessorConfig"] == modes
        return state

    @property
    def at_once(self) -> int:
        """How many items are done at a time."""
        return int(_at(self._map["MaxConcurrencyPath"], self.given))

    def items(self) -> Iterator[dict[str, Any]]:
        """Give what each item's execution is begun with."""
        for item in _at(self._map["ItemsPath"], self.given):
            yield {
                name.removesuffix(".$"): item
                if path == "$$.Map.Item.Value"
                else _at(path, self.given)
                for name, path in self._map["ItemSelector"].items()
            }

    def one(self, item: Mapping[str, Any], invoke: Invoke) -> bool:
        """Do one item; tells whether it went well."""
        processor = self._map["ItemProcessor"]
        name, said = processor["StartAt"], item
        while True:
            state = processor["States"][name]
            assert set(state) <= _STATES[state["Type"]]
            match state["Type"]:
                case "Task":
                    assert state["Resource"] == _INVOKE
                    assert state["Parameters"] == {"FunctionName": FUNCTION, "Payload.$": "$"}
                    result = {"StatusCode": 200, "Payload": invoke(said)}
                    said = {
                        name.removesuffix(".$"): _at(path, result)
                        for name, path in state["ResultSelector"].items()
                    }
                    name = state["Next"]
                case "Choice":
                    name = next(
                        (
                            each["Next"]
                            for each in state["Choices"]
                            if _at(each["Variable"], said) == each["StringEquals"]
                        ),
                        state["Default"],
                    )
                case kind:
                    return bool(kind == "Succeed")

    def all(self, invoke: Invoke) -> bool:
        """Do every item, as many at once as may be; tells whether all went well."""
        with ThreadPoolExecutor(self.at_once) as pool:
            return all(pool.map(lambda item: self.one(item, invoke), self.items()))


def _at(path: str, within: Mapping[str, Any]) -> Any:
    found: Any = within
    start, *names = path.split(".")
    assert start == "$", path
    for name in names:
        found = found[name]
    return found
