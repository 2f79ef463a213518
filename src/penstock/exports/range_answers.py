"""Range answers: the JSON by which a range reader reports files written, or why it failed."""

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
from penstock.exports.job_folder import JobFolder
from penstock.exports.limits import ExportLimits
from penstock.exports.parts import OnProgress
from penstock.exports.postgres import Snapshot
from penstock.exports.ranges import range_of, read_range
from penstock.exports.readers import TenantReaders
from penstock.exports.table_files import store_table_files, table_file_of
from penstock.model.artifact import Artifact
from penstock.ports import RangeRead

Answer: TypeAlias = dict[str, Any]


def read_as_described(
    readers: TenantReaders,
    place: JobFolder,
    described: Mapping[str, Any],
    *,
    limits: ExportLimits,
    cancelled: Callable[[], bool],
    told: OnProgress,
) -> Answer:
    """Store the rows of a range, or of some tables; say which files hold them, or why that failed.

    The snapshot is joined, which somebody else holds meanwhile. Holds what `write_parts` holds.

    Raises JobCancelledError, what `told` raises, and what nobody foresaw.
    """

    def read(snapshot: Snapshot) -> RangeRead:
        if "files" not in described:
            wanted = range_of(described)
            return RangeRead(
                files=read_range(
                    snapshot, place, wanted, limits=limits, cancelled=cancelled, told=told
                )
            )
        files = [table_file_of(one) for one in described["files"]]
        return store_table_files(snapshot, place, files, cancelled=cancelled, told=told)

    try:
        with readers.lend(place.tenant) as reader, reader.join(described["snapshot"]) as snapshot:
            stored = read(snapshot)
    except JobCancelledError:
        raise
    except PenstockError as error:
        return {"fault": _described(error)}
    return {"parts": [asdict(file) for file in stored.files], "as_text": stored.as_text}


def range_read(answer: Answer) -> RangeRead:
    """Give what was read of a range.

    Raises PermanentError or RecoverableError, as the range failed.
    """
    fault = answer.get("fault")
    if fault is None:
        return RangeRead(
            files=tuple(Artifact(**file) for file in answer["parts"]),
            as_text=tuple(map(tuple, answer.get("as_text", ()))),
        )
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
