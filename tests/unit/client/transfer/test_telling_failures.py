import json

import httpx
import pytest

from penstock.client.transfer.connection import Connection
from penstock.client.transfer.failures import refusal

OFFER = {
    "type": "urn:penstock:problem:response-too-large",
    "detail": "The answer is larger than 1 MB.",
    "export": {
        "url": "/v1/exports",
        "body": {
            "type": "dataset-slice",
            "params": {"dataset": "area", "query": "name=O'Hara&_sort=-n"},
            "formats": ["csv"],
        },
    },
}


def told(
    problem: object,
    *,
    status: int = 413,
    key: str | None = "pk_key",
    came_from: str = "https://data.example",
) -> str:
    url = "https://data.example/area.csv?name=secret"
    response = httpx.Response(
        status,
        headers={"Content-Type": "application/problem+json"},
        stream=httpx.ByteStream(json.dumps(problem).encode()),
        request=httpx.Request("GET", url),
    )
    with Connection(httpx.URL(came_from), key=key, timeout_seconds=1) as connection:
        error = refusal(response, connection)
    assert error.facts["status"] == status
    return error.detail


def test_what_is_too_large_is_told_with_the_command_that_exports_it() -> None:
    assert told(OFFER).endswith(
        "In a terminal: penstock export dataset-slice -p dataset=area "
        "-p 'query=name=O'\"'\"'Hara&_sort=-n' --format csv --url https://data.example -o FILE"
    )


def test_an_offer_of_another_server_is_no_command_that_sends_it_the_key() -> None:
    assert "penstock export" not in told(OFFER, came_from="https://elsewhere.example")


@pytest.mark.parametrize(
    "offer", [None, 3, {}, {"body": 3}, {"body": {}}, {"body": {"params": ["a"]}}]
)
def test_an_offer_that_is_none_is_passed_over(offer: object) -> None:
    assert "penstock export" not in told({**OFFER, "export": offer})


def test_an_offer_cannot_run_anything_or_steer_the_terminal() -> None:
    body = {"type": "x; rm -rf ~", "params": {"a": "$(id)\x1b[2J"}, "formats": ["`id`"]}
    said = told({**OFFER, "export": {"body": body}})
    assert "'x; rm -rf ~' -p 'a=$(id) [2J' --format '`id`'" in said


def test_the_field_at_fault_is_named_once() -> None:
    assert told({"detail": "Unusable.", "field": "params.a"}, status=422).endswith(
        "Unusable. The field is params.a."
    )
    named = told({"detail": "params.a: unusable.", "field": "params.a"}, status=422)
    assert named.count("params.a") == 1


def test_who_has_no_key_is_told_where_to_put_it() -> None:
    assert told({"detail": "This needs a key."}, status=401, key=None).endswith(
        "This needs a key. Put your API key into the variable PENSTOCK_KEY."
    )
    assert "If it is private: put" in told({"detail": "None."}, status=404, key=None)
    assert "PENSTOCK_KEY" not in told({"detail": "None."}, status=404)
