"""Additions: what a description of the API holds besides datasets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """What a document describes besides datasets; schemas and responses by their own names."""

    tags: Sequence[dict[str, str]] = ()
    paths: dict[str, Any] = field(default_factory=dict)
    schemas: dict[str, Any] = field(default_factory=dict)
    responses: dict[str, Any] = field(default_factory=dict)
