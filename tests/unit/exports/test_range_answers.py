import json

import pytest

from penstock.errors import (
    BusyError,
    NoDatabaseError,
    PenstockError,
    PermanentError,
    RecoverableError,
    UnrepresentableError,
)
from penstock.exports.job_folder import JobFolder
from penstock.exports.limits import ExportLimits
from penstock.exports.parts import OnProgress
from penstock.exports.postgres import TableQuery
from penstock.exports.range_answers import Answer, range_read, read_as_described
from penstock.exports.ranges import TableRange
from penstock.exports.readers import TenantReaders
from penstock.local.jobs.outputs import FileOutputs
from penstock.model.artifact import Artifact

RANGE = TableRange(number=0, snapshot="0-0-1", query=TableQuery(sql="SELECT 1"))


class _Failing:
    """Databases that can't be looked up."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def connection_string(self, tenant: str) -> str:  # noqa: ARG002 - the port's
        raise self._error


def answer_to(error: Exception, place: JobFolder) -> Answer:
    told: OnProgress = lambda *_: None  # noqa: E731 - as it is passed
    answer = read_as_described(
        TenantReaders(_Failing(error)),
        place,
        RANGE.described(),
        limits=ExportLimits(),
        cancelled=lambda: False,
        told=told,
    )
    again: Answer = json.loads(json.dumps(answer))
    return again


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    outputs = FileOutputs(tmp_path_factory.mktemp("store"))
    return JobFolder(outputs=outputs, tenant="acme", folder="exports/x", token=1)


@pytest.mark.parametrize(
    ("error", "kind", "facts"),
    [
        (NoDatabaseError(), PermanentError, {}),
        (PermanentError("No.", column="n"), PermanentError, {"column": "n"}),
        (RecoverableError("Lost.", sqlstate="57P01"), RecoverableError, {"sqlstate": "57P01"}),
        (
            BusyError("Busy.", retry_after_seconds=5),
            RecoverableError,
            {"retry_after_seconds": 5, "cause": "busy"},
        ),
        (
            UnrepresentableError(column="n", column_type="x", format_name="Parquet"),
            PermanentError,
            {"column": "n", "cause": UnrepresentableError.code},
        ),
    ],
)
def test_a_fault_comes_through_as_what_it_is(
    place: JobFolder, error: PenstockError, kind: type[PenstockError], facts: dict[str, object]
) -> None:
    with pytest.raises(kind) as raised:
        range_read(answer_to(error, place))
    assert raised.value.detail == error.detail
    assert facts.items() <= raised.value.facts.items()


def test_what_nobody_foresaw_is_no_answer(place: JobFolder) -> None:
    with pytest.raises(ZeroDivisionError):
        answer_to(ZeroDivisionError(), place)


def test_files_come_through_as_they_are() -> None:
    part = {"part": "part-000001-00000.parquet", "rows": 3, "bytes": 4, "sha256": "00"}
    found = range_read({"parts": [part]})
    assert found.files == (
        Artifact(part="part-000001-00000.parquet", rows=3, bytes=4, sha256="00"),
    )
