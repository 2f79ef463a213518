"""Folders of results that no job's row names: what an attempt wrote after its job was removed."""

import os
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from penstock.local.jobs.database import JobDatabase
from penstock.model.job_id import is_job_id
from penstock.model.tenant import is_tenant_id
from penstock.ports import Outputs

_RESULTS = "exports"
_AT_ONCE = 200
"""How many folders one look takes; the next one goes on behind them."""
_LEFT_SECONDS = 86_400.0
"""How long nothing was added to one before it goes: an attempt that still lives has ended by then,
and has removed what it wrote."""


class LeftFolders:
    """Looks through the results of a store, again and again, some at a time. Holds their names.

    A job's row is there before its folder is, and goes after it: so a folder without one is left.
    """

    def __init__(
        self,
        store: Path,
        database: JobDatabase,
        outputs: Outputs,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._database = database
        self._outputs = outputs
        self._now = now
        self._coming: Iterator[tuple[str, str]] = iter(())

    def remove_some(self) -> int:
        """Look at the next ones, and remove those that are left; tells how many. Raises BusyError.

        What is no folder of a job's, by its name, is never touched.
        """
        some = list(islice(self._coming, _AT_ONCE))
        if not some:
            self._coming = self._folders()
            some = list(islice(self._coming, _AT_ONCE))
        removed = 0
        for tenant, job_id in some:
            if self._is_left(tenant, job_id):
                self._outputs.remove(tenant, f"{_RESULTS}/{job_id}")
                removed += 1
        return removed

    def _folders(self) -> Iterator[tuple[str, str]]:
        for tenant in _folders_in(self._store):
            if is_tenant_id(tenant):
                for job_id in _folders_in(self._store / tenant / _RESULTS):
                    if is_job_id(job_id):
                        yield tenant, job_id

    def _is_left(self, tenant: str, job_id: str) -> bool:
        try:
            changed = (self._store / tenant / _RESULTS / job_id).stat().st_mtime
        except OSError:
            return False  # it is gone by now
        return changed < self._now() - _LEFT_SECONDS and not self._database.reads.rows(
            "SELECT 1 FROM job WHERE tenant = ? AND id = ?", (tenant, job_id)
        )


def _folders_in(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as found:
            return sorted(each.name for each in found if each.is_dir(follow_symlinks=False))
    except OSError:
        return []
