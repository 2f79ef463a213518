"""Everything that one run measures of the download function."""

from dataclasses import dataclass, field

from cold import Starts
from paced import Delivered
from pairs import Pairs
from shared import Shared
from warm import Slices
from weight import Weight


@dataclass(slots=True, kw_only=True)
class Results:
    """What was measured, each part as its module describes it."""

    program: str
    """What the measured function is."""
    pairs: Pairs = field(default_factory=Pairs)
    slices: Slices = field(default_factory=Slices)
    starts: Starts = field(default_factory=Starts)
    shared: list[Shared] = field(default_factory=list)
    delivered: dict[str, Delivered] = field(default_factory=dict)
    weights: list[Weight] = field(default_factory=list)

    def failures(self) -> list[str]:
        """Say which answers were not whole."""
        return [
            f"{each.dataset}, {each.case}, {each.megabytes} MB: {each.failure}"
            for each in self.weights
            if each.failure
        ]
