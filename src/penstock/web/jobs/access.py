"""Access: which jobs are there for an asker, and what an asker may have exported."""

from collections.abc import Callable

from penstock.errors import KeyNeededError, UnknownJobError
from penstock.exports import all_types, named
from penstock.exports.check import CheckedExport, Requester, check
from penstock.exports.declaration import ExportType
from penstock.model.dataset import Dataset
from penstock.model.job import ANONYMOUS, Job
from penstock.model.job_id import is_job_id
from penstock.model.key import has_role
from penstock.reading.result_names import EXPORTS
from penstock.web.downloads.dataset_request import DatasetRequest, open_dataset
from penstock.web.front.identity import Asker, owns
from penstock.web.jobs.api import JobsApi
from penstock.web.jobs.export_request import ExportRequest
from penstock.web.resources import Resources


def visible_job(api: JobsApi, asker: Asker, job_id: str) -> Job:
    """Give a job to its user, to an admin of its tenant or, if no key asked for it, to anyone.

    Raises UnknownJobError for every other asker, as for a job that there isn't, and BusyError.
    """
    if not is_job_id(job_id):
        raise UnknownJobError
    job = api.ports.store.get(asker.tenant.id, job_id)
    if not (job.user == ANONYMOUS or owns(asker, job.user)):
        raise UnknownJobError
    return job


def checked_export(resources: Resources, asker: Asker, wanted: ExportRequest) -> CheckedExport:
    """Check what is to be exported against who asks for it.

    Raises KeyNeededError for what a visitor may not have, and what `check` raises.
    """
    key = asker.key
    if key is None and not _may_have(asker, named(wanted.type)):
        raise KeyNeededError
    return check(
        wanted.type,
        wanted.params,
        formats=wanted.formats,
        asking=Requester(
            role=None if key is None else key.role,
            open_dataset=opener(resources, asker),
            signing_keys=lambda: resources.ports.keys.signing_keys(asker.tenant.id),
            filters=resources.limits.filters,
        ),
    )


def fitting_types(asker: Asker) -> list[ExportType]:
    """List the types of exports that an asker may have, by name."""
    return [each for each in all_types().values() if _may_have(asker, each)]


def opener(resources: Resources, asker: Asker) -> Callable[[str, str | None], Dataset]:
    """Give what opens datasets, and results of exports, for this asker and nobody else.

    A result is open to whoever is given signed URLs of it: also to a visitor who knows its job.
    """

    def opened(name: str, version: str | None) -> Dataset:
        folder, slash, job_id = name.rpartition("/")
        is_result = bool(slash) and folder == EXPORTS
        asked = DatasetRequest(
            asker=asker,
            name=name,
            extension="",
            query_string=b"",
            headers={},
            job_id=job_id if is_result else None,
        )
        signed = is_result and _is_visible(resources.jobs, asker, job_id)
        return open_dataset(resources, asked, version=version, signed=signed)

    return opened


def _is_visible(api: JobsApi | None, asker: Asker, job_id: str) -> bool:
    try:
        return api is not None and visible_job(api, asker, job_id).has_result
    except UnknownJobError:
        return False


def _may_have(asker: Asker, wanted: ExportType) -> bool:
    if asker.key is None:
        return wanted.role is None and asker.tenant.caps.anonymous_exports
    return has_role(asker.key.role, least=wanted.role)
