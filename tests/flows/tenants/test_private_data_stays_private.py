"""What is private is there for its tenant's keys and signed URLs, and for nobody else."""

import base64
import itertools
import string
from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.flows.raw_requests import get_raw
from tests.flows.tenant_homes import add_key, signed, store
from tests.flows.two_tenants import ACME, BROOK, NAMES, Two, assert_tells_nothing, two_tenants

from penstock.errors import SetupError
from penstock.local.datasets.private import set_private


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    with two_tenants(tmp_path_factory.mktemp("two")) as running:
        yield running


PRIVATE_PATHS = [
    "/secret.csv",
    "/secret.json",
    "/secret.ndjson",
    "/secret.parquet",
    "/secret.arrow",
    "/secret.csv?n=42",
    "/secret.csv?no-such-column=1",
    "/secret.csv?_version=v-1",
    "/secret.csv?_cursor=abc",
    "/secret/-/schema.json",
    "/secret/-/stats.json",
    "/secret/-/count.json",
    "/secret/-/count.json?n=42",
]


@pytest.mark.parametrize("path", PRIVATE_PATHS)
def test_a_private_dataset_looks_like_none_without_a_key(two: Two, path: str) -> None:
    for more in ({}, {"if-none-match": "*"}, {"range": "bytes=0-3"}, {"accept": "text/html"}):
        answer = two.get(path, **more)
        absent = two.get(path.replace("/secret", "/absent"), **more)
        assert answer.status_code == absent.status_code == 404
        assert answer.text.replace("secret", "absent") == absent.text
        told = {name: value for name, value in answer.headers.items() if name != "date"}
        assert told == {name: value for name, value in absent.headers.items() if name != "date"}
    assert two.get(path, method="HEAD").status_code == 404


@pytest.mark.parametrize("mistyped", ["secre", "secrets", "Secret", "SECRET", "sec-ret", "s_ecret"])
def test_a_private_dataset_is_no_suggestion(two: Two, mistyped: str) -> None:
    answer = two.get(f"/{mistyped}.csv")
    assert answer.status_code == 404
    assert "did_you_mean" not in answer.json()
    token = add_key(two.service.resources, "acme", user=f"typing-{mistyped}")
    meant = two.get(f"/{mistyped}.csv", **{"x-api-key": token}).json()["did_you_mean"]
    assert meant == ["secret"]


def test_with_a_key_what_is_private_is_for_nobody_else_to_keep(two: Two) -> None:
    token = add_key(two.service.resources, "acme", user="keeper")
    first = two.get("/secret.csv", **{"x-api-key": token})
    assert first.text == "name,n\ncanary-of-vault,42\n"
    answers = [
        first,
        two.get("/secret.parquet", **{"x-api-key": token}),
        two.get("/secret.csv", method="HEAD", **{"x-api-key": token}),
        two.get("/secret.csv", **{"x-api-key": token, "range": "bytes=0-3"}),
        two.get("/secret.csv", **{"x-api-key": token, "if-none-match": first.headers["etag"]}),
        two.get("/secret/-/schema.json", **{"x-api-key": token}),
        two.get("/secret/-/stats.json", **{"x-api-key": token}),
        two.get("/secret/-/count.json", **{"x-api-key": token}),
        two.get("/-/datasets.json", **{"x-api-key": token}),
        two.get("/-/openapi.json", **{"x-api-key": token}),
        two.get("/", **{"x-api-key": token}),
        two.get("/", **{"x-api-key": token, "accept": "text/html"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 206, 304] + [200] * 7
    for answer in answers:
        assert answer.headers["cache-control"] == "private, no-store", answer.url
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert all(b"secret" in answer.content for answer in answers[8:])
    with_query = two.get("/secret.csv?no-such=1", **{"x-api-key": token})
    assert (with_query.status_code, with_query.headers["cache-control"]) == (400, "no-store")


def test_metadata_that_has_not_changed_keeps_its_rules(two: Two) -> None:
    token = add_key(two.service.resources, "acme", user="metadata")
    for route in ("schema", "stats", "count"):
        path = f"/secret/-/{route}.json"
        tag = two.get(path, **{"x-api-key": token}).headers["etag"]
        again = two.get(path, **{"x-api-key": token, "if-none-match": tag})
        assert again.status_code == 304
        assert again.headers.get("cache-control") == "private, no-store"
        assert two.get(path, **{"if-none-match": tag}).status_code == 404


def test_a_receipt_of_a_private_dataset_needs_a_key_too(two: Two) -> None:
    token = add_key(two.service.resources, "acme", user="receipts")
    answer = two.get("/secret.csv", **{"x-api-key": token})
    path = f"/-/receipts/{answer.headers['download-id']}"
    assert two.get(path).status_code == 404
    opened = two.get(path, **{"x-api-key": token})
    assert opened.json()["rows"] == 1
    assert opened.headers["cache-control"] in ("no-store", "private, no-store")
    assert "access-control-allow-origin" not in opened.headers


def test_a_key_may_be_the_password_of_basic_credentials(two: Two) -> None:
    token = add_key(two.service.resources, "acme", user="browser")
    for user in ("", "ada", "añb"):
        credentials = base64.b64encode(f"{user}:{token}".encode()).decode()
        for scheme in ("Basic", "basic", "BASIC"):
            answer = two.get("/secret.csv", authorization=f"{scheme} {credentials}")
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "private, no-store"
    as_user = base64.b64encode(f"{token}:".encode()).decode()
    for wrong in ("Basic", "Basic !!!", f"Basic {as_user}", "Basic Og==", f"Basic {token}"):
        answer = two.get("/secret.csv", authorization=wrong)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")


def test_a_key_in_the_url_is_no_key(two: Two) -> None:
    token = add_key(two.service.resources, "acme", user="in-a-url")
    for name in ("key", "api_key", "x-api-key", "X-Api-Key", "_key", "token", "access_token"):
        assert two.get(f"/secret.csv?{name}={token}").status_code == 404
        assert two.get(f"/area.csv?{name}={token}").status_code == 400


def test_two_keys_are_live_while_they_rotate_and_a_third_is_refused(two: Two) -> None:
    resources = two.service.resources
    old = add_key(resources, "acme", user="rotating")
    new = add_key(resources, "acme", user="rotating")
    assert two.get("/secret.csv", **{"x-api-key": old}).status_code == 200
    assert two.get("/secret.csv", **{"x-api-key": new}).status_code == 200
    with pytest.raises(SetupError, match="revoke one first"):
        add_key(resources, "acme", user="rotating")
    resources.ports.keys.revoke("acme", old.split("_")[1])
    revoked = two.get("/secret.csv", **{"x-api-key": old})
    assert revoked.status_code == 401
    assert revoked.headers["cache-control"] == "no-store"
    assert two.get("/secret.csv", **{"x-api-key": new}).status_code == 200
    assert two.get("/area.csv", **{"x-api-key": old}).status_code == 401


def test_a_key_that_is_expired_altered_or_none_is_refused(two: Two) -> None:
    resources = two.service.resources
    expired = add_key(resources, "acme", user="late", expires_in=timedelta(seconds=-1))
    good = add_key(resources, "acme", user="altered", expires_in=timedelta(days=1))
    assert two.get("/secret.csv", **{"x-api-key": good}).status_code == 200
    head, prefix, secret = good.split("_", 2)
    bad = [
        expired,
        "",
        "pk",
        good[:-1],
        good + "A",
        good.upper(),
        good.swapcase(),
        f"{head}_{prefix}_{'A' * 43}",
        f"{head}_{'a' * 8}_{secret}",
        f"{head}_{prefix[::-1]}_{secret}",
        f"{good}, {good}",
        f"Bearer {good}",
        f"'{good}'",
        "pk_' OR '1'='1_",
        "x" * 5000,
        *(
            f"{head}_{prefix}_{secret[:at]}{'A' if secret[at] != 'A' else 'B'}{secret[at + 1 :]}"
            for at in range(0, 43, 6)
        ),
    ]
    for token in bad:
        answer = two.get("/secret.csv", **{"x-api-key": token})
        assert answer.status_code == 401, token
        assert answer.json()["type"].endswith(":bad-key")
        assert two.get("/area.csv", **{"x-api-key": token}).status_code == 401
    twice = get_raw(
        two.service.port,
        b"/secret.csv",
        host=ACME.encode(),
        headers=f"X-Api-Key: {good}\r\nX-Api-Key: {good}\r\n".encode(),
    )
    assert twice is not None
    assert twice.status == 400


def test_a_signed_url_opens_one_dataset_in_any_format_and_slice(two: Two) -> None:
    claim = signed(two.service.resources, "acme", "/secret")
    for path in ("/secret.csv", "/secret.json", "/secret.parquet", "/secret.arrow"):
        answer = two.client.get(path, params=claim, headers={"host": ACME})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "private, no-store"
        assert "access-control-allow-origin" not in answer.headers
        assert "_sig" not in answer.headers["content-location"]
        receipt = f"/-/receipts/{answer.headers['download-id']}"
        assert two.client.get(receipt, headers={"host": ACME}).json()["state"] == "complete"
    sliced = two.client.get("/secret.csv", params={"n": "41", **claim}, headers={"host": ACME})
    assert sliced.text == "name,n\n"
    public = two.client.get(
        "/area.csv", params=signed(two.service.resources, "acme", "/area"), headers={"host": ACME}
    )
    assert (public.status_code, public.headers["cache-control"]) == (200, "private, no-store")


def test_a_signed_url_pages_through_its_dataset(two: Two) -> None:
    store(two.home, "acme", "paged", NAMES, private=True)
    claim = signed(two.service.resources, "acme", "/paged")
    answer = two.client.get("/paged.csv", params={"_limit": "2", **claim}, headers={"host": ACME})
    assert answer.text == "name,n\nash,1\noak,2\n"
    second = two.get(answer.links["next"]["url"])
    assert second.text == "name,n\nelm,3\n"


def altered(claim: dict[str, str]) -> Iterator[dict[str, str]]:
    """Yield more than a hundred claims that differ from a good one."""
    signature = claim["_sig"]
    letters = itertools.cycle(string.ascii_letters + string.digits + "-_")
    for at, _ in itertools.product(range(len(signature)), range(2)):
        letter = next(each for each in letters if each != signature[at])
        yield claim | {"_sig": signature[:at] + letter + signature[at + 1 :]}
    for shift in (-1, 1, 2, 60, 3600, 10**6):
        yield claim | {"_expires": str(int(claim["_expires"]) + shift)}
    yield claim | {"_expires": "0" + claim["_expires"]}
    yield claim | {"_expires": "9" * 12}
    yield claim | {"_expires": "0"}
    yield claim | {"_expires": "1"}
    for key_id in (claim["_kid"][::-1] + "x", claim["_kid"].upper() + "x", "0", "k1", "none"):
        yield claim | {"_kid": key_id}
    yield claim | {"_sig": signature[:-1]}
    yield claim | {"_sig": signature + "A"}
    yield claim | {"_sig": signature[::-1]}
    yield claim | {"_sig": signature.swapcase()}
    yield claim | {"_sig": "A" * 43}
    yield claim | {"_sig": "none"}


def test_every_altered_signed_url_is_forbidden(two: Two) -> None:
    claim = signed(two.service.resources, "acme", "/secret")
    tried = [each for each in altered(claim) if each != claim]
    assert len(tried) > 100
    for each in tried:
        answer = two.client.get("/secret.csv", params=each, headers={"host": ACME})
        # A time that is written in another way is no time at all.
        is_time = each["_expires"] == str(int(each["_expires"]))
        assert answer.status_code == (403 if is_time else 400), each
        assert answer.json()["type"].endswith(":bad-signature" if is_time else ":bad-value")
        assert answer.headers["cache-control"] == "no-store"


def test_a_signed_url_of_another_time_path_or_tenant_is_forbidden(two: Two) -> None:
    resources = two.service.resources
    own = signed(resources, "acme", "/secret")
    for path, claim, host in [
        ("/secret.csv", signed(resources, "acme", "/secret", seconds_left=-1), ACME),
        ("/secret.csv", signed(resources, "acme", "/secret", seconds_left=0), ACME),
        ("/secret.csv", signed(resources, "acme", "/area"), ACME),
        ("/secret.csv", signed(resources, "acme", "/secret.csv"), ACME),
        ("/secret.csv", signed(resources, "acme", "secret"), ACME),
        ("/secret.csv", signed(resources, "acme", "/Secret"), ACME),
        ("/area.csv", own, ACME),
        ("/absent.csv", own, ACME),
        ("/vault.csv", own, BROOK),
        ("/vault.csv", signed(resources, "acme", "/vault"), BROOK),
        ("/secret.csv", signed(resources, "brook", "/secret"), ACME),
    ]:
        answer = two.client.get(path, params=claim, headers={"host": host})
        assert answer.status_code == 403, path
        assert_tells_nothing(answer.content)


def test_half_of_a_signature_is_no_signature(two: Two) -> None:
    claim = signed(two.service.resources, "acme", "/secret")
    for missing in claim:
        rest = {name: value for name, value in claim.items() if name != missing}
        answer = two.client.get("/secret.csv", params=rest, headers={"host": ACME})
        assert answer.status_code in (400, 403, 404)
        assert_tells_nothing(answer.content)


def test_what_becomes_private_is_closed_at_once(two: Two) -> None:
    path = store(two.home, "acme", "turning", NAMES)
    assert two.get("/turning.csv").status_code == 200
    tag = two.get("/turning.csv").headers["etag"]
    set_private(path.parent.parent, dataset="turning", private=True)
    assert two.get("/turning.csv").status_code == 404
    assert two.get("/turning.csv", **{"if-none-match": tag}).status_code == 404
    assert b"turning" not in two.get("/-/datasets.json").content
