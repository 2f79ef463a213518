"""Throughput: the streaming loop and plain uvicorn in turn, one app over the same data."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import deployed
import local_handler
from deployed import Deployed
from invoker import TIMEOUT_SECONDS, function
from packaged import DOWNLOAD, HERE
from servers import BenchError, free_port, running
from sink import Taken, get

LOCAL, S3 = "local files", "S3"
LOOP, UVICORN = "loop", "uvicorn"
REQUESTS: Mapping[str, tuple[str, str | None]] = {
    "CSV": ("/{name}.csv", None),
    "CSV, gzip": ("/{name}.csv", "gzip"),
    "NDJSON": ("/{name}.ndjson?_limit={part}", None),
    "Parquet, stored": ("/{name}.parquet", None),
}
"""Path and content coding of each case. NDJSON of half the rows: what a response may hold."""

Ask = Callable[[str, str | None], Taken]


@dataclass(slots=True, kw_only=True)
class Pairs:
    """Transfers by source, case and server; those of one place in the lists belong together."""

    transfers: dict[str, dict[str, dict[str, list[Taken]]]] = field(default_factory=dict)

    def add(self, source: str, case: str, server: str, taken: Taken) -> None:
        """Keep a transfer. Raises BenchError if its size is not that of those before."""
        servers = self.transfers.setdefault(source, {}).setdefault(case, {})
        before = next((each[0] for each in servers.values()), taken)
        if before.size != taken.size:
            raise BenchError(f"{source}, {case}, {server}: {taken.size} bytes, not {before.size}")
        servers.setdefault(server, []).append(taken)

    def ratios(self, source: str, case: str) -> list[float]:
        """Give the loop's throughput by uvicorn's, pair by pair."""
        servers = self.transfers[source][case]
        return [
            plain.seconds / loop.seconds
            for loop, plain in zip(servers[LOOP], servers[UVICORN], strict=True)
        ]

    def ratio(self, source: str) -> float | None:
        """Give the lowest of the cases' medians, None where a source was not measured."""
        cases = self.transfers.get(source, {})
        return min((median(self.ratios(source, case)) for case in cases), default=None)


def throughput(
    found: Pairs, source: str, loop: Ask, plain: Ask, *, name: str, rows: int, rounds: int
) -> None:
    """Fetch each case `rounds` times from both, after once unmeasured; who is first alternates."""
    servers = {LOOP: loop, UVICORN: plain}
    for number in range(-1, rounds):
        for case, (pattern, coding) in REQUESTS.items():
            path = pattern.format(name=name, part=rows // 2)
            for server in (LOOP, UVICORN) if number % 2 else (UVICORN, LOOP):
                taken = servers[server](path, coding)
                if number >= 0:
                    found.add(source, case, server, taken)


@contextmanager
def on_local_files(folder: Path, *, work: Path, log: Path) -> Iterator[tuple[Ask, Ask]]:
    """Run the loop over a local folder, and `penstock serve` beside it."""
    variables = {"PATH": os.environ["PATH"], local_handler.FOLDER_VARIABLE: str(folder)}
    variables |= {"_HANDLER": f"{local_handler.__name__}.download", "PYTHONPATH": str(HERE)}
    variables |= {"PENSTOCK_HOME": str(work / "home-of-the-loop")}
    port = free_port()
    penstock = str(Path(sys.executable).with_name("penstock"))
    serve = [penstock, "serve", str(folder), "--port", str(port), "--no-demo"]
    serve += ["--home", str(work / "home-of-uvicorn")]
    with ExitStack() as stack:
        stack.enter_context(running(serve, name=UVICORN, port=port, ready="/-/healthz", log=log))
        loop = stack.enter_context(function(_LOOP_COMMAND, variables, name=LOOP, log=log))
        yield (
            lambda path, coding: loop.invoke(deployed.event(path, coding=coding, host=None)),
            lambda path, coding: get(port, path, deployed.headers(coding=coding, host=None)),
        )


@contextmanager
def on_s3(stack: Deployed, *, log: Path) -> Iterator[tuple[Ask, Ask]]:
    """Run the loop over a bucket, and the same app in uvicorn (as for the web adapter)."""
    variables, port = stack.variables(), free_port()
    serve = [sys.executable, "-m", "penstock.aws.serve"]
    with ExitStack() as entered:
        entered.enter_context(
            running(
                serve,
                name=UVICORN,
                port=port,
                ready="/-/healthz",
                log=log,
                environment={**variables, "AWS_LWA_PORT": str(port)},
            )
        )
        loop = entered.enter_context(
            function(_LOOP_COMMAND, {**variables, "_HANDLER": DOWNLOAD}, name=LOOP, log=log)
        )
        yield (
            lambda path, coding: loop.invoke(deployed.event(path, coding=coding)),
            lambda path, coding: get(
                port, path, {**deployed.headers(coding=coding), **_adapter_headers()}
            ),
        )


def _adapter_headers() -> Mapping[str, str]:
    """Say, as the web adapter does, how long the answer may take: it decides how much may be sent.

    https://aws.github.io/aws-lambda-web-adapter/features/
    """
    context = {"deadline": int((time.time() + TIMEOUT_SECONDS) * 1000)}
    return {"x-amzn-lambda-context": json.dumps(context)}


_LOOP_COMMAND = (sys.executable, "-m", "penstock.aws.runtime.loop")
