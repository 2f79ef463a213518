"""Functions of a template: what each one runs, for how long, and with which environment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.aws.invoke.cloudformation import (
    NO_VALUE,
    Template,
    UnresolvedError,
    read_document,
    text_of,
)
from penstock.errors import SetupError

_TYPES = ("AWS::Serverless::Function", "AWS::Lambda::Function")
_DEFAULT_SECONDS = 3
_DEFAULT_MEGABYTES = 128
"""What a function has that doesn't say
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

_DEFAULT_REGION = "eu-west-2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function as its template describes it."""

    name: str
    handler: str
    seconds: float
    memory_megabytes: int
    variables: Mapping[str, str]
    missing: Mapping[str, str]
    """Variables whose value only a stack has, and what the template says of each one."""

    def environment(
        self, *, inherited: Mapping[str, str], given: Mapping[str, str]
    ) -> dict[str, str]:
        """Give the environment of its process: the template's variables over those inherited.

        What is given, or else inherited under a variable's own name, comes before the template.

        Raises SetupError if a variable has no value anywhere.
        """
        own = {name: inherited.get(name, value) for name, value in self.variables.items()}
        own |= {name: inherited[name] for name in self.missing if name in inherited}
        own |= given
        lacking = {name: said for name, said in self.missing.items() if name not in own}
        if lacking:
            named = ", ".join(f"{name} ({said})" for name, said in lacking.items())
            example = json.dumps({self.name: dict.fromkeys(lacking, "…")}, ensure_ascii=False)
            raise SetupError(
                f"{self.name} needs values that only a stack has: {named}. Set them in the "
                f"environment, or name a file with --env-vars that holds {example}."
            )
        region = inherited.get("AWS_REGION") or inherited.get("AWS_DEFAULT_REGION")
        return {
            "AWS_REGION": region or _DEFAULT_REGION,
            "AWS_DEFAULT_REGION": region or _DEFAULT_REGION,
            **inherited,
            **own,
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory_megabytes),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "invoke",
            "_HANDLER": self.handler,
            "TZ": ":UTC",
        }


def read_function(
    template: Path, name: str, *, parameters: Mapping[str, str], inherited: Mapping[str, str]
) -> Function:
    """Read a function from a template file, under parameters in place of their defaults.

    Raises SetupError if there is no such function or parameter, or the file can't be read.
    """
    region = inherited.get("AWS_REGION") or inherited.get("AWS_DEFAULT_REGION") or _DEFAULT_REGION
    read = Template(
        read_document(template),
        parameters=parameters,
        pseudo_parameters={
            "AWS::AccountId": "123456789012",
            "AWS::Partition": "aws",
            "AWS::Region": region,
            "AWS::StackName": "penstock",
            "AWS::URLSuffix": "amazonaws.com",
        },
    )
    functions = {
        each: resource
        for each, resource in read.resources.items()
        if isinstance(resource, dict) and resource.get("Type") in _TYPES
    }
    if name not in functions:
        known = ", ".join(sorted(functions)) or "none"
        raise SetupError(f"{template} has no function {name}; it has: {known}.")
    shared = read.globals.get("Function") or {}
    return _function(read, name, shared, functions[name].get("Properties") or {})


def read_variables(path: Path, function: str) -> dict[str, str]:
    """Read a file of variables as SAM has it: for each function, or for all as `Parameters`.

    Raises SetupError if it can't be read, or has not that form.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SetupError(f"{path} can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise SetupError(f"{path} is no JSON: {error}.") from error
    try:
        chosen = {**said.get("Parameters", {}), **said.get(function, {})}
    except (AttributeError, TypeError) as error:
        raise SetupError(
            f"{path} has not the form of a file of variables: "
            f'{{"{function}": {{"NAME": "value"}}}}.'
        ) from error
    return {name: text_of(value) for name, value in chosen.items()}


def _function(
    template: Template, name: str, shared: Mapping[str, Any], own: Mapping[str, Any]
) -> Function:
    def setting(of: str, default: Any) -> Any:
        value = template.resolve(own.get(of, shared.get(of, default)))
        return default if value is NO_VALUE else value

    variables: dict[str, str] = {}
    missing: dict[str, str] = {}
    for properties in (shared, own):
        for variable, said in _variables(properties).items():
            try:
                value = template.resolve(said)
            except UnresolvedError as error:
                missing[variable] = str(error)
                continue
            if value is not NO_VALUE:
                variables[variable] = text_of(value)
                missing.pop(variable, None)
    try:
        return Function(
            name=name,
            handler=str(setting("Handler", "")),
            seconds=float(setting("Timeout", _DEFAULT_SECONDS)),
            memory_megabytes=int(setting("MemorySize", _DEFAULT_MEGABYTES)),
            variables=variables,
            missing=missing,
        )
    except UnresolvedError as error:
        raise SetupError(f"{name} can't be run here: it depends on {error}.") from error


def _variables(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    variables: Mapping[str, Any] = (properties.get("Environment") or {}).get("Variables") or {}
    return variables
