"""Parameters: what those who ask for an export may say, as models that refuse everything else."""

from datetime import date
from typing import Self

from pydantic import BaseModel, ConfigDict, field_validator, model_validator


class Parameters(BaseModel):
    """What every type's parameters begin with: none. What stands below a field describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    # Not before: what comes behind such a validator is no JSON any more, where a date is text.
    @field_validator("*", mode="after")
    @classmethod
    def _storable(cls, value: object) -> object:
        if isinstance(value, str) and "\0" in value:
            raise ValueError("no text may hold a NUL character")
        return value


class Period(Parameters):
    """Days, by UTC: from `since` on, and before `until`."""

    since: date | None = None
    """The first day."""
    until: date | None = None
    """The first day that is left out."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("`until` is the first day that is left out: it comes after `since`")
        return self
