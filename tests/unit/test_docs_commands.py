import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import typer
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from tests.unit.docs_pages import DOCS, FENCED, ON_AWS, README, TEMPLATES, page, template

from penstock.cli import app

CUSTOM_COMMANDS = {
    "s3": {"cp", "ls", "sync", "rm", "mb"},
    "cloudformation": {"deploy"},
}
"""What the AWS CLI has that is no operation of a service."""
OPTIONS_OF_ALL = {
    *("region", "query", "output", "profile"),
    *("cli-input-json", "cli-binary-format"),
}
OPTIONS_OF_THE_CLI = {
    "cloudfront create-invalidation": {"paths"},
    "cloudformation deploy": {"stack-name", "template-file", "parameter-overrides"},
    "s3 cp": {"recursive", "exclude", "include"},
    "s3 sync": {"source-region"},
}
_VALUE = re.compile(r"\$\((?:output|resource|primary|standby|date) [^()]*\)|\$\(\([^()]*\)\)")
_INNERMOST = re.compile(r"\$\(([^()]*)\)")
_ENDS = re.compile(r"\)\"?(?:$|\s)| (?:\|\|?|&&|>>?) |; ")
NONE = "\N{EN DASH}"
"""How the guide writes that a parameter is empty."""
SERVICES = {"s3api": "s3", "deploy": "codedeploy"}
"""Services that the AWS CLI calls by another name than the SDK."""


# Commands.


def lines_of_commands(path: Path) -> Iterator[str]:
    """Give the lines of a page that a shell is to read, continued ones as one.

    What our own short forms stand for, and the date, are values.
    """
    text = FENCED.sub("", path.read_text()).replace("\\\n", " ")
    text = _VALUE.sub("VALUE", _VALUE.sub("VALUE", text))
    for line in text.splitlines():
        if line.startswith("    "):
            yield line
        yield from re.findall(r"`([^`]+)`", line)


def commands(program: str) -> list[tuple[str, str]]:
    """Give each command of a program with the page it stands on, up to where another one begins."""
    begins = re.compile(rf"(?<![\w./-])(?:\.venv/bin/)?{program} (?=[a-z])")
    found = []
    for path in [*ON_AWS, README]:
        for line in lines_of_commands(path):
            for each in [_INNERMOST.sub("VALUE", line), *_INNERMOST.findall(line)]:
                pieces = [_ENDS.split(piece)[0].strip() for piece in begins.split(each)[1:]]
                found += [(page(path), piece) for piece in pieces if " " in piece]
    return found


def options(command: str) -> set[str]:
    return set(re.findall(r"(?<!\S)--([a-z0-9][a-z0-9-]*)", command))


@cache
def operations(service: str) -> dict[str, set[str]]:
    """Give the operations of a service as the AWS CLI names them, with their options."""
    model = botocore.session.get_session().get_service_model(service)
    found = {}
    for name in model.operation_names:
        shape = model.operation_model(name).input_shape
        members = shape.members if shape is not None else {}
        found[xform_name(name, "-")] = {
            prefix + xform_name(member, "-") for member in members for prefix in ("", "no-")
        }
    return found


def test_there_are_commands_to_check() -> None:
    assert len(commands("aws")) > 80
    assert len(commands("penstock")) > 20


@pytest.mark.parametrize(("where", "command"), commands("aws"))
def test_every_command_of_the_aws_cli_exists_with_its_options(where: str, command: str) -> None:
    service, operation, *rest = command.split()
    given = options(command) - OPTIONS_OF_ALL
    if operation == "wait":
        waiters = botocore.session.get_session().get_waiter_model(service).waiter_names
        assert rest[0] in {xform_name(each, "-") for each in waiters}, where
        return
    own = OPTIONS_OF_THE_CLI.get(f"{service} {operation}", set())
    if operation in CUSTOM_COMMANDS.get(service, ()):
        assert given <= own, where
        return
    try:
        known = operations(SERVICES.get(service, service))
    except UnknownServiceError:
        pytest.fail(f"{where}: there is no service {service}")
    assert operation in known, where
    assert given <= known[operation] | own, where


@pytest.mark.parametrize(("where", "command"), commands("penstock"))
def test_every_command_of_ours_exists_with_its_options(where: str, command: str) -> None:
    found: Any = typer.main.get_command(app)
    words = command.split()
    while hasattr(found, "commands"):
        name = words.pop(0)
        assert name in found.commands, f"{where}: {name}"
        found = found.commands[name]
        if not words:
            return
    known = {each.removeprefix("--") for option in found.params for each in option.opts}
    assert options(command) <= known, where


# Parameters.


def test_every_parameter_stands_in_the_guide_with_its_default() -> None:
    text = (DOCS / "guide" / "deploy.md").read_text()
    table = text.partition("## Parameters\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `([A-Z]\w+)` \| ([^|]*) \|", table, re.MULTILINE))
    shown = {name: default.strip("` ").replace(",", "") for name, default in rows.items()}
    defined = template("template.yaml")["Parameters"]
    assert shown == {
        name: str(parameter.get("Default", "")) or NONE for name, parameter in defined.items()
    }


def test_parameters_are_called_by_their_names() -> None:
    defined = {name for each in TEMPLATES for name in template(each)["Parameters"]}
    for path in ON_AWS:
        for line in lines_of_commands(path):
            for name in re.findall(r"(?<![\w\"'={,.-])([A-Z][a-z]+[A-Za-z0-9]+)=", line):
                if "--parameter-overrides" in line or "--parameter " in line:
                    assert name in defined, f"{page(path)}: {name}"


def test_outputs_and_resources_are_called_by_their_names() -> None:
    outputs = {name for each in TEMPLATES for name in template(each).get("Outputs", {})}
    resources = {name for each in TEMPLATES for name in template(each)["Resources"]}
    for path in ON_AWS:
        text = path.read_text()
        for name in re.findall(r"(?:\$\(|`)(?:output|primary|standby) ([A-Z]\w+)", text):
            assert name in outputs, f"{page(path)}: {name}"
        for name in re.findall(r"(?:(?:\$\(|`)resource |--logical-resource-id )([A-Z]\w+)", text):
            assert name in resources, f"{page(path)}: {name}"
