"""Exports over the embedded adapters: requests are checked, stored, queued and worked on."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tests.job_parts import START, JobHouse, job_house
from tests.reading_parts import reader_over

from penstock.exports.check import Requester, check
from penstock.exports.limits import ExportLimits
from penstock.exports.readers import TenantReaders
from penstock.exports.resources import ExportResources
from penstock.exports.work import export
from penstock.jobs.run import RunOutcome
from penstock.jobs.submit import Submission, submit
from penstock.local.datasets.catalog import store_catalog
from penstock.local.datasets.exports import FileExports
from penstock.local.datasets.publish import publish
from penstock.local.tenants.keys import SqliteKeys
from penstock.model.artifact import Artifact
from penstock.model.attempt import Attempt
from penstock.model.job import Job
from penstock.model.key import Role
from penstock.reading.engine import ObjectStore

TENANT = "acme"


@dataclass
class ExportHouse:
    """A home's jobs, its datasets, and what works on exports there."""

    jobs: JobHouse
    sources: ExportResources
    databases: dict[str, str]

    def put(self, name: str, *parts: pa.Table, version: str = "v1") -> None:
        """Publish a dataset's version: a table for each of its parts."""
        publish(
            self.jobs.store_root,
            tenant=TENANT,
            dataset=name,
            version=version,
            parts=parts,
            published=START,
        )

    def asking(self, role: Role | None = "admin") -> Requester:
        catalog = self.sources.catalog
        return Requester(
            role=role,
            open_dataset=partial(catalog.dataset, TENANT),
            signing_keys=lambda: self.sources.keys.signing_keys(TENANT),
        )

    def submit(
        self,
        type_name: str,
        params: Mapping[str, Any],
        *,
        formats: Sequence[str] = (),
        asking: Requester | None = None,
    ) -> Job:
        checked = check(type_name, params, formats=formats, asking=asking or self.asking())
        wanted = Submission(
            tenant=TENANT,
            user="ada",
            kind="export",
            type=checked.type.name,
            params=checked.params,
            size=checked.size,
            dataset_version=checked.dataset_version,
        )
        return submit(self.jobs.ports, wanted, now=self.jobs.now)

    def run(
        self,
        *,
        limits: ExportLimits | None = None,
        sources: ExportResources | None = None,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> RunOutcome:
        """Work on the next message that is due and says something new; retries are due at once."""
        self.jobs.pass_time(100)
        given = sources or self.sources
        if limits is not None:
            given = replace(given, limits=limits)

        def work(attempt: Attempt) -> tuple[Artifact, ...]:
            return export(given, attempt)

        worker = self.jobs.worker(work, is_stopping=is_stopping)
        while (ran := self.jobs.run_next(worker)) is not None and ran.outcome == "repeated":
            pass
        assert ran is not None
        return ran

    def exported(self, type_name: str, params: Mapping[str, Any], **more: Any) -> Job:
        """Have an export made that succeeds."""
        job = self.submit(type_name, params, **more)
        ran = self.run()
        assert ran.outcome == "succeeded", ran.fault
        return self.jobs.latest(job)

    def path(self, job: Job, name: str) -> Path:
        return self.jobs.store_root / job.tenant / job.folder / name

    def table(self, job: Job) -> pa.Table:
        """Read a result's parts with a reader that isn't ours."""
        parts = [one.part for one in job.artifacts if one.part.startswith("part-")]
        return pa.concat_tables([pq.read_table(self.path(job, part)) for part in parts])

    def manifest(self, job: Job) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.path(job, "manifest.json").read_bytes())
        return found


class _Databases:
    """Databases that are set while a test runs."""

    def __init__(self, strings: Mapping[str, str]) -> None:
        self._strings = strings

    def connection_string(self, tenant: str) -> str:
        return self._strings[tenant]


@contextmanager
def export_house(home: Path, *, object_store: ObjectStore | None = None) -> Iterator[ExportHouse]:
    """Open a home for the body, with an engine that may read an object store, too."""
    with ExitStack() as stack:
        jobs = stack.enter_context(job_house(home))
        jobs.store_root.mkdir(exist_ok=True)
        reader = stack.enter_context(reader_over(home, batch_rows=8192, object_store=object_store))
        catalog = store_catalog(jobs.store_root, engine=reader.engine)
        keys = SqliteKeys(home / "keys.sqlite", now=lambda: jobs.now)
        stack.callback(keys.close)
        strings: dict[str, str] = {}
        readers = TenantReaders(_Databases(strings))
        stack.callback(readers.close)
        exported = FileExports(jobs.store_root, engine=reader.engine)
        yield ExportHouse(
            jobs=jobs,
            databases=strings,
            sources=ExportResources(
                catalog=catalog,
                exported=exported,
                drafts=exported,
                reader=replace(reader, is_stored=catalog.is_stored),
                keys=keys,
                databases=readers,
                outputs=jobs.ports.outputs,
                now=lambda: jobs.now,
            ),
        )
