"""Answers: what a process that reads a range of a table says of it, as JSON holds it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeAlias

from penstock.errors import (
    BusyError,
    JobCancelledError,
    JobError,
    PenstockError,
    PermanentError,
    RecoverableError,
)
from penstock.exports.limits import ExportLimits
from penstock.exports.parts import Told
from penstock.exports.place import Place
from penstock.exports.ranges import range_of, read_range
from penstock.exports.readers import TenantReaders
from penstock.model.job import Artifact

Answer: TypeAlias = dict[str, Any]


def read_as_described(
    readers: TenantReaders,
    place: Place,
    described: Mapping[str, Any],
    *,
    limits: ExportLimits,
    cancelled: Callable[[], bool],
    told: Told,
) -> Answer:
    """Store the rows of a range, and say which files hold them, or why that failed.

    The snapshot is joined, which somebody else holds meanwhile. Holds what `write_parts` holds.

    Raises JobCancelledError, what `told` raises, and what nobody foresaw.
    """
    wanted = range_of(described)
    try:
        with readers.lend(place.tenant) as reader, reader.join(wanted.snapshot) as snapshot:
            parts = read_range(
                snapshot, place, wanted, limits=limits, cancelled=cancelled, told=told
            )
    except JobCancelledError:
        raise
    except PenstockError as error:
        return {"fault": _described(error)}
    return {"parts": [asdict(part) for part in parts]}


def parts_of(answer: Answer) -> tuple[Artifact, ...]:
    """Give the files of a range that was read.

    Raises PermanentError or RecoverableError, as the range failed.
    """
    fault = answer.get("fault")
    if fault is None:
        return tuple(Artifact(**part) for part in answer["parts"])
    kind = PermanentError if fault["is_permanent"] else RecoverableError
    raise kind(fault["detail"], **fault["facts"])


def _described(error: PenstockError) -> dict[str, Any]:
    """Say what a job's fault needs to know: what doesn't concern jobs is permanent, unless busy."""
    facts = {name: fact for name, fact in error.facts.items() if isinstance(fact, str | int)}
    if not isinstance(error, JobError):
        facts["cause"] = error.code
    return {
        "is_permanent": isinstance(error, PermanentError)
        or not isinstance(error, JobError | BusyError),
        "detail": error.detail,
        "facts": facts,
    }
