"""What a trusted edge says is believed, and what anybody else says in its name is not."""

import pytest
from starlette.types import Scope

from penstock.web.front.edge import believed

EDGE = [
    (b"host", b"function.example"),
    (b"x-tenant-host", b"data.acme.example"),
    (b"accept-encoding", b"gzip"),
    (b"x-accept-zstd", b"1"),
    (b"cloudfront-viewer-address", b"198.51.100.7:46532"),
    (b"range", b"bytes=0-1"),
]


def scope_of(headers: list[tuple[bytes, bytes]]) -> Scope:
    return {"type": "http", "headers": headers, "client": ("10.0.0.1", 0)}


def test_the_tenants_host_the_codings_and_the_address_are_the_viewers() -> None:
    seen = believed(scope_of(EDGE), trusted=True)
    assert seen["client"] == ("198.51.100.7", 46532)
    assert sorted(seen["headers"]) == [
        (b"accept-encoding", b"gzip, zstd"),
        (b"host", b"data.acme.example"),
        (b"range", b"bytes=0-1"),
    ]


def test_without_trust_nothing_of_it_counts_and_nothing_of_it_is_seen() -> None:
    seen = believed(scope_of(EDGE), trusted=False)
    assert seen["client"] == ("10.0.0.1", 0)
    assert sorted(seen["headers"]) == [
        (b"accept-encoding", b"gzip"),
        (b"host", b"function.example"),
        (b"range", b"bytes=0-1"),
    ]


def test_a_request_that_did_not_come_through_the_edge_has_no_host() -> None:
    seen = believed(scope_of([(b"host", b"data.acme.example")]), trusted=True)
    assert seen["headers"] == []


@pytest.mark.parametrize(("trusted", "scheme"), [(True, "https"), (False, "http")])
def test_that_the_client_asked_by_https_is_believed_of_an_edge_alone(
    trusted: bool,  # noqa: FBT001 - pytest passes by name
    scheme: str,
) -> None:
    scope = scope_of([*EDGE, (b"x-forwarded-proto", b"https")])
    assert believed({**scope, "scheme": "http"}, trusted=trusted)["scheme"] == scheme


def test_two_tenant_hosts_stay_two() -> None:
    twice = [(b"x-tenant-host", b"a.example"), (b"x-tenant-host", b"b.example")]
    seen = believed(scope_of(twice), trusted=True)
    assert seen["headers"] == [(b"host", b"a.example"), (b"host", b"b.example")]


@pytest.mark.parametrize("value", [b"0", b"", b"true", b"1, 1"])
def test_zstd_is_taken_only_where_the_edge_says_so(value: bytes) -> None:
    seen = believed(scope_of([(b"x-accept-zstd", value)]), trusted=True)
    assert seen["headers"] == []


def test_zstd_alone_is_taken_too() -> None:
    seen = believed(scope_of([(b"x-accept-zstd", b"1")]), trusted=True)
    assert seen["headers"] == [(b"accept-encoding", b"zstd")]


@pytest.mark.parametrize(
    ("said", "client"),
    [
        (b"2001:db8::7:443", ("2001:db8::7", 443)),
        (b"[2001:db8::7]:443", ("2001:db8::7", 443)),
        (b"198.51.100.7:x", ("198.51.100.7", 0)),
        (b"198.51.100.7:" + b"9" * 6000, ("198.51.100.7", 0)),
        (b"198.51.100.7:\xb2", ("198.51.100.7", 0)),
    ],
)
def test_an_address_is_split_from_its_port(said: bytes, client: tuple[str, int]) -> None:
    seen = believed(scope_of([(b"cloudfront-viewer-address", said)]), trusted=True)
    assert seen["client"] == client
