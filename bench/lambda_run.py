"""One run: every measurement of the function, in order, under stand-ins of its own."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cold
import dataset
import deployed
import paced
import packaged
import pairs
import shared
import warm
import weight
from dataset import Inputs
from deployed import Deployed
from lambda_results import Results
from packaged import Program
from ways import ORGANISATION

Say = Callable[[str], None]

WEIGHED_SCALE = 8
"""Memory is weighed under a cap that is so many times Lambda's, with the same ratio."""
LINEITEM_ROWS = 1_500_000
"""Of lineitem: 195 MB of CSV, just what a response may hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is measured."""

    rows: int
    whole_rows: int
    """Of what is sent whole: a response may hold 200 MB."""
    rounds: int
    slices: int
    paced_rows: int
    pace_scale: float


FULL = Effort(
    rows=dataset.FULL_ROWS,
    whole_rows=1_000_000,
    rounds=5,
    slices=100,
    paced_rows=400_000,
    pace_scale=1,
)
QUICK = Effort(
    rows=dataset.QUICK_ROWS,
    whole_rows=dataset.QUICK_ROWS,
    rounds=1,
    slices=10,
    paced_rows=40_000,
    pace_scale=0.2,
)


def run(effort: Effort, *, work: Path, lineitem: Path | None, from_venv: bool, say: Say) -> Results:
    """Measure everything; what is generated in `work` is kept for the next run.

    Raises BenchError if something can't be measured.
    """
    say(f"making the datasets in {work}")
    inputs = dataset.make(work, rows=effort.rows)
    whole = dataset.make(work, rows=effort.whole_rows)
    log = work / "functions.log"
    log.unlink(missing_ok=True)
    with _folder(work) as folder:
        say("building the function")
        program = packaged.installed() if from_venv else packaged.packaged(folder)
        results = Results(program=program.said)
        say("throughput from local files")
        with pairs.on_local_files(whole.folder, work=folder, log=log) as asks:
            pairs.throughput(
                results.pairs, pairs.LOCAL, *asks,
                name=whole.by_organisation.stem, rows=whole.rows, rounds=effort.rounds,
            )  # fmt: skip
        with deployed.deployed(folder) as stack:
            stack.put("rows", inputs.by_organisation)
            stack.put("whole", whole.by_organisation)
            _on_s3(results, program, stack, inputs, whole, effort, log=log, say=say)
        if lineitem is not None:
            results.weights += _lineitem(program, lineitem, work=work, log=log, say=say)
    return results


def _on_s3(
    results: Results,
    program: Program,
    stack: Deployed,
    inputs: Inputs,
    whole: Inputs,
    effort: Effort,
    *,
    log: Path,
    say: Say,
) -> None:
    say("throughput from S3")
    with pairs.on_s3(stack, log=log) as asks:
        pairs.throughput(
            results.pairs, pairs.S3, *asks, name="whole", rows=whole.rows, rounds=effort.rounds
        )
    say("slices from S3")
    results.slices = warm.slices(
        program, stack,
        name="rows", rows=inputs.rows_an_organisation, times=effort.slices, log=log,
    )  # fmt: skip
    say("cold starts")
    results.starts = cold.cold_starts(
        program,
        stack.variables(),
        deployed.event(f"/rows.csv?organisation-entity={ORGANISATION}"),
        rounds=effort.rounds,
        log=log,
    )
    say("shares of the processor")
    results.shared = shared.shared(
        program, stack,
        name="whole", rows=whole.rows, megabytes=weight.MEGABYTES, rounds=effort.rounds, log=log,
    )  # fmt: skip
    say("each format under the cap")
    results.delivered = paced.delivered(
        program, stack,
        name="whole", rows=effort.paced_rows, pace=paced.cap(effort.pace_scale), log=log,
    )  # fmt: skip
    say("memory under the cap")
    results.weights = weight.weights(
        program,
        stack,
        weight.Asked(name="whole", rows=whole.rows),
        megabytes=[weight.DEFAULT_MEGABYTES],
        pace=paced.cap(WEIGHED_SCALE),
        log=log,
    )


def _lineitem(
    program: Program, path: Path, *, work: Path, log: Path, say: Say
) -> list[weight.Weight]:
    # A store of its own: both together are more than one of the stand-ins holds.
    with _folder(work) as folder, deployed.deployed(folder) as stack:
        say("storing lineitem")
        stack.put("lineitem", path)
        say("memory under the cap, lineitem")
        return weight.weights(
            program,
            stack,
            weight.Asked(name="lineitem", rows=LINEITEM_ROWS),
            megabytes=weight.MEGABYTES,
            pace=paced.cap(WEIGHED_SCALE),
            log=log,
        )


@contextmanager
def _folder(work: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(
        dir=work, prefix="function-", ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)
