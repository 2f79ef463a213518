"""Exports: what each type gives, and the work of making it.

Every module of `types` is one type, its `EXPORT`: a new one is one new module, and nothing lists
them.
"""

from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from penstock.errors import UnknownTypeError
from penstock.exports.declaration import ExportType, refuse_unsound

__all__ = ["ExportType", "all_types", "named"]


@lru_cache(maxsize=1)
def all_types() -> Mapping[str, ExportType]:
    """Give every type of export by its name, in alphabetical order.

    Raises SetupError for a declaration that can't hold, and names it.
    """
    package = import_module(f"{__name__}.types")
    found: dict[str, ExportType] = {}
    for module in iter_modules(package.__path__):
        declared: ExportType = import_module(f"{package.__name__}.{module.name}").EXPORT
        refuse_unsound(declared, others=found)
        found[declared.name] = declared
    return MappingProxyType(dict(sorted(found.items())))


def named(name: str) -> ExportType:
    """Find the type of this name. Raises UnknownTypeError, which names those that there are."""
    types = all_types()
    if name not in types:
        raise UnknownTypeError(name, kind="export", types=list(types))
    return types[name]
