"""What every adapter of UsedKeys promises."""

from dataclasses import replace
from datetime import timedelta

from tests.job_homes import JobRecords, OpenRecords, a_job, added, claimed
from tests.moving_clock import START

from penstock.ports import UsedKey

DAY = timedelta(hours=24)
MOMENT = timedelta(microseconds=1)
DIGEST = "ab" * 32


def used(records: JobRecords, *, user: str = "ann", tenant: str = "acme", key: str = "k") -> object:
    return records.used_keys.used(tenant, user, key, now=START)


def test_a_key_tells_its_request_and_its_job_as_it_is_now(connect: OpenRecords) -> None:
    here, there = connect(), connect()
    assert used(there) is None
    first = added(here, replace(a_job(key="k"), request_hash=DIGEST))
    assert used(there) == UsedKey(job_id=first.id, request_hash=DIGEST, job=first)
    now = claimed(here, first)
    assert used(there) == UsedKey(job_id=first.id, request_hash=DIGEST, job=now)


def test_a_key_of_a_job_without_a_digest_has_none(records: JobRecords) -> None:
    first = added(records, a_job(key="k"))
    assert used(records) == UsedKey(job_id=first.id, request_hash=None, job=first)
    records.upkeep.remove("acme", first.id)
    assert used(records) == UsedKey(job_id=first.id, request_hash=None, job=None)


def test_a_key_is_its_tenants_and_users_own(records: JobRecords) -> None:
    added(records, a_job(key="k"))
    added(records, a_job())
    assert used(records, user="bob") is None
    assert used(records, tenant="river") is None
    assert used(records, key="K") is None
    assert used(records, key="") is None
    bobs = added(records, a_job(key="k", user="bob"))
    assert used(records, user="bob") == UsedKey(job_id=bobs.id, request_hash=None, job=bobs)


def test_the_key_of_a_removed_job_still_tells_its_request(connect: OpenRecords) -> None:
    here, there = connect(), connect()
    first = added(here, replace(a_job(key="k"), request_hash=DIGEST))
    here.upkeep.remove("acme", first.id)
    assert used(there) == UsedKey(job_id=first.id, request_hash=DIGEST, job=None)


def test_a_key_counts_for_24_hours(records: JobRecords) -> None:
    first = added(records, a_job(key="k"))
    keys = records.used_keys
    for _ in ("stored", "removed"):
        found = keys.used("acme", "ann", "k", now=START + DAY - MOMENT)
        assert found is not None
        assert found.job_id == first.id
        assert keys.used("acme", "ann", "k", now=START + DAY) is None
        records.upkeep.remove("acme", first.id)


def test_of_two_jobs_of_one_key_the_later_one_is_told(records: JobRecords) -> None:
    added(records, a_job(key="k"))
    second = added(records, a_job(key="k", params={}, created=START + DAY))
    told = records.used_keys.used("acme", "ann", "k", now=START + DAY)
    assert told == UsedKey(job_id=second.id, request_hash=None, job=second)
