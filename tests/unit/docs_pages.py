"""The documentation's pages and the project's templates, as tests read them."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OPERATIONS = DOCS / "operations"
TEMPLATES = ("template.yaml", "edge/firewall.yaml", "edge/watch.yaml")
PAGES = sorted(DOCS.rglob("*.md"))
ON_AWS = sorted([*OPERATIONS.glob("*.md"), *(DOCS / "guide").glob("*.md")])

README = ROOT / "README.md"

FENCED = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
"""Queries of the log, and what names its language; what a shell reads is indented."""


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as the values they stand before."""


def _value_behind(loader: _Loader, _tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_Loader.add_multi_constructor("!", _value_behind)


@cache
def template(name: str) -> dict[str, Any]:
    """Read a template, its conditions and functions not worked out."""
    read: dict[str, Any] = yaml.load((ROOT / name).read_text(), _Loader)
    return read


def log_queries(path: Path) -> list[str]:
    """Give a page's queries of the log."""
    found = FENCED.finditer(path.read_text())
    return [block["text"] for block in found if not block["language"]]


def page(path: Path) -> str:
    """Name a page by its path below the root."""
    return str(path.relative_to(ROOT))
