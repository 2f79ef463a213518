"""Exports of tables whose database, store or user ends them on the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
from tests.export_parts import TENANT, ExportHouse
from tests.postgres_parts import PostgresDatabase
from tests.stepped_outputs import Before, Stepped, once

from penstock.errors import BusyError, NoDatabaseError
from penstock.exports.readers import TenantReaders
from penstock.jobs.cancel import cancel
from penstock.jobs.run import RunOutcome

NOWHERE = "host=/nowhere user=x password=x dbname=x"


@contextmanager
def many_entries(demo: PostgresDatabase) -> Iterator[None]:
    """Lengthen the audit trail, so that it is still read while its first rows are written."""
    demo.execute(
        "ALTER TABLE audit_trail DISABLE TRIGGER append_only",
        "INSERT INTO audit_trail SELECT 1000000 + n, now(), 'a', 'b', 'c', n, NULL, '{}'"
        " FROM generate_series(1, 300000) AS n",
    )
    try:
        yield
    finally:
        demo.execute("DELETE FROM audit_trail WHERE id > 1000000")


def run_with(house: ExportHouse, before: Before) -> RunOutcome:
    outputs = Stepped(house.sources.outputs, before)
    return house.run(sources=replace(house.sources, outputs=outputs))


class NoStrings:
    def connection_string(self, tenant: str) -> str:  # noqa: ARG002 - the port's
        raise NoDatabaseError


def test_a_tenant_without_a_database_is_told_so(house: ExportHouse) -> None:
    job = house.submit("customers", {})
    ran = house.run(sources=replace(house.sources, databases=TenantReaders(NoStrings())))
    assert ran.outcome == "failed"
    failed = house.jobs.latest(job).error
    assert failed is not None
    assert (failed.code, failed.retryable) == ("no-database", False)


def test_a_database_that_cannot_be_reached_is_tried_again(house: ExportHouse) -> None:
    good = house.databases[TENANT]
    house.databases[TENANT] = NOWHERE
    job = house.submit("customers", {})
    assert house.run().outcome == "retried"
    assert house.jobs.files(job) == []
    house.databases[TENANT] = good
    assert house.run().outcome == "succeeded"


def test_a_database_that_is_lost_while_it_is_read_is_read_anew(
    house: ExportHouse, demo: PostgresDatabase
) -> None:
    def lose() -> None:
        demo.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    with many_entries(demo):
        job = house.submit("audit-trail", {})
        ran = run_with(house, once("half written", ".parquet", lose))
        assert (ran.outcome, house.jobs.files(job)) == ("retried", [])
        assert house.run().outcome == "succeeded"
    assert house.table(house.jobs.latest(job)).num_rows == 350_000


def test_all_rows_are_of_one_moment(house: ExportHouse, demo: PostgresDatabase) -> None:
    def change() -> None:
        demo.execute("UPDATE audit_trail SET actor = 'changed'")

    with many_entries(demo):
        job = house.submit("audit-trail", {})
        assert run_with(house, once("write", ".parquet", change)).outcome == "succeeded"
    assert "changed" not in set(house.table(house.jobs.latest(job))["actor"].to_pylist())


def test_a_format_that_failed_does_not_read_the_database_again(house: ExportHouse) -> None:
    def fail() -> None:
        raise BusyError("not now", retry_after_seconds=1)

    job = house.submit("customers", {}, formats=["csv"])
    assert run_with(house, once("write", ".csv", fail)).outcome == "retried"
    house.databases[TENANT] = NOWHERE
    assert house.run().outcome == "succeeded"
    job = house.jobs.latest(job)
    assert [one.part for one in job.artifacts] == ["part-000001-00000.parquet", "file-000003.csv"]


def test_a_cancelled_table_leaves_nothing_and_ends_its_query(
    house: ExportHouse, demo: PostgresDatabase
) -> None:
    job = house.submit("audit-trail", {})

    def cancelled() -> None:
        cancel(house.jobs.ports, house.jobs.latest(job), now=house.jobs.now)

    with many_entries(demo):
        ran = run_with(house, once("write", ".parquet", cancelled))
    assert ran.outcome == "cancelled"
    assert house.jobs.files(job) == []
    running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%' AND state = 'active'"
    assert demo.fetch(running) == [(0,)]


def test_a_table_that_is_not_there_fails_for_good(house: ExportHouse) -> None:
    string = house.databases[TENANT]
    house.databases[TENANT] = psycopg.conninfo.make_conninfo(string, dbname="postgres")
    job = house.submit("customers", {})
    assert house.run().outcome == "failed"
    failed = house.jobs.latest(job).error
    assert failed is not None
    assert failed.message == "The database has no such table."
