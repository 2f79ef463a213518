"""Parameters: what those who ask for an export may say, as models that refuse everything else."""

from datetime import date
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator


class Parameters(BaseModel):
    """What every type's parameters begin with: none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Period(Parameters):
    """Days, by UTC: from `since` on, and before `until`."""

    since: date | None = None
    until: date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("`until` is the first day that is left out: it comes after `since`")
        return self
