"""The measurements: whole transfers in rotation, slices, memory, slow readers, cold starts."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import floor
import ways
from checks import check_slice
from client import Transfer, TransferFailedError, download, first_bytes, repeated, slow_readers
from servers import ENVIRONMENT, BenchError, Server, free_port, running
from ways import Way

FLOOR_PROBES = 3
FRESH_ONLY = {ways.FILTERED: 3}
"""Cases that a server builds once and then gives away from a file, with how often to time them."""
SLOW_READERS = 50
SLOW_BYTES_A_SECOND = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Resident bytes of a fresh server: when it was ready, and at most while it served the case."""

    base: int | None
    peak: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Seconds to the last byte: median on one open connection, and each on a new connection."""

    kept_open: float
    reconnecting: float
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """What many slow readers did to one server, and to a new request beside them."""

    readers: int
    refused: list[str]
    closed_early: int
    fewest_bytes: int
    peak: int | None
    first_byte_median: float
    first_byte_max: float


@dataclass(slots=True, kw_only=True)
class Results:
    """Everything measured in one run, by way and case; a failure is its reason."""

    transfers: dict[str, dict[str, list[Transfer]]] = field(default_factory=dict)
    failures: dict[str, dict[str, str]] = field(default_factory=dict)
    floor_variants: dict[str, float] = field(default_factory=dict)
    floor_variant: str = ""
    floor_seconds: list[float] = field(default_factory=list)
    plain_floor_seconds: list[float] = field(default_factory=list)
    """Of the variant that this project's own reader resembles, where another one is faster."""
    first_bytes: dict[str, float] = field(default_factory=dict)
    slices: dict[str, dict[str, Slice]] = field(default_factory=dict)
    memory: dict[str, dict[str, Memory]] = field(default_factory=dict)
    crowd: Crowd | None = None
    cold_start_seconds: list[float] = field(default_factory=list)
    import_seconds: float | None = None
    checked: list[str] = field(default_factory=list)

    def add(self, way: Way, case: str, transfer: Transfer) -> None:
        """Keep one transfer. Raises BenchError if its size is not that of the ones before."""
        kept = self.transfers.setdefault(way.name, {}).setdefault(case, [])
        if kept and kept[0].size != transfer.size and case != ways.ZSTD:
            raise BenchError(f"{way.name}, {case}: {transfer.size} bytes, before {kept[0].size}")
        kept.append(transfer)

    def fail(self, way: Way, case: str, reason: str) -> None:
        """Keep why a case can't be had in this way."""
        self.failures.setdefault(way.name, {})[case] = reason

    def failed(self, way: Way, case: str) -> bool:
        """Whether this case has failed before: it isn't tried again."""
        return case in self.failures.get(way.name, {})

    def seconds(self, way: str, case: str) -> float | None:
        """Give the median time of a case's transfers, None without any."""
        kept = self.transfers.get(way, {}).get(case)
        return statistics.median(each.seconds for each in kept) if kept else None

    def size(self, way: str, case: str) -> int | None:
        """Give the bytes of a case's transfers, None without any."""
        kept = self.transfers.get(way, {}).get(case)
        return kept[0].size if kept else None

    def floor(self) -> float | None:
        """Give the median time of the decode-only floor, None where it wasn't measured."""
        return statistics.median(self.floor_seconds) if self.floor_seconds else None

    def plain_floor(self) -> float | None:
        """Give the same of the floor with the engine's own settings, fastest or not."""
        seconds = self.plain_floor_seconds or self.floor_seconds
        return statistics.median(seconds) if seconds else None


Say = Callable[[str], None]


@contextmanager
def serving(way: Way, *, log: Path) -> Iterator[Server]:
    """Run a fresh server of this way on a free port while the block lasts."""
    port = free_port()
    with running(way.command(port), name=way.name, port=port, ready=way.ready, log=log) as server:
        yield server


@contextmanager
def floor_process(path: Path) -> Iterator[Callable[[str], float]]:
    """Start the floor's process and give the function that has it scan once, in seconds."""
    command = [sys.executable, str(Path(floor.__file__)), str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise BenchError("the floor's process has no pipes")
        asks, answers = process.stdin, process.stdout

        def scan(variant: str) -> float:
            print(variant, file=asks, flush=True)
            return float(answers.readline().split()[0])

        try:
            yield scan
        finally:
            process.kill()


def whole_files(
    results: Results, all_ways: Sequence[Way], *, path: Path, rounds: int, log: Path, say: Say
) -> None:
    """Fetch every case of every way and scan the floor, in rotation, `rounds` times.

    All servers run all the time, idle but for the one that is asked; each gets its first request
    before the first round. Slow ways take part in the first and the last round only.
    """
    with ExitStack() as stack:
        servers = {way.name: stack.enter_context(serving(way, log=log)) for way in all_ways}
        scan = stack.enter_context(floor_process(path))
        probe_floor(results, scan)
        for way in all_ways:
            for case in (ways.SLICE, *([] if way.slow else [ways.CSV])):
                _try(results, way, case, servers[way.name], keep=False)
        for number in range(rounds):
            say(f"whole files, round {number + 1} of {rounds}")
            scan_floor(results, scan)
            for way in all_ways:
                if way.slow and number not in {0, rounds - 1}:
                    continue
                for case in way.requests:
                    if case not in (ways.SLICE, ways.SHUFFLED, *FRESH_ONLY):
                        _try(results, way, case, servers[way.name], keep=True)
            scan_floor(results, scan)


def probe_floor(results: Results, scan: Callable[[str], float]) -> None:
    """Time each variant of the floor, warm, and choose the fastest one for the rounds."""
    for variant in floor.VARIANTS:
        scan(variant)
    probes: dict[str, list[float]] = {variant: [] for variant in floor.VARIANTS}
    for _ in range(FLOOR_PROBES):
        for variant, seconds in probes.items():
            seconds.append(scan(variant))
    results.floor_variants = {name: statistics.median(each) for name, each in probes.items()}
    results.floor_variant = min(results.floor_variants, key=results.floor_variants.__getitem__)


def scan_floor(results: Results, scan: Callable[[str], float]) -> None:
    """Scan once with the chosen variant, and once with the plain one where that is another."""
    results.floor_seconds.append(scan(results.floor_variant))
    if results.floor_variant != floor.PLAIN:
        results.plain_floor_seconds.append(scan(floor.PLAIN))


def _try(results: Results, way: Way, case: str, server: Server, *, keep: bool) -> None:
    if results.failed(way, case):
        return
    try:
        transfer = download(server, way.requests[case])
    except TransferFailedError as error:
        results.fail(way, case, str(error))
        return
    if keep:
        results.add(way, case, transfer)


def slices(results: Results, way: Way, *, times: int, log: Path, folder: Path) -> None:
    """Time a warm server's one-organisation slices, and the first byte of its whole CSV."""
    times = max(2, times // 10) if way.slow else times
    with serving(way, log=log) as server:
        for case in (ways.SLICE, ways.SHUFFLED):
            if case not in way.requests:
                continue
            request = way.requests[case]
            try:
                check_slice(server, request, folder=folder)
                open_ones = repeated(server, request, times=times + 2)[2:]
                new_ones = [download(server, request) for _ in range(max(2, times // 2))]
            except BenchError as error:
                results.fail(way, case, str(error))
                continue
            results.slices.setdefault(way.name, {})[case] = Slice(
                kept_open=statistics.median(each.seconds for each in open_ones),
                reconnecting=statistics.median(each.seconds for each in new_ones),
                size=open_ones[0].size,
            )
        first = first_bytes(server, way.requests[ways.CSV], times=max(2, times // 2), pause=0.2)
        results.first_bytes[way.name] = statistics.median(first)


def memory(results: Results, way: Way, case: str, *, log: Path) -> None:
    """Serve one case once from a fresh server and note how much memory it came to hold.

    A case of FRESH_ONLY is timed here, several times, each from a server that has read before.
    """
    for _ in range(FRESH_ONLY.get(case, 1)):
        with serving(way, log=log) as server:
            if case in FRESH_ONLY:
                _try(results, way, ways.SLICE, server, keep=False)
            _try(results, way, case, server, keep=case in FRESH_ONLY)
            if not results.failed(way, case):
                results.memory.setdefault(way.name, {})[case] = Memory(
                    base=server.base_rss, peak=server.peak_rss()
                )


def crowd(results: Results, way: Way, *, seconds: float, log: Path) -> None:
    """Let 50 slow readers take the CSV at 200 KB/s each, and time new requests beside them."""
    request = way.requests[ways.CSV]
    with serving(way, log=log) as server:
        first_bytes(server, request, times=1, pause=0.2)
        pause = seconds / 20 / 2
        with slow_readers(
            server, request, readers=SLOW_READERS, bytes_a_second=SLOW_BYTES_A_SECOND
        ) as readers:
            time.sleep(seconds / 2)
            try:
                beside = first_bytes(server, request, times=20, pause=pause)
            except TransferFailedError as error:
                results.fail(way, "beside slow readers", str(error))
                beside = [float("inf")]
        results.crowd = Crowd(
            readers=SLOW_READERS,
            refused=readers.refused,
            closed_early=readers.closed_early,
            fewest_bytes=readers.fewest_bytes(),
            peak=server.peak_rss(),
            first_byte_median=statistics.median(beside),
            first_byte_max=max(beside),
        )


def cold_starts(results: Results, way: Way, *, python: str, times: int, log: Path) -> None:
    """Time from starting the process to the whole of its first slice, and importing the app.

    `python` is the interpreter that the service is installed for.
    """
    for _ in range(times):
        port, ready = free_port(), way.requests[ways.SLICE].path
        with running(way.command(port), name=way.name, port=port, ready=ready, log=log) as server:
            results.cold_start_seconds.append(server.ready_seconds)
    timed = "import time; t = time.perf_counter(); import penstock.web.app; "
    timed += "print(time.perf_counter() - t)"
    ended = subprocess.run(
        [python, "-c", timed], capture_output=True, text=True, check=False, env=ENVIRONMENT
    )
    results.import_seconds = float(ended.stdout) if ended.returncode == 0 else None
