"""Files: a result's parts, written once more as one object in a further format."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from penstock import formats
from penstock.errors import DatasetDamagedError, RecoverableError
from penstock.exports.check import FORMATS
from penstock.exports.fitted_reads import fitted
from penstock.exports.job_folder import JobFolder
from penstock.exports.resources import ExportResources
from penstock.exports.result import manifest_of
from penstock.exports.result_writer import Checkpoint, ResultWriter, is_whole_result
from penstock.exports.watch import watched
from penstock.model.artifact import Artifact
from penstock.model.dataset import Dataset
from penstock.model.format import Style
from penstock.model.slice import everything
from penstock.reading.encoded import AnswerCaps, encoded
from penstock.reading.engine import Allowance
from penstock.reading.estimate import AT_ONCE
from penstock.reading.tally import Tally


def with_further_formats(
    writer: ResultWriter, reached: Checkpoint, styles: Mapping[str, Style]
) -> Checkpoint:
    """Write what the job asks for beside the parts, but for what is there already.

    Each file, and before them the parts, is a checkpoint. Raises as `write_file`, and
    RecoverableError where the parts are not there any more.
    """
    resources, job = writer.resources, writer.job
    there = {one.part.rpartition(".")[2] for one in reached.files if is_whole_result(one)}
    missing = [extension for extension in job.params.get(FORMATS, ()) if extension not in there]
    if not missing:
        return reached
    try:
        result = resources.drafts.draft(
            job.tenant, manifest_of(job, reached.parts, now=resources.now())
        )
        with watched(writer.attempt) as allowance:
            for extension in missing:
                writer.checkpoint(reached)
                file = write_file(
                    resources,
                    writer.place,
                    result,
                    extension,
                    style=styles.get(extension, Style()),
                    allowance=allowance(resources.limits.query_seconds),
                    told=_told(writer, reached, extension),
                )
                reached = replace(reached, files=(*reached.files, file))
    except DatasetDamagedError as error:
        # They were whole a moment ago: an attempt that this one overtook was the first to publish.
        raise RecoverableError("The files of this job were removed while it read them.") from error
    return reached


def write_file(
    resources: ExportResources,
    place: JobFolder,
    result: Dataset,
    extension: str,
    *,
    style: Style,
    allowance: Allowance,
    told: Callable[[int, int], None],
) -> Artifact:
    """Store a result as a download of it would be, but for its size: no cap ends it.

    `told` hears of the rows and bytes that went by, of this file alone, and what it raises ends the
    writing: nothing is stored then. Holds what an encoded read holds.

    Raises UnrepresentableError, what a scan raises, and what Outputs.write raises.
    """
    name = place.file(extension)
    tally = Tally()
    pieces = encoded(
        fitted(resources.reader, result),
        result,
        everything(tuple(column.name for column in result.columns)),
        written=formats.named(extension),
        style=style,
        allowance=allowance,
        pace=AT_ONCE,
        tally=tally,
        caps=AnswerCaps(),
    )

    def counted() -> Iterator[bytes]:
        for piece in pieces:
            told(tally.rows, tally.size_bytes)
            yield piece
            del piece

    try:
        place.write(name, counted())
    finally:
        # The read ends here, whatever the store did with the pieces.
        pieces.close()
    return place.artifact(name, tally)


def _told(writer: ResultWriter, reached: Checkpoint, extension: str) -> Callable[[int, int], None]:
    total = reached.rows_told

    def told(rows: int, size_bytes: int) -> None:
        percent = 100 * rows // max(reached.rows, 1)
        writer.attempt.progress(
            total,
            total=total,
            size_bytes=reached.size_bytes + size_bytes,
            phase=f"writing {extension}, {percent} %",
        )

    return told
