"""Keys: what each key of a URL is, a control or a filter, and what a mistyped one meant."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from penstock.errors import (
    SHOWN_CHARACTERS,
    BadValueError,
    RepeatedParameterError,
    TooManyFiltersError,
    UnknownParameterError,
)
from penstock.model.dataset import Column, Dataset
from penstock.query.controls import CONTROLS
from penstock.query.did_you_mean import near
from penstock.query.operators import OPERATORS, Operator, column_operators

SIGNATURE = ("_expires", "_kid", "_sig")
"""The controls that make a signed URL, together."""

_IGNORED = frozenset({"fbclid", "gclid"})
_IGNORED_PREFIX = "utm_"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterKey:
    """A key that filters: `written` as it stands in the URL, and what it says."""

    written: str
    column: Column
    operator: Operator


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlParameters:
    """A URL's pairs, told apart: each control once, and the filters in URL order."""

    controls: Mapping[str, str]
    filters: tuple[tuple[FilterKey, str], ...]


def sort_out(
    pairs: Iterable[tuple[str, str]], dataset: Dataset, *, most_filters: int
) -> UrlParameters:
    """Tell controls from filters; what advertisers append (`utm_…`) is dropped.

    Raises UnknownParameterError, RepeatedParameterError, BadValueError for a control without a
    value, and TooManyFiltersError (`_where` counts as one filter).
    """
    controls: dict[str, str] = {}
    filters: list[tuple[FilterKey, str]] = []
    for key, value in pairs:
        resolved = resolve(key, dataset)
        if isinstance(resolved, FilterKey):
            filters.append((resolved, value))
        elif resolved is not None:
            if resolved in controls:
                raise RepeatedParameterError(resolved)
            if not value and resolved != "_null":
                raise _without_value(resolved)
            controls[resolved] = value
    reached = len(filters) + ("_where" in controls)
    if reached > most_filters:
        raise TooManyFiltersError(limit=most_filters, reached=reached)
    return UrlParameters(controls=controls, filters=tuple(filters))


def refuse_all_but_signature(pairs: Iterable[tuple[str, str]]) -> None:
    """Return if a URL holds nothing but a signature, or what advertisers append.

    Raises UnknownParameterError: what such a path answers with depends on no parameter.
    """
    for key, _ in pairs:
        if key not in SIGNATURE and not _is_ignored(key):
            shown = key[:SHOWN_CHARACTERS]
            raise UnknownParameterError(
                shown, detail=f"“{shown}” is no parameter here: this path takes none."
            )


def resolve(key: str, dataset: Dataset) -> FilterKey | str | None:
    """Give what a key is: a filter, a control's name, or None where it is to be ignored.

    In this order: a key that begins with `_` is a control or else `_column__operator`; a column's
    exact name is equality; else the last `__` parts column and operator. Names match by case.

    Raises UnknownParameterError with what may have been meant, also for an operator that doesn't
    fit its column.
    """
    if key in CONTROLS:
        return key
    if not key.startswith("_") and key in dataset.by_name:
        column = dataset.by_name[key]
        return FilterKey(written=key, column=column, operator=_fitting(key, column, "exact"))
    name, divided, operator = key.rpartition("__")
    if divided and name in dataset.by_name:
        column = dataset.by_name[name]
        return FilterKey(written=key, column=column, operator=_fitting(key, column, operator))
    if _is_ignored(key):
        return None
    raise UnknownParameterError(
        key, did_you_mean=_meant(key, dataset), detail=_detail(key, dataset)
    )


def key_of(column: Column, operator: Operator, dataset: Dataset) -> str | None:
    """Spell the key of a filter; None where that spelling is another column's exact name."""
    if operator == "exact" and not column.name.startswith("_"):
        return column.name
    key = f"{column.name}__{operator}"
    return None if not key.startswith("_") and key in dataset.by_name else key


def control_of(pairs: Sequence[tuple[str, str]], name: str) -> str | None:
    """Read one control before a dataset is known. Raises as `sort_out` does."""
    values = [value for key, value in pairs if key == name]
    if len(values) > 1:
        raise RepeatedParameterError(name)
    if values == [""]:
        raise _without_value(name)
    return values[0] if values else None


def _without_value(control: str) -> BadValueError:
    return BadValueError(
        control, "", expected="a value", example=f"{control}={CONTROLS[control].example}"
    )


def _fitting(key: str, column: Column, operator: str) -> Operator:
    fitting = column_operators(column)
    known = OPERATORS.get(operator)
    if known in fitting:
        return known
    listed = ", ".join(f"__{name}" for name in fitting)
    if known is None:
        said = f"“__{operator}” is no operator: column “{column.name}” takes {listed}."
    else:
        sign = "=" if key == column.name else f"__{operator}"
        said = f"{sign} doesn't fit column “{column.name}” ({column.type_name}): use {listed}."
    meant = [f"{column.name}__{name}" for name in near(operator, fitting)] if known is None else []
    raise UnknownParameterError(key, did_you_mean=meant, detail=said)


def _detail(key: str, dataset: Dataset) -> str | None:
    if key.startswith("_") and key in dataset.by_name:
        return (
            f"“{key}” is no control; the column whose name begins with “_” is reached as "
            f"{key}__exact."
        )
    return None


def _meant(key: str, dataset: Dataset) -> list[str]:
    if key.startswith("_") and key in dataset.by_name:
        return [f"{key}__exact"]
    name, divided, operator = key.rpartition("__")
    if divided:
        operators = [operator] if operator in OPERATORS else near(operator, OPERATORS, most=1)
        found = [
            f"{column}__{known}" for column in near(name, dataset.by_name) for known in operators
        ]
        if found:
            return found
    columns = [f"{name}__exact" if name.startswith("_") else name for name in dataset.by_name]
    return near(key, [*columns, *CONTROLS])


def _is_ignored(key: str) -> bool:
    return key in _IGNORED or key.startswith(_IGNORED_PREFIX)
