"""What is logged of a request: what it came to, and nothing of what somebody looked for."""

import io
import json
import secrets
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pytest
from starlette.types import ASGIApp
from tests.flows.edge_requests import Answered, ask
from tests.flows.tenant_homes import add_key, add_tenant, store
from tests.kept_log import log_as_it_was

from penstock.aws.logs.lines import log_as_json
from penstock.aws.logs.requests import request_log
from penstock.local.compose import compose
from penstock.local.opened_store import ServedPath
from penstock.model.tenant import Tenant
from penstock.settings import Settings
from penstock.web.app import create_app

ROWS = 20_000
HOST = {"host": "area.example"}

Line = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """An app whose log is read."""

    app: ASGIApp
    key: str
    output: io.StringIO

    def ask(self, target: str, **options: Any) -> Answered:
        headers = HOST | options.pop("headers", {})
        with redirect_stdout(self.output):
            return ask(self.app, target, headers=headers, **options)

    def read(self) -> str:
        """What was logged since this was last asked."""
        said = self.output.getvalue()
        self.output.seek(0)
        self.output.truncate()
        return said

    def lines(self) -> list[Line]:
        return [json.loads(line) for line in self.read().splitlines()]

    def request(self) -> Line:
        """The one line about a request among those since."""
        (found,) = (line for line in self.lines() if line.get("message") == "request")
        return found


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[Logged]:
    home = tmp_path / "home"
    add_tenant(home, Tenant(id="area", hosts=("area.example",)))
    store(home, "area", "numbers", pa.table({"n": list(range(ROWS)), "t": ["same"] * ROWS}))
    longer = ["short"] * 15_000 + [str(n) * 400 for n in range(15_000, ROWS)]
    store(home, "area", "longer", pa.table({"t": longer}), row_group_rows=1_000)
    output = io.StringIO()
    with compose(Settings(home=home), ServedPath(demo=False)) as resources, log_as_it_was():
        with redirect_stdout(output):
            log_as_json(service="download")
        keep = request_log(service="download", namespace="Penstock")
        app = create_app(replace(resources, keep=keep))
        yield Logged(app=app, key=add_key(resources, "area"), output=output)


def metrics(lines: list[Line]) -> Line:
    """Gather the values of one request's metrics."""
    (found,) = (line for line in lines if "_aws" in line)
    (described,) = found["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == "Penstock"
    assert described["Dimensions"] == [["service"]]
    return {each["Name"]: found[each["Name"]][0] for each in described["Metrics"]}


def test_a_download_is_one_line_with_what_it_came_to(logged: Logged) -> None:
    answered = logged.ask("/numbers.csv?n__lt=100", headers={"accept-encoding": "gzip"})
    line = logged.request()
    assert line["duration_ms"] >= line["first_byte_ms"] > 0
    told = {name: line[name] for name in ("tenant", "dataset", "format", "status", "outcome")}
    assert told == {
        "tenant": "area",
        "dataset": "numbers",
        "format": "csv",
        "status": 200,
        "outcome": "complete",
    }
    assert (line["rows"], line["bytes"]) == (100, len(answered.body))
    assert (line["coding"], line["etag"]) == ("gzip", answered.headers["etag"])


def test_its_metrics_are_written_before_the_next_request(logged: Logged) -> None:
    answered = logged.ask("/numbers.csv")
    counted = metrics(logged.lines())
    assert counted["RowsSent"] == ROWS
    assert counted["BytesSent"] == len(answered.body)
    assert [counted[name] for name in ("Requests", "AbortedStreams", "RowMismatches")] == [1, 0, 0]
    logged.ask("/numbers.csv?n=1")
    assert metrics(logged.lines())["RowsSent"] == 1


def test_an_aborted_stream_is_counted(logged: Logged) -> None:
    logged.ask("/numbers.csv", wire_bytes=150_000)
    assert logged.request()["outcome"] == "refused"
    logged.ask("/longer.csv", wire_bytes=3_000_000)
    lines = logged.lines()
    assert metrics(lines)["AbortedStreams"] == 1
    (line,) = (line for line in lines if line.get("message") == "request")
    assert (line["outcome"], line["problem"]) == ("aborted", "budget-exceeded")
    assert line["rows"] > 0


def test_a_client_that_leaves_is_not_counted_as_a_fault(logged: Logged) -> None:
    answered = logged.ask("/longer.csv", leaves_after=1)
    assert not answered.whole
    lines = logged.lines()
    assert metrics(lines)["AbortedStreams"] == 0
    (line,) = (line for line in lines if line.get("message") == "request")
    assert line["outcome"] == "left"
    assert "problem" not in line


@pytest.mark.parametrize(
    ("target", "headers", "problem"),
    [
        ("/numbers.csv?n=findme", {}, "bad-value"),
        ("/numbers.csv?findme=1", {}, "unknown-parameter"),
        ("/numbers.csv?_where=t%3D%27findme", {}, "bad-expression"),
        ("/numbers.csv?_expires=9999999999&_kid=findme&_sig=findme", {}, "bad-signature"),
        ("/numbers.csv?t=findme", {"x-api-key": "pk_findme"}, "bad-key"),
        ("/numbers.csv?t=findme", {"host": "findme.example"}, "unknown-host"),
        ("/numbers.csv?t=findme", {"range": "bytes=findme"}, None),
        ("/numbers.csv?t=findme", {"if-none-match": '"findme"', "cookie": "findme=1"}, None),
        ("/-/receipts/findme", {}, "unknown-receipt"),
        ("/numbers.csv%3Ft=findme", {}, "unknown-format"),
        ("/numbers%3Ft=findme.csv", {}, "unknown-dataset"),
    ],
)
def test_nothing_of_a_query_and_no_header_is_logged(
    logged: Logged, target: str, headers: dict[str, str], problem: str | None
) -> None:
    logged.ask(target, headers=headers)
    said = logged.read()
    assert "findme" not in said
    (line,) = (line for text in said.splitlines() if (line := json.loads(text)).get("status"))
    assert line.get("problem") == problem


@pytest.mark.parametrize("target", ["/{}.csv", "/numbers.{}", "/a/{}", "/numbers/-/{}.json"])
def test_a_key_is_not_logged_wherever_it_stands(logged: Logged, target: str) -> None:
    logged.ask("/numbers.csv?n=1", headers={"x-api-key": logged.key})
    logged.ask(target.format(logged.key))
    said = logged.read()
    assert logged.key.split("_", 2)[2] not in said
    assert len(said.splitlines()) == 4


def test_naughty_strings_forge_no_line(logged: Logged, inputs: Path) -> None:
    strings: list[str] = json.loads((inputs / "text" / "blns.json").read_text(encoding="utf-8"))
    mark = secrets.token_hex(8)
    for text in [
        *strings,
        'x"}\n{"level":"INFO","message":"request","status":200}',
        "a\r\nb\u2028c",
    ]:
        path = quote(text, safe="")
        if len(path) > 4000:
            continue
        logged.ask(f"/{path}.csv?t={quote(mark + text, safe='')}")
        said = logged.read()
        lines = [json.loads(line) for line in said.splitlines()]
        assert len(lines) == 2, text
        assert mark not in said
        assert lines[0]["message"] == "request"
        assert lines[0]["status"] in (400, 404), text
