"""The viewer function, run by Node as CloudFront would run it."""

import json
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import missing
from tests.template.templates import ROOT

from penstock.errors import BadValueError
from penstock.query.pairs import pairs_of
from penstock.web.pages import wants_html

_RUNNER = """
const lines = require('fs').readFileSync(0, 'utf8');
const code = require('fs').readFileSync(process.argv[1], 'utf8');
const handler = new Function("'use strict';" + code + "; return handler;")();
console.log(JSON.stringify(JSON.parse(lines).map(({ uri, query, headers }) => {
  const request = { method: 'GET', uri, headers, querystring: 'as it came', cookies: {} };
  request.rawQueryString = () => (query === null ? undefined : query);
  const answer = handler({ version: '1.0', context: {}, viewer: {}, request });
  return { uri: answer.uri, querystring: answer.querystring, headers: answer.headers };
})));
"""

_AS_IT_CAME = "as it came"
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="&#"), max_size=6)
_KEYS = st.sampled_from(
    ["a", "a__in", "utm_source", "utm%5Fx", "fbclid", "gclid", "10", "2", "%ZZ"]
)
_PAIRS = st.builds(
    lambda key, value: key if value is None else f"{key}={value}",
    _KEYS | _TEXT,
    st.none() | _TEXT | st.sampled_from(["%C3%BC", "a,b", "x+y", "%26", "a=b"]),
)
_IN_BATCHES = settings(max_examples=8)
"""Each example is a list of cases: Node starts once for all of them."""
_QUERIES = st.lists(st.lists(_PAIRS, max_size=8).map("&".join), min_size=1, max_size=40)
_WEIGHTS = st.sampled_from(["", ";q=0", ";q=0.5", "; q=1", ";Q=0.001", ";q=x", ";q=2", ";v=1;q=0"])


def run(*requests: dict[str, Any]) -> list[dict[str, Any]]:
    """Run the function once for each request, in one process."""
    node = shutil.which("node")
    if node is None:
        missing("Node is missing: it is Debian's package nodejs")
    done = subprocess.run(
        [node, "-e", _RUNNER, str(ROOT / "edge" / "viewer-request.js")],
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def asked(*, uri: str = "/a.csv", query: str | None = None, **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): {"value": value} for name, value in headers.items()}
    named.setdefault("host", {"value": "data.acme.example"})
    return {"uri": uri, "query": query, "headers": named}


def header_of(answer: dict[str, Any], name: str) -> str | None:
    header = answer["headers"].get(name)
    return None if header is None else header["value"]


def all_normalised(queries: list[str]) -> list[str]:
    """Give what origins get of each query; an empty one the function doesn't touch."""
    answers = run(*(asked(query=query) for query in queries))
    found = (answer["querystring"] for answer in answers)
    return ["" if each == _AS_IT_CAME else each for each in found]


def normalised(query: str) -> str:
    return all_normalised([query])[0]


@pytest.mark.parametrize(
    ("host", "tenant_host"),
    [
        ("data.acme.example", "data.acme.example"),
        ("Data.ACME.Example", "data.acme.example"),
        ("data.acme.example:443", "data.acme.example"),
        ("data.acme.example.", "data.acme.example"),
        ("d111111abcdef8.cloudfront.net", "d111111abcdef8.cloudfront.net"),
    ],
)
def test_the_tenants_host_is_the_one_that_was_called(host: str, tenant_host: str) -> None:
    (answer,) = run(asked(host=host))
    assert header_of(answer, "x-tenant-host") == tenant_host


@pytest.mark.parametrize("uri", ["/a.csv", "/v1/jobs", "/-/healthz"])
def test_what_a_client_says_of_itself_in_the_edges_name_is_overwritten(uri: str) -> None:
    forged = asked(uri=uri, x_tenant_host="other.example", x_accept_zstd="1")
    several = asked(uri=uri)
    several["headers"]["x-tenant-host"] = {
        "value": "other.example",
        "multiValue": [{"value": "other.example"}, {"value": "more.example"}],
    }
    for answer in run(forged, several):
        assert answer["headers"]["x-tenant-host"] == {"value": "data.acme.example"}
        assert "x-accept-zstd" not in answer["headers"]


@pytest.mark.parametrize(
    ("accept_encoding", "takes_zstd"),
    [
        ("gzip, deflate, br, zstd", True),
        ("ZSTD", True),
        ("gzip;q=1.0, zstd;q=0.1", True),
        ("*", True),
        ("gzip, zstd ; q=0.5", True),
        ("gzip, deflate, br", False),
        ("zstd;q=0", False),
        ("zstd; q=0.000, gzip", False),
        ("zstd;q=none", False),
        ("*, zstd;q=0", False),
        ("*;q=0", False),
        ("x-zstd, zstdx", False),
        ("", False),
    ],
)
def test_zstd_is_told_where_it_is_taken(accept_encoding: str, takes_zstd: bool) -> None:  # noqa: FBT001 - a case's column
    (answer,) = run(asked(accept_encoding=accept_encoding))
    assert header_of(answer, "x-accept-zstd") == ("1" if takes_zstd else None)


def test_accept_encoding_in_several_fields_is_one_list() -> None:
    request = asked()
    fields = [{"value": "gzip"}, {"value": "zstd"}]
    request["headers"]["accept-encoding"] = {"value": "gzip", "multiValue": fields}
    (answer,) = run(request)
    assert header_of(answer, "x-accept-zstd") == "1"


@pytest.mark.parametrize(
    ("query", "passed_on"),
    [
        ("organisation-entity=122", "organisation-entity=122"),
        ("utm_source=a&q=some&utm_campaign=b", "q=some&utm_campaign=b&utm_source=a"),
        ("gclid=2&fbclid=1", "fbclid=1&gclid=2"),
        ("utm%5Fsource=a&q=1", "q=1&utm%5Fsource=a"),
        ("b=2&a=1", "a=1&b=2"),
        ("q=b&q=a&p=1&q=c", "p=1&q=b&q=a&q=c"),
        ("_select=b,a%20as%20c", "_select=b,a%20as%20c"),
        ("_where=%22x-y%22+%3E+1&name=%C3%BC", "_where=%22x-y%22+%3E+1&name=%C3%BC"),
        ("name=a%2Bb%26c&d=%41", "d=%41&name=a%2Bb%26c"),
        ("a&&b=", "a&b="),
        ("a=1=2", "a=1=2"),
        ("%ZZ=1&a=1", "%ZZ=1&a=1"),
        ("__proto__=1&constructor=2&10=x&2=y", "10=x&2=y&__proto__=1&constructor=2"),
    ],
)
def test_a_query_is_spelled_one_way_and_says_the_same(query: str, passed_on: str) -> None:
    assert normalised(query) == passed_on


@pytest.mark.parametrize("query", [None, ""])
def test_a_request_without_a_query_is_left_as_it_is(query: str | None) -> None:
    (answer,) = run(asked(query=query))
    assert answer["querystring"] == _AS_IT_CAME


def test_a_query_that_the_origin_will_refuse_is_not_worked_on() -> None:
    query = "&".join(f"b{number}=1&a=2" for number in range(100))
    assert normalised(query) == query


@pytest.mark.parametrize("uri", ["/v1/jobs", "/v1/jobs/7"])
def test_the_json_api_gets_its_query_and_accept_as_they_came(uri: str) -> None:
    (answer,) = run(asked(uri=uri, query="b=1&a=2&utm_source=x", accept="application/json"))
    assert answer["querystring"] == _AS_IT_CAME
    assert header_of(answer, "accept") == "application/json"
    assert header_of(answer, "x-tenant-host") == "data.acme.example"


@pytest.mark.parametrize(
    "query", ["utm_source=mail", "gclid=1", "fbclid=", "utm_", "utm_source__in=a,b", "utm_x=&utm_x"]
)
def test_what_advertisers_append_may_be_a_filter_and_reaches_the_origin(query: str) -> None:
    """The edge knows no columns: without its filter, an answer would hold all rows."""
    assert normalised(query) == query


def test_the_path_is_left_as_it_is() -> None:
    paths = ["/a.csv", "/A%20b/-/schema.json", "/v1", "/", "//x"]
    assert [answer["uri"] for answer in run(*(asked(uri=uri) for uri in paths))] == paths


@_IN_BATCHES
@given(_QUERIES)
def test_a_query_holds_all_that_it_held_in_the_order_of_each_key(queries: list[str]) -> None:
    for query, passed_on in zip(queries, all_normalised(queries), strict=True):
        assert _by_key(passed_on) == _by_key(query)


@_IN_BATCHES
@given(_QUERIES)
def test_a_query_that_is_spelled_so_stays_so(queries: list[str]) -> None:
    once = all_normalised(queries)
    assert all_normalised(once) == once


@_IN_BATCHES
@given(st.lists(st.lists(_PAIRS, max_size=6, unique_by=lambda pair: pair), max_size=20))
def test_two_orders_of_different_keys_are_looked_up_as_one(lists: list[list[str]]) -> None:
    different = [_different_keys(pairs) for pairs in lists]
    forward = [asked(query="&".join(pairs)) for pairs in different]
    backward = [asked(query="&".join(reversed(pairs))) for pairs in different]
    for one, other in zip(run(*forward), run(*backward), strict=True):
        assert one["querystring"] == other["querystring"]


@_IN_BATCHES
@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from(
                    ["text/html", "application/json", "application/*", "*/*", "image/*", ""]
                ),
                _WEIGHTS,
            ),
            max_size=5,
            unique_by=lambda pair: pair[0],
        ).map(lambda pairs: ", ".join(name + weight for name, weight in pairs)),
        min_size=1,
        max_size=40,
    )
)
def test_a_page_is_asked_for_where_the_origin_would_say_so(accepts: list[str]) -> None:
    answers = run(*(asked(accept=accept) for accept in accepts))
    for accept, answer in zip(accepts, answers, strict=True):
        expected = "text/html" if wants_html(accept) else "*/*"
        assert header_of(answer, "accept") == expected, accept
        assert wants_html(expected) is wants_html(accept)


def _key(pair: str) -> str:
    """Give a pair's key as the origin reads it, or as it is written where it can't be read."""
    written = pair.partition("=")[0]
    try:
        return pairs_of(f"{written}=".encode())[0][0]
    except BadValueError:
        return written


def _by_key(query: str) -> dict[str, list[str]]:
    """Give the pairs of each key in their order, as they are written."""
    found: dict[str, list[str]] = {}
    for pair in filter(None, query.split("&")):
        found.setdefault(_key(pair), []).append(pair)
    return found


def _different_keys(pairs: list[str]) -> list[str]:
    return list({_key(pair): pair for pair in pairs}.values())
