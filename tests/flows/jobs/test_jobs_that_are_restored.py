"""The commands by which a lost table of jobs is filled from a restored one."""

import os
import re
import subprocess
import sys
import textwrap

import pytest
from tests.aws_tables import client_of, fresh_name, make_jobs_table
from tests.job_homes import JobRecords, a_job, added, claimed
from tests.moving_clock import START
from tests.stand_ins import ACCESS_KEY, REGION, SECRET_KEY, StandIn
from tests.template.templates import ROOT

from penstock.aws.jobs.events import DynamoJobEvents
from penstock.aws.jobs.store import DynamoJobStore
from penstock.aws.jobs.upkeep import DynamoJobUpkeep
from penstock.aws.jobs.used_keys import DynamoUsedKeys
from penstock.aws.services.dynamo_table import DynamoTable
from penstock.errors import UnknownJobError

PATIENCE_SECONDS = 120
PAGE = ROOT / "docs" / "operations" / "restoring.md"


def jobs_in(server: StandIn, table: str) -> JobRecords:
    records = DynamoTable(client_of(server, "dynamodb"), table)
    return JobRecords(
        store=DynamoJobStore(records),
        used_keys=DynamoUsedKeys(records),
        events=DynamoJobEvents(records),
        upkeep=DynamoJobUpkeep(records),
    )


def run_the_pages_program(server: StandIn, *arguments: str) -> str:
    """Run what the page has a shell give to Python."""
    section = PAGE.read_text(encoding="utf-8").partition("## Jobs")[2]
    (program,) = re.findall(r"<<'PYTHON'\n(.*?)    PYTHON\n", section, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-", *arguments],
        input=textwrap.dedent(program),
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        env={
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": server.endpoint,
        },
    )
    return done.stdout


def test_what_the_table_has_not_is_put_back_but_for_what_was_worked_on(
    aws_server: StandIn,
) -> None:
    tables = [fresh_name("restored"), fresh_name("jobs")]
    for name in tables:
        make_jobs_table(client_of(aws_server, "dynamodb"), name=name)
    before, now = (jobs_in(aws_server, name) for name in tables)
    lost, both = added(before), added(before)
    elsewhere, running = added(before, a_job(tenant="river")), claimed(before, added(before))
    claimed(now, added(now, both))
    assert run_the_pages_program(aws_server, *tables, "acme") == (
        "2 items were copied; 1 jobs were left, since they were worked on.\n"
    )
    assert now.store.get("acme", lost.id) == lost
    assert now.events.after("acme", lost.id, -1) == before.events.after("acme", lost.id, -1) != []
    assert now.store.get("acme", both.id).state == "RUNNING"
    for tenant, job_id in (("acme", running.id), ("river", elsewhere.id)):
        with pytest.raises(UnknownJobError):
            now.store.get(tenant, job_id)
    assert {job.id for job, _ in now.upkeep.unfinished()} == {lost.id, both.id}
    assert lost.created == START
