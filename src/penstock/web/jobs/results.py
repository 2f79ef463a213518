"""Results: URLs that open what a job made, for a while, and the files that were written for it."""

import re
from collections.abc import Iterator
from urllib.parse import quote

from penstock import formats
from penstock.errors import NotReadyError, ResultGoneError, UnknownDatasetError, UnknownJobError
from penstock.model.artifact import Artifact
from penstock.model.disposition import disposition
from penstock.model.job import Job
from penstock.model.signature import sign_url
from penstock.query import pairs_of, refuse_all_but_signature
from penstock.reading.engine import Allowance
from penstock.reading.reader import Pace
from penstock.reading.result_names import is_result_file, shown_name
from penstock.web.answers import Answer, StreamedBody
from penstock.web.downloads.dataset_request import DatasetRequest, is_signed
from penstock.web.downloads.export_offer import SLICE_TYPE
from penstock.web.front.identity import Asker, owns
from penstock.web.http.conditional import entity_tag, is_held, range_still_fits
from penstock.web.http.parts import part_of
from penstock.web.http.ranges import parse_ranges
from penstock.web.jobs.access import visible_job
from penstock.web.jobs.answers import as_json
from penstock.web.jobs.api import JobsApi
from penstock.web.resources import Resources

LINK_SECONDS = 900
"""The longest that a URL of a result opens it."""

_UNFIT = re.compile(r"[^A-Za-z0-9_ .-]+")


def result(resources: Resources, api: JobsApi, asker: Asker, job_id: str, *, origin: str) -> Answer:
    """Answer with signed URLs of a job's result: in every format, and of each file written.

    They are whole, below the `origin` that was asked (`https://data.acme.example`). Files are told
    by their format, or by name and format where there are several.

    Raises UnknownJobError, NotReadyError, ResultGoneError and BusyError.
    """
    job = visible_job(api, asker, job_id)
    if job.state == "EXPIRED":
        raise ResultGoneError
    if not job.has_result:
        raise NotReadyError(job.state)
    now = int(resources.now().timestamp())
    ends = now + LINK_SECONDS
    if job.expires_at is not None:
        ends = min(ends, int(job.expires_at.timestamp()))
    if ends <= now:
        raise ResultGoneError
    key = resources.ports.keys.signing_keys(job.tenant)[0]
    path = f"/{job.dataset}"
    url = f"{origin}{path}"
    signature = sign_url(key, tenant=job.tenant, path=path, expires=ends)
    signed = f"_expires={ends}&_kid={key.id}&_sig={signature}"
    name = file_name(job)
    parts = [each for each in job.artifacts if not is_result_file(each.part)]
    described = {
        "id": job.id,
        "dataset": job.dataset,
        "rows": sum(part.rows for part in parts),
        "bytes": sum(part.bytes for part in parts),
        "urls_end": ends,
        "kept_until": None if job.expires_at is None else job.expires_at.isoformat(),
        "downloads": {
            each.extension: f"{url}.{each.extension}?_filename={quote(name)}&{signed}"
            for each in formats.all_formats().values()
        },
        "files": {
            shown.removeprefix("file").lstrip(".-"): {
                "url": api.ports.outputs.link(
                    job.tenant,
                    f"{job.folder}/{each.part}",
                    file_name=_called(name, shown),
                    seconds=ends - now,
                )
                or f"{url}/-/{shown}?{signed}",
                "rows": each.rows,
                "bytes": each.bytes,
                "sha256": each.sha256,
            }
            for shown, each in _files(job).items()
        },
        "schema": f"{url}/-/schema.json?{signed}",
    }
    return as_json(described)


def file_name(job: Job) -> str:
    """Name what is downloaded of a job, without an extension: by its type, a slice by its dataset.

    The name is made of what may stand in `_filename`, and in a header.
    """
    names = [job.params.get("file_name"), job.params.get("dataset")]
    given = next((name for name in names if isinstance(name, str) and name), None)
    name = given if job.type == SLICE_TYPE and given is not None else job.type
    stem, _, extension = name.rpartition(".")
    if stem and extension.lower() in formats.all_formats():
        # It is downloaded in any format, each with its own extension.
        name = stem
    return _UNFIT.sub("-", name)[:100]


def stored_file(
    resources: Resources, api: JobsApi, request: DatasetRequest, shown: str, *, allowance: Allowance
) -> Answer:
    """Answer `/exports/{job_id}/-/file.{format}`: a file as it was written, with its ranges.

    Where a job wrote several in one format, each has a name: `file-{name}.{format}`.

    Raises UnknownDatasetError, UnknownFormatError, UnknownParameterError for whatever is more than
    a signature, BadSignatureError, RangeNotSatisfiableError and BusyError.
    """
    written = formats.named(request.extension)
    pairs = pairs_of(request.query_string)
    refuse_all_but_signature(pairs)
    signed = is_signed(resources, request, pairs)
    job_id = request.job_id or ""
    try:
        job = api.ports.store.get(request.tenant, job_id)
    except UnknownJobError as error:
        raise UnknownDatasetError(request.name) from error
    stored = _files(job).get(shown)
    if stored is None or not job.has_result or not (signed or owns(request.asker, job.user)):
        raise UnknownDatasetError(request.name)
    file = resources.ports.exported.file(request.tenant, job_id, stored.part)
    tag = entity_tag(job.tenant, job.id, stored.part, stored.sha256)
    headers = {
        "etag": tag,
        "cache-control": "private, no-store",
        "content-type": written.media_type,
        "content-disposition": disposition(_called(file_name(job), shown)),
        "x-content-type-options": "nosniff",
    }
    if is_held(request.headers.get("if-none-match"), etag=tag):
        return Answer(status=304, headers={"etag": tag, "cache-control": "private, no-store"})
    ranges = None
    if not request.is_head and range_still_fits(
        request.headers.get("if-range"), etag=tag, modified=job.ended or job.created
    ):
        ranges = parse_ranges(request.headers.get("range"))

    def read(start: int, stop: int) -> Iterator[bytes]:
        return resources.ports.blobs.read(file, start=start, stop=stop)

    part = part_of(read, length=file.size_bytes, media_type=written.media_type, ranges=ranges)
    if request.is_head:
        return Answer(status=part.status, headers=headers | part.headers)

    def pieces(_pace: Pace) -> Iterator[bytes]:
        return part.pieces()

    return Answer(
        status=part.status,
        headers=headers | part.headers,
        body=StreamedBody(
            pieces=pieces,
            allowance=allowance,
            begin=_nothing,
            complete=_nothing,
            aborted=_nothing,
            rows=lambda: None,
        ),
    )


def _files(job: Job) -> dict[str, Artifact]:
    """Give the files beside a result's parts, by their names without the attempt's token."""
    return {shown_name(each.part): each for each in job.artifacts if is_result_file(each.part)}


def _called(name: str, shown: str) -> str:
    """Name a file as it is downloaded: `file-orders.csv` of `backup` is `backup-orders.csv`."""
    return f"{name}{shown.removeprefix('file')}"


def _nothing() -> None:
    """Keep no receipt of a file: the job's own row tells its size and sum."""
