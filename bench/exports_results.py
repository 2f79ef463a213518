"""Everything that one run measures of exports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

from interval import Interval, interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is measured."""

    rows: int
    slice_rows: int
    rounds: int
    slice_rounds: int
    posts: int
    pairs: int
    """Of jobs told of and silent, at least; more, until it is known well what progress costs."""
    progress_rows: int = 200_000
    """Of each of these: two short jobs, one behind the other, meet the same machine. A short one
    sends more reports a second than a long one: what they cost comes out rather too high."""
    progress_seconds: float = 240
    """After which no further pair is begun."""
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
    """Of the worker's process and of those that read for it, without the database's."""
    peak: int | None
    """The most that its worker held at any time, or all of these when they were looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a peer took."""

    seconds: float
    size: int
    peak: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a job took of a worker that was warm, and how often its row was written."""

    seconds: float
    processor_seconds: float
    writes: int
    telling_seconds: float
    """Of its processor time, what words and reports took; 0 unless that was timed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The same job twice, one right behind the other: with its progress, and without."""

    told: Spent
    silent: Spent


@dataclass(slots=True, kw_only=True)
class Progress:
    """What telling of progress costs."""

    rows: int = 0
    pairs: list[Pair] = field(default_factory=list)
    weighed: list[Spent] = field(default_factory=list)
    """The same job, told of, with what telling took."""

    @property
    def cost_in_time(self) -> Interval | None:
        """Give how much longer a job takes with its progress."""
        return interval([each.told.seconds / each.silent.seconds for each in self.pairs])

    @property
    def cost_in_processor_time(self) -> Interval | None:
        """Give the same of processor time."""
        return interval(
            [each.told.processor_seconds / each.silent.processor_seconds for each in self.pairs]
        )

    @property
    def reports(self) -> float:
        """Give how many reports of progress a job sends."""
        return median(each.told.writes - each.silent.writes for each in self.pairs)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What the function asked of a stand-in; seconds, `came` from when the function was asked."""

    what: str
    came: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One answer of the function, with all that it asked for meanwhile, in order."""

    seconds: float
    calls: list[Call]
    waits_for: float = 0
    """Round trips that it waits for, one behind the other."""

    @property
    def elsewhere(self) -> float:
        """Sum the seconds in which at least one call was under way."""
        total = ends = 0.0
        for call in self.calls:
            total += max(0.0, call.came + call.seconds - max(call.came, ends))
            ends = max(ends, call.came + call.seconds)
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionAnswers:
    """What the API's function took on stand-ins, in seconds, warm; and one of each in detail."""

    posts: list[float]
    statuses: list[float]
    counted_post: Asked
    counted_status: Asked


@dataclass(slots=True, kw_only=True)
class Results:
    """What was measured; times by way or case, in the order of the rounds."""

    rows: int
    exports: list[Made] = field(default_factory=list)
    """Through `penstock work`, which reads the table alone."""
    side_by_side: list[Made] = field(default_factory=list)
    """The same, by two processes that read ranges of the table for it."""
    progress: Progress = field(default_factory=Progress)
    large: list[Made] = field(default_factory=list)
    peers: dict[str, list[Taken]] = field(default_factory=dict)
    slices: dict[str, list[Made]] = field(default_factory=dict)
    answers: Answers = field(default_factory=Answers)
    of_function: FunctionAnswers | None = None
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
