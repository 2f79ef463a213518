"""The function with the share of the processor that each memory setting has on Lambda."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cold
import deployed
from deployed import Deployed
from invoker import function
from packaged import DOWNLOAD, Program
from processor_share import processors, share
from ways import ORGANISATION

_SLICES = 20
_WARM_UP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What a memory setting's share gives: medians of seconds, and bytes a second of gzip."""

    megabytes: int
    processors: float
    cold_start: float
    slice_first_byte: float
    gzip_bytes_a_second: float


def shared(
    program: Program,
    stack: Deployed,
    *,
    name: str,
    rows: int,
    megabytes: Sequence[int],
    rounds: int,
    log: Path,
) -> list[Shared]:
    """Start the function, ask for slices, and have rows sent as CSV, gzip, under each share.

    Nothing where no share can be given.
    """
    found = []
    for each in megabytes:
        with share(processors(each)) as prefix:
            if prefix is None:
                return []
            command = (*prefix, *program.command)
            found.append(
                _under(command, program, stack, each, name=name, rows=rows, rounds=rounds, log=log)
            )
    return found


def _under(
    command: Sequence[str],
    program: Program,
    stack: Deployed,
    megabytes: int,
    *,
    name: str,
    rows: int,
    rounds: int,
    log: Path,
) -> Shared:
    variables = {**stack.variables(megabytes=megabytes), **program.variables, "_HANDLER": DOWNLOAD}
    one = deployed.event(f"/{name}.csv?organisation-entity={ORGANISATION}")
    starts = [cold.start(command, variables, one, log=log)[-1] for _ in range(rounds)]
    with function(command, variables, name=f"{megabytes} MB", log=log) as running:
        slices = [running.invoke(one).first_byte_seconds for _ in range(_SLICES + _WARM_UP)]
        event = deployed.event(f"/{name}.csv?_limit={rows}", coding="gzip")
        taken = running.invoke(event)
    return Shared(
        megabytes=megabytes,
        processors=processors(megabytes),
        cold_start=median(starts),
        slice_first_byte=median(slices[_WARM_UP:]),
        gzip_bytes_a_second=taken.size / taken.seconds,
    )
