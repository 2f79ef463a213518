"""Endpoints: what each path of the API of jobs does, as an answer."""

from penstock import formats
from penstock.errors import (
    BusyError,
    IdempotencyMismatchError,
    KeyNeededError,
    PenstockError,
    RemovedJobError,
)
from penstock.exports.check import CheckedExport
from penstock.jobs.cancel import cancel as cancel_job
from penstock.jobs.cancel import discard as discard_job
from penstock.jobs.submit import Submission, stored_key, submit
from penstock.model.job import ANONYMOUS, Job, hash_of
from penstock.ports import JobFilter, UsedKey
from penstock.web.answers import Answer
from penstock.web.front.identity import Asker
from penstock.web.jobs import answers
from penstock.web.jobs.access import checked_export, fitting_types, visible_job
from penstock.web.jobs.api import JobsApi
from penstock.web.jobs.export_request import ExportRequest
from penstock.web.jobs.listening import missed_of
from penstock.web.jobs.requests import JobListRequest
from penstock.web.jobs.visitor_caps import refuse_too_large
from penstock.web.jobs.visitor_limit import VisitorLimit, visitor_of
from penstock.web.resources import Resources

_MOST_LOOKS = 20


def begin_export(
    resources: Resources,
    api: JobsApi,
    turns: VisitorLimit,
    asker: Asker,
    wanted: ExportRequest,
    *,
    idempotency_key: str | None,
) -> Answer:
    """Answer `POST /v1/exports`: the job is stored, and comes to an end whatever fails then.

    A request that its idempotency key came with before is answered as it was then, also where what
    it asked for is gone by now, or open to this asker no more.

    Raises what checking raises, IdempotencyMismatchError, IdempotencyPendingError, RemovedJobError,
    TooManyAtOnceError and ResponseTooLargeError for visitors, and BusyError.
    """
    user = ANONYMOUS if asker.key is None else asker.key.user
    visitor = visitor_of(resources, asker) if asker.key is None else None
    request_hash = hash_of(wanted.model_dump())
    key = stored_key(idempotency_key, user=user, visitor=visitor)
    before = (
        None
        if key is None
        else api.ports.used_keys.used(asker.tenant.id, user, key, now=resources.now())
    )
    if before is not None and before.request_hash == request_hash:
        if before.job is None:
            raise RemovedJobError(before.job_id)
        return answers.accepted(before.job)
    checked = _checked(resources, asker, wanted, before)
    asked = Submission(
        tenant=asker.tenant.id,
        user=user,
        kind="export",
        type=checked.type.name,
        params=checked.params,
        size=checked.size,
        dataset_version=checked.dataset_version,
        idempotency_key=idempotency_key,
        request_hash=request_hash,
        visitor=visitor,
    )

    def begin(submission: Submission) -> Job:
        return submit(api.ports, submission, now=resources.now())

    if asker.key is not None:
        return answers.accepted(begin(asked))
    refuse_too_large(resources, asker, checked)
    return answers.accepted(turns.take(api.ports.store, asker, asked, begin=begin))


def export_types(asker: Asker) -> Answer:
    """Answer `GET /v1/exports/types`: those that this asker may have, with their parameters."""
    listed = [
        {
            "type": each.name,
            "title": each.title,
            "role": each.role,
            "size": each.size,
            "params": each.parameters.model_json_schema(),
        }
        for each in fitting_types(asker)
    ]
    return answers.as_json({"types": listed, "formats": list(formats.all_formats())})


def list_jobs(api: JobsApi, asker: Asker, wanted: JobListRequest) -> Answer:
    """Answer `GET /v1/jobs`: the asker's own, all of the tenant's for an admin, the newest first.

    Jobs without a user are in no list. Where many of them lie between, a page may hold less than
    its limit, and still has a next one.

    Raises KeyNeededError and BusyError.
    """
    if asker.key is None:
        raise KeyNeededError
    only = JobFilter(
        user=None if asker.key.role == "admin" else asker.key.user,
        kind=wanted.kind,
        state=wanted.state,
    )
    found: list[Job] = []
    before, is_last = wanted.before, False
    for _ in range(_MOST_LOOKS):
        looked = api.ports.store.list(
            asker.tenant.id, only, limit=wanted.limit + 1 - len(found), before=before
        )
        is_last = len(looked) < wanted.limit + 1 - len(found)
        before = looked[-1].id if looked else before
        found += [job for job in looked if job.user != ANONYMOUS]
        if is_last or len(found) > wanted.limit:
            break
    more = {}
    if len(found) > wanted.limit:
        found = found[: wanted.limit]
        before, is_last = found[-1].id, False
    if not is_last:
        more["link"] = f'<{_page(wanted, before)}>; rel="next"'
    return answers.as_json({"jobs": [answers.described(job) for job in found]}, more=more)


def one_job(api: JobsApi, asker: Asker, job_id: str, *, if_none_match: str | None) -> Answer:
    """Answer `GET /v1/jobs/{id}`. Raises UnknownJobError and BusyError."""
    return answers.one_job(visible_job(api, asker, job_id), if_none_match=if_none_match)


def events(api: JobsApi, asker: Asker, job_id: str, *, after_seq: int) -> Answer:
    """Answer `GET /v1/jobs/{id}/events`: what a client that was away has missed, in order.

    Raises UnknownJobError and BusyError.
    """
    job = visible_job(api, asker, job_id)
    missed = [event.described() for event in missed_of(api.ports.events, job, after_seq)]
    return answers.as_json({"id": job.id, "events": missed})


def cancel(resources: Resources, api: JobsApi, asker: Asker, job_id: str) -> Answer:
    """Answer `POST /v1/jobs/{id}/cancel`; asking again changes nothing.

    Raises UnknownJobError, StaleJobError and BusyError.
    """
    job = cancel_job(api.ports, visible_job(api, asker, job_id), now=resources.now())
    return answers.one_job(job, status=202)


def discard(resources: Resources, api: JobsApi, asker: Asker, job_id: str) -> Answer:
    """Answer `DELETE /v1/jobs/{id}`: files and row are gone.

    Raises UnknownJobError, also where it was deleted before, StaleJobError and BusyError.
    """
    discard_job(api.ports, visible_job(api, asker, job_id), now=resources.now())
    return Answer(status=204, headers={"cache-control": "no-store"})


def _checked(
    resources: Resources, asker: Asker, wanted: ExportRequest, before: UsedKey | None
) -> CheckedExport:
    """Check a request whose key came with another spelling before, or with another request."""
    try:
        return checked_export(resources, asker, wanted)
    except BusyError:
        raise
    except PenstockError as error:
        if before is None or before.request_hash is None:
            raise
        # Whatever it asks for, it isn't the request that its key came with.
        raise IdempotencyMismatchError from error


def _page(wanted: JobListRequest, before: str | None) -> str:
    asked = {"kind": wanted.kind, "state": wanted.state, "limit": wanted.limit, "cursor": before}
    given = "&".join(f"{name}={value}" for name, value in asked.items() if value is not None)
    return f"/v1/jobs?{given}"
