"""Formats: batches become bytes. Every module of this package is one format, its `FORMAT`.

A new format is one new module: nothing lists them. What formats share lies in subpackages.
"""

from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from penstock.errors import UnknownFormatError
from penstock.model.format import Format


@lru_cache(maxsize=1)
def all_formats() -> Mapping[str, Format]:
    """Give every format by its extension: those of text first, then by extension."""
    modules = (
        import_module(f"{__name__}.{module.name}")
        for module in iter_modules(__path__)
        if not module.ispkg
    )
    found: list[Format] = [module.FORMAT for module in modules]
    found.sort(key=lambda one: (one.binary, one.extension))
    return MappingProxyType({one.extension: one for one in found})


def named(extension: str) -> Format:
    """Find the format of an extension (lower-case, without the dot).

    Raises UnknownFormatError, which names those that there are.
    """
    formats = all_formats()
    if extension not in formats:
        raise UnknownFormatError(extension, formats=list(formats))
    return formats[extension]
