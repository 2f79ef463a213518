"""Everything that one run measures of exports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is measured."""

    rows: int
    slice_rows: int
    rounds: int
    slice_rounds: int
    posts: int
    at_once: int = 100
    large_rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One export, made by a worker that had made a small one before."""

    rows: int
    parts: int
    size: int
    seconds: float
    """From the start of its attempt to its end, by the worker."""
    waited_seconds: float
    """From asking for it to seeing that it is over."""
    processor_seconds: float
    """Of the worker's process, without the database's."""
    peak: int | None
    """The most that the worker's process held until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a peer took."""

    seconds: float
    size: int
    peak: int | None


@dataclass(slots=True, kw_only=True)
class Answers:
    """What the API of a running service took, in seconds."""

    first: float = 0
    """From the first request of all to the file: the database is made, and workers start."""
    posts: list[float] = field(default_factory=list)
    statuses: list[float] = field(default_factory=list)
    until_over: list[float] = field(default_factory=list)
    until_downloaded: list[float] = field(default_factory=list)
    """From before the POST of the premium-pay export to the last byte of its CSV file."""
    events: list[float] = field(default_factory=list)
    """From the moment that an event names to its arrival at a socket."""
    crowd_posts: list[float] = field(default_factory=list)
    crowd_wall: float = 0
    """From the first of the requests at once to the last one's answer."""
    crowd_over: float = 0
    """From the same to the end of the last job."""
    crowd_asked: int = 0
    crowd_made: int = 0
    """Jobs that were accepted under an id of their own, and ended well."""
    crowd_told: int = 0
    """Those of whose end a socket was told."""
    crowd_events: list[float] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Results:
    """What was measured; times by way or case, in the order of the rounds."""

    rows: int
    exports: list[Made] = field(default_factory=list)
    """Through `penstock work`."""
    told: list[Made] = field(default_factory=list)
    silent: list[Made] = field(default_factory=list)
    """The same job, alternating, with its progress and without."""
    large: list[Made] = field(default_factory=list)
    peers: dict[str, list[Taken]] = field(default_factory=dict)
    slices: dict[str, list[Made]] = field(default_factory=dict)
    answers: Answers = field(default_factory=Answers)
    failures: dict[str, str] = field(default_factory=dict)
    checked: list[str] = field(default_factory=list)


def middle(made: Sequence[Made], of: Callable[[Made], float]) -> float | None:
    """Give a median, None where nothing was made."""
    return median(of(each) for each in made) if made else None


def rate(made: Sequence[Made]) -> float | None:
    """Give rows a second, by the median time."""
    seconds = middle(made, lambda each: each.seconds)
    return made[0].rows / seconds if seconds else None


def peak(made: Sequence[Made]) -> int | None:
    """Give the most that any of their workers held, in bytes."""
    return max((each.peak for each in made if each.peak is not None), default=None)


def percentile(seconds: Sequence[float], which: int) -> float | None:
    """Give a percentile, None of fewer than two."""
    return quantiles(seconds, n=100, method="inclusive")[which - 1] if len(seconds) > 1 else None
