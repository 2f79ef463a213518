import re
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from tests.unit.docs_pages import (
    FENCED,
    ON_AWS,
    OPERATIONS,
    PAGES,
    README,
    ROOT,
    TEMPLATES,
    log_queries,
    page,
    template,
)

from penstock.aws.jobs.range_reading import RangeOrder
from penstock.aws.logs.requests import facts
from penstock.aws.logs.work import MessageRecord, worked_facts
from penstock.aws.range_handler import range_facts
from penstock.exports.range_answers import Answer
from penstock.jobs.routing_facts import routed_facts
from penstock.jobs.run import Outcome, RunOutcome
from penstock.jobs.sweep import SweepCounts
from penstock.model.fault import JobFault
from penstock.model.job import Job
from penstock.model.message import JobMessage
from penstock.model.progress import Progress
from penstock.web.front.access_log import RequestRecord

_PAGE_NAMED = re.compile(r"docs/[\w/.-]+\.md")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

LOGS_OWN = {"@timestamp", "@message", "@logStream", "message", "level", "service"}
"""Fields of every event, and of every line of ours."""
QUERY_WORDS = {
    *("fields", "filter", "stats", "sort", "limit", "parse", "by", "as", "asc", "desc"),
    *("and", "or", "not", "in", "like", "count", "count_distinct", "sum", "avg", "min", "max"),
    *("pct", "bin", "ispresent", "m", "h"),
}


def alarms() -> list[tuple[str, dict[str, Any]]]:
    return [
        (logical, resource["Properties"])
        for name in TEMPLATES
        for logical, resource in template(name)["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    ]


# Alarms and their runbooks.


@pytest.mark.parametrize(("logical", "alarm"), alarms())
def test_every_alarm_names_a_runbook_that_is_there(logical: str, alarm: dict[str, Any]) -> None:
    named = _PAGE_NAMED.findall(alarm["AlarmDescription"])
    assert len(named) == 1, alarm["AlarmDescription"]
    runbook = ROOT / named[0]
    assert runbook.is_file(), named[0]
    told = alarm["AlarmName"].rpartition("}-")[2]
    assert runbook.read_text().startswith(f"# Alarm: {told}\n")
    assert f"-{told}`" in (OPERATIONS / "README.md").read_text()


def test_every_runbook_of_an_alarm_has_an_alarm() -> None:
    named = {_PAGE_NAMED.findall(alarm["AlarmDescription"])[0] for _, alarm in alarms()}
    runbooks = {page(each) for each in OPERATIONS.glob("*.md") if "# Alarm:" in each.read_text()}
    assert runbooks == named


def test_a_runbook_says_what_when_why_and_how_to_know() -> None:
    for path in OPERATIONS.glob("*.md"):
        text = path.read_text()
        if text.startswith("# Alarm:"):
            for part in (
                "**Users see**",
                "## First look",
                "## What it may be",
                "## It is over when",
            ):
                assert text.count(part) == 1, f"{page(path)}: {part}"


def test_every_page_of_operations_stands_in_their_index() -> None:
    index = (OPERATIONS / "README.md").read_text()
    for path in OPERATIONS.glob("*.md"):
        assert path.name == "README.md" or f"({path.name})" in index, path.name


# Queries of the log.


def logged_fields() -> set[str]:
    """Give every field that a request's line can have."""
    record = RequestRecord(
        method="GET",
        path="/a.csv",
        request_id="r",
        trace_id="t",
        tenant="acme",
        dataset="a",
        format="csv",
        problem="busy",
        rows=1,
        rows_expected=1,
        coding="gzip",
        etag='"e"',
        first_byte_seconds=0.1,
    )
    return set(facts(record)) | logged_of_jobs()


def logged_of_jobs() -> set[str]:
    """Give every field that a line on a job, or on a sweep, can have."""
    message = JobMessage(tenant="acme", job_id="j", kind="export", type="customers", size="small")
    job = Job(
        id="j",
        tenant="acme",
        user="ada",
        kind="export",
        type="customers",
        params={},
        params_hash="",
        size="small",
        created=datetime(2024, 3, 13, tzinfo=UTC),
        progress=Progress(phase="reading"),
        error=JobFault(code="busy", kind="recoverable", message="", retryable=True),
    )
    ran = RunOutcome(outcome="failed", job=job)
    order = RangeOrder(tenant="acme", job_id="j", token=1, number=0)
    fault: Answer = {"fault": {"is_permanent": True, "detail": "", "facts": {}}}
    worked = MessageRecord(message=message, ran=ran, queue="small", seconds=1.0)
    return {
        *worked_facts(worked),
        *range_facts(order, "failed", fault, seconds=1.0),
        *range_facts(order, "read", {"parts": []}, seconds=1.0),
        *routed_facts(message, queue="small", outcome="dispatched", delay_seconds=1, reason="x"),
        *(field.name for field in fields(SweepCounts)),
    }


def queries() -> list[tuple[str, str]]:
    return [(page(path), text) for path in ON_AWS for text in log_queries(path)]


def identifiers(query: str) -> tuple[set[str], set[str]]:
    """Give the names that a query uses, and those that it makes itself."""
    bare = re.sub(r'"[^"]*"', " ", query)
    bare = re.sub(r"like /(?:[^/\\]|\\.)*/", " like ", bare)
    made = set(re.findall(r"\bas (\w+)", bare))
    names = set(re.findall(r"(?<![\w@])@?[a-zA-Z_]\w*", bare))
    return names - QUERY_WORDS, made


def test_there_are_queries_to_check() -> None:
    assert len(queries()) > 20


@pytest.mark.parametrize(("where", "query"), queries())
def test_queries_of_the_log_use_fields_that_it_has(where: str, query: str) -> None:
    used, made = identifiers(query)
    assert used <= logged_fields() | LOGS_OWN | made, where


@pytest.mark.parametrize(("where", "query"), queries())
def test_queries_of_the_log_begin_each_step_with_a_command(where: str, query: str) -> None:
    steps = re.sub(r"/(?:[^/\\\n]|\\.)*/", "", query).split("|")
    for step in steps:
        assert step.split()[0] in {"fields", "filter", "stats", "sort", "limit", "parse"}, where


def test_a_field_that_is_none_is_noticed() -> None:
    used, made = identifiers('filter tenant = "x" | stats sum(bytez) as sent by dataset')
    assert used - logged_fields() - LOGS_OWN - made == {"bytez"}


def test_the_index_explains_every_field() -> None:
    table = (OPERATIONS / "README.md").read_text().partition("## The log")[2]
    explained = set(re.findall(r"`(\w+)`", table))
    assert logged_fields() <= explained


def test_the_index_explains_whatever_may_come_of_a_job() -> None:
    table = (OPERATIONS / "README.md").read_text().partition("## The log")[2]
    assert set(get_args(Outcome)) <= set(re.findall(r"`([\w-]+)`", table))


# Links.


def links() -> list[tuple[str, str]]:
    found = []
    for path in [*PAGES, README, ROOT / "CHANGELOG.md"]:
        text = re.sub(r"`[^`\n]*`", "", FENCED.sub("", path.read_text()))
        found += [(page(path), each) for each in _LINK.findall(text) if "://" not in each]
    return found


def anchors(path: Path) -> set[str]:
    """Give the anchors of a page's headings, as GitHub and GitLab make them."""
    made = set()
    for heading in _HEADING.findall(FENCED.sub("", path.read_text())):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        made.add(re.sub(r"[^\w\- ]", "", shown).replace(" ", "-"))
    return made


@pytest.mark.parametrize(("where", "link"), links())
def test_every_link_within_the_project_leads_somewhere(where: str, link: str) -> None:
    name, _, anchor = link.partition("#")
    target = ((ROOT / where).parent / name).resolve() if name else ROOT / where
    assert target.exists(), f"{where}: {link}"
    assert not anchor or anchor in anchors(target), f"{where}: {link}"
