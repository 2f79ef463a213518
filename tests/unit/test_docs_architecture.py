import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.docs_pages import DOCS, ROOT

from penstock import ports

PAGE = DOCS / "architecture.md"
SOURCE = ROOT / "src" / "penstock"

_NAMED = re.compile(r"`([^`]+)`")
_FILE = re.compile(r"[\w/]+\.(?:py|md|yaml|txt|toml)")
_DEFINED = r"^ *(?:async )?(?:def|class) {}\b"


def part(heading: str) -> str:
    return PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def rows(text: str) -> Iterator[list[str]]:
    """Give the cells of each row of a text's tables, headings not among them."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if not line.startswith("|---") and not after.startswith("|---"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def steps() -> list[tuple[str, str]]:
    """Give each call of the walks with its file; some lines name several of both."""
    found: list[tuple[str, str]] = []
    for calls, files, *_ in rows(part("Four walks")):
        found += zip(_NAMED.findall(calls), _NAMED.findall(files), strict=True)
    return found


def classes(folder: Path) -> set[str]:
    text = "\n".join(path.read_text() for path in folder.rglob("*.py"))
    return set(re.findall(r"^class (\w+)", text, re.MULTILINE))


def test_the_layers_are_those_that_imports_are_held_to() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    held = [set(layer.split(" | ")) for layer in contract["contracts"][0]["layers"]]
    shown = [set(_NAMED.findall(layer)) for layer, _ in rows(part("Layers"))]
    assert shown == held[::-1]


def test_there_are_walks_to_check() -> None:
    assert len(steps()) > 25


@pytest.mark.parametrize(("call", "file"), steps())
def test_every_call_of_a_walk_stands_in_its_file(call: str, file: str) -> None:
    text = (SOURCE / file).read_text()
    assert re.search(_DEFINED.format(call), text, re.MULTILINE), f"{file}: {call}"


def test_every_port_stands_in_the_table_of_adapters() -> None:
    protocols = {name for name in ports.__all__ if getattr(getattr(ports, name), "_is_protocol", 0)}
    shown = {name for row in rows(part("Where data stands")) for name in _NAMED.findall(row[0])}
    assert shown == protocols


def test_adapters_are_called_by_their_names() -> None:
    shared = classes(SOURCE / "signals")
    known = [classes(SOURCE / home) | shared for home in ("local", "aws")]
    for port, *adapters in rows(part("Where data stands")):
        for shown, defined in zip(adapters[:2], known, strict=True):
            assert set(_NAMED.findall(shown)) <= defined, port


def test_files_that_are_named_are_there() -> None:
    for named in _NAMED.findall(part("Add something") + part("Layers")):
        if _FILE.fullmatch(named):
            places = (ROOT / named, SOURCE / named, SOURCE / "exports" / "types" / named)
            homes = [SOURCE / home / "jobs" / named for home in ("local", "aws")]
            assert any(place.is_file() for place in places) or all(map(Path.is_file, homes)), named
