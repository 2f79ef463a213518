"""Idempotency keys that were used, in DynamoDB."""

from datetime import datetime

from penstock.aws.jobs.items import JOB, KEY, job_of, job_place, key_place, text_of
from penstock.aws.services.dynamo_table import DynamoTable
from penstock.model.job import KEY_KEPT
from penstock.ports import UsedKey


class DynamoUsedKeys:
    """The items of keys, which outlive their jobs; see items.py."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def used(self, tenant: str, user: str, key: str, *, now: datetime) -> UsedKey | None:
        item = self._table.get(key_place(tenant, user, key), KEY)
        if item is None or item["created"]["S"] <= text_of(now - KEY_KEPT):
            return None
        job_id = item["job"]["S"]
        job = self._table.get(job_place(tenant, job_id), JOB)
        return UsedKey(
            job_id=job_id,
            request_hash=item["request_hash"]["S"] if "request_hash" in item else None,
            job=None if job is None else job_of(job),
        )
