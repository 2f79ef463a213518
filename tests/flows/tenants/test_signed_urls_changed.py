"""Signed URLs changed in every place and way: none of them opens anything else, or anything."""

import base64
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from http.client import HTTPConnection
from itertools import permutations
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from tests.flows.job_service import Jobs, job_service
from tests.flows.tenant_homes import signed

from penstock.model.job_id import new_job_id
from penstock.model.signature import sign_url

LEAST = 500
"""So many changes at the least."""
TWINS = str.maketrans("-_0O1lI5S", "+/O0lI1S5")
"""Characters that people, or other alphabets, take for each other."""

SECRET_ROW = b"area 150"
_NOT_IN_A_TARGET = re.compile(r"[\x00-\x20\x7f-\U0010ffff]")


@dataclass(frozen=True)
class Url:
    """A signed URL in its parts, written as they are."""

    path: str
    query: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.path}?" + "&".join(f"{name}={value}" for name, value in self.query)

    def get(self, name: str) -> str:
        return dict(self.query)[name]

    def put(self, name: str, value: str) -> "Url":
        """Give it with another value of a parameter."""
        changed = tuple((each, value if each == name else old) for each, old in self.query)
        return replace(self, query=changed)

    def without(self, name: str) -> "Url":
        return replace(self, query=tuple(pair for pair in self.query if pair[0] != name))

    def also(self, name: str, value: str) -> "Url":
        return replace(self, query=(*self.query, (name, value)))


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    with job_service(tmp_path_factory.mktemp("signed"), requests_per_minute=0) as running:
        yield running


@pytest.fixture(scope="module")
def result(jobs: Jobs) -> dict[str, Any]:
    return jobs.finished(jobs.key(), query="n__gte=100&n__lt=200", formats=["csv"])


@pytest.fixture(scope="module")
def other(jobs: Jobs) -> dict[str, Any]:
    """Another result of the same user and tenant."""
    return jobs.finished(jobs.key(), query="n__lt=300", formats=["csv"])


@pytest.fixture(scope="module")
def url(result: dict[str, Any]) -> Url:
    target = urlsplit(result["downloads"]["csv"])
    kept = [pair for pair in parse_qsl(target.query) if pair[0] != "_filename"]
    return Url(target.path, tuple(kept))


def asked(jobs: Jobs, target: str, *, host: str = "localhost") -> tuple[int, bytes]:
    """Ask for exactly this target, spelt as it is."""
    connection = HTTPConnection("127.0.0.1", jobs.service.port, timeout=30)
    try:
        connection.putrequest("GET", target, skip_host=True, skip_accept_encoding=True)
        connection.putheader("host", host)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def others_of(character: str) -> Iterator[str]:
    """Give characters that are near to one: the other case, neighbours, and those mixed up."""
    near = {
        character.swapcase(),
        chr(ord(character) + 1),
        chr(ord(character) - 1),
        character.translate(TWINS),
        "0",
        "A",
    }
    yield from sorted(each for each in near - {character} if each in string.printable)


def replaced(text: str) -> Iterator[str]:
    """Give a text with each one of its characters changed, left out, doubled, or swapped."""
    for place, character in enumerate(text):
        before, after = text[:place], text[place + 1 :]
        for one in others_of(character):
            yield f"{before}{one}{after}"
        yield before + after
        yield f"{before}{character}{character}{after}"
        if after and after[0] != character:
            yield f"{before}{after[0]}{character}{after[1:]}"


def other_writings(signature: str) -> Iterator[str]:
    """Give texts that a lenient reader would take for the same signature."""
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    # The last character of 43 has two bits that mean nothing.
    last = alphabet.index(signature[-1])
    for bits in range(1, 4):
        yield signature[:-1] + alphabet[(last & ~3) | ((last + bits) & 3)]
    yield from (f"{signature}=", f"{signature}==", f"={signature}", f"{signature}%3D")
    yield from (raw.hex(), raw.hex().upper(), base64.b32encode(raw).decode().rstrip("="))
    yield from (signature.lower(), signature.upper(), signature[::-1], signature * 2, "")
    yield from (f"{signature}%00", f"%00{signature}", f"{signature}%0A", f"{signature}%20")
    yield from (f"+{signature}", f"{signature}+", f"{signature},", f"{signature};", "null", "None")
    yield from (f"{signature}%C2%AD", f"%EF%BB%BF{signature}", "%FF" * 43, "%ED%A0%80" * 10)
    yield from ("A" * len(signature), "-" * len(signature), "A" * 200, "A" * 201, "A" * 4000)
    yield from (signature[:size] for size in range(1, len(signature), 3))


def other_times(expires: str) -> Iterator[str]:
    """Give other times, and other ways of writing this one."""
    now = int(expires)
    yield from (str(now + change) for change in (-1, 1, 60, 3600, -3600, 10**6, 10**9))
    yield from (f"0{expires}", f"+{expires}", f"-{expires}", f"%2B{expires}", f"{expires}.0")
    yield from (f"{expires}%20", f"%20{expires}", f"{expires}e0", f"{expires}L", f"{now:x}")
    yield from (f"{expires[:1]}_{expires[1:]}", f"0x{now:x}", "inf", "nan", "", "0", "-1")
    yield from (str(2**31), str(2**63), str(2**64), "9" * 11, "9" * 12, "9" * 13, "9" * 400)
    arabic = "".join(chr(0x660 + int(digit)) for digit in expires)
    fullwidth = "".join(chr(0xFF10 + int(digit)) for digit in expires)
    yield from (quote(arabic), quote(fullwidth))


def other_paths(path: str, id_: str, another: str) -> Iterator[str]:
    """Give paths of other things, and other ways of writing this one."""
    for one in replaced(id_):
        yield path.replace(id_, quote(one, safe=""))
    yield path.replace(id_, another)
    yield path.replace(id_, id_.lower())
    yield path.replace(id_, new_job_id())
    yield from (f"/area{path[path.index('.') :]}", "/secret.csv", f"/exports/{id_}", "/exports")
    yield from (f"/exports/{id_}/", f"/exports/{id_}.csv/", f"/exports/{id_}.csv/x")
    yield from (f"/exports/{id_}/../{another}.csv", f"/exports/{id_}/%2e%2e/{another}.csv")
    yield from (f"/exports/{id_}%2f..%2f{another}.csv", f"/exports/./{another}.csv")
    yield from (f"/exports/{another}.csv%3f{id_}", f"/exports/{another}%00{id_}.csv")
    yield from (f"/exports/{id_}%00.csv", f"/exports/{id_}.csv%00", f"/exports/{id_}%20.csv")
    yield from (f"/Exports/{id_}.csv", f"/export/{id_}.csv", f"/exports%2f{id_}.csv".upper())
    yield from (f"/exports/{id_}/-/manifest.csv", f"/exports/{id_}/manifest.json")
    yield from (f"/exports/{id_}/part-000001-00000.parquet", f"/v1/jobs/{id_}")
    yield from (f"/v1/jobs/{id_}/result", f"/v1/jobs/{id_}/events", "/-/secret.json")


def other_parameters(url: Url, another: Url) -> Iterator[Url]:
    """Give URLs whose parameters are missing, doubled, mixed up, or of another URL."""
    names = ("_expires", "_kid", "_sig")
    for name in names:
        yield url.without(name)
        yield url.also(name, url.get(name))
        yield url.also(name, "x")
        yield Url(url.path, ((name, "x"), *url.query))
        yield url.put(name, "")
        yield url.without(name).also(name.upper(), url.get(name))
        yield url.without(name).also(name[1:], url.get(name))
        yield url.without(name).also(f"{name}[]", url.get(name))
        yield url.without(name).also(f"{name}%00", url.get(name))
        yield url.without(name).also(f"%20{name}", url.get(name))
        for source in names:
            if source != name:
                yield url.put(name, url.get(source))
        if another.get(name) != url.get(name):
            yield url.put(name, another.get(name))
    yield Url(another.path, url.query)
    yield Url(url.path, another.query)
    yield Url(url.path, ())


def changes(url: Url, another: Url) -> Iterator[str]:
    """Give everything that could be made of a URL without its key."""
    id_, another_id = (each.path.split("/")[2].partition(".")[0] for each in (url, another))
    for name in ("_sig", "_kid", "_expires"):
        for value in replaced(url.get(name)):
            yield str(url.put(name, quote(value, safe="")))
    yield from (str(url.put("_sig", value)) for value in other_writings(url.get("_sig")))
    yield from (str(url.put("_expires", value)) for value in other_times(url.get("_expires")))
    for path in other_paths(url.path, id_, another_id):
        yield str(Url(path, url.query))
    yield from map(str, other_parameters(url, another))
    yield str(url).replace("&", ";")
    yield str(url).replace("?", "%3F")
    yield str(url).replace("_sig=", "_sig%3D")
    yield str(url).replace("&", "%26")


def test_no_change_of_a_signed_url_opens_anything(
    jobs: Jobs, url: Url, other: dict[str, Any]
) -> None:
    target = urlsplit(other["downloads"]["csv"])
    another = Url(target.path, tuple(parse_qsl(target.query)))
    # Of its own time: the two were signed at different ones, or could be told apart by nothing.
    assert asked(jobs, str(url)) == (200, asked(jobs, str(url))[1])
    assert SECRET_ROW in asked(jobs, str(url))[1]
    tried = set(changes(url, another)) - {str(url), str(another)}
    assert len(tried) >= LEAST
    opened = []
    for one in sorted(tried):
        assert not _NOT_IN_A_TARGET.search(one), one
        status, body = asked(jobs, one)
        if status not in (400, 401, 403, 404, 414) or SECRET_ROW in body:
            opened.append((status, one))
    assert opened == []


def test_another_way_of_writing_a_signed_url_opens_the_same_and_nothing_more(
    jobs: Jobs, url: Url
) -> None:
    good = asked(jobs, str(url))
    for query in permutations(url.query):
        assert asked(jobs, str(replace(url, query=query))) == good
    for name, value in url.query:
        escaped = "".join(f"%{ord(each):02X}" for each in value)
        assert asked(jobs, str(url.put(name, escaped))) == good
    fewer = asked(jobs, f"{url}&n=150")
    assert fewer[0] == 200
    assert set(fewer[1].splitlines()) < set(good[1].splitlines())


def test_a_signature_of_another_tenant_time_key_or_job_opens_nothing(
    jobs: Jobs, url: Url, other: dict[str, Any]
) -> None:
    resources = jobs.service.resources
    path = url.path.partition(".")[0]
    own = resources.ports.keys.signing_keys("acme")[0]
    theirs = resources.ports.keys.signing_keys("other")[0]
    expires = int(url.get("_expires"))
    make: list[Callable[[], str]] = [
        lambda: sign_url(theirs, tenant="acme", path=path, expires=expires),
        lambda: sign_url(replace(theirs, id=own.id), tenant="acme", path=path, expires=expires),
        lambda: sign_url(own, tenant="other", path=path, expires=expires),
        lambda: sign_url(own, tenant="acme", path=f"/exports/{other['id']}", expires=expires),
        lambda: sign_url(own, tenant="acme", path=path[1:], expires=expires),
        lambda: sign_url(own, tenant="acme", path=path.lower(), expires=expires),
        lambda: sign_url(own, tenant="acme", path="/exports", expires=expires),
        lambda: sign_url(own, tenant="acme", path="/", expires=expires),
        lambda: sign_url(own, tenant="acme", path=path, expires=expires + 1),
        lambda: sign_url(own, tenant="acme" + path, path="", expires=expires),
    ]
    for signature in make:
        assert asked(jobs, str(url.put("_sig", signature())))[0] == 403
    assert asked(jobs, str(url.put("_kid", theirs.id)))[0] == 403
    assert asked(jobs, str(url), host="other.localhost")[0] == 403
    for seconds in (-1, -900, -(10**6)):
        late = signed(resources, "acme", path, seconds_left=seconds)
        assert asked(jobs, str(Url(url.path, tuple(late.items()))))[0] == 403
    with jobs.later(timedelta(minutes=15, seconds=1)):
        assert asked(jobs, str(url))[0] == 403
    assert asked(jobs, str(url))[0] == 200


def test_a_signed_url_opens_nothing_after_its_job_was_deleted(jobs: Jobs) -> None:
    gone = jobs.finished(jobs.key(), query="n__lt=200", formats=["csv"])
    targets = [*gone["downloads"].values(), gone["schema"], gone["files"]["csv"]["url"]]
    assert {asked(jobs, each)[0] for each in targets} == {200}
    assert jobs.ask("DELETE", f"/v1/jobs/{gone['id']}", key=jobs.key()).status_code == 204
    for each in targets:
        for spelt in (each, f"{each}&_limit=1", each.replace("%20", "+")):
            status, body = asked(jobs, spelt)
            # What has no such parameter says so, whether it is there or not.
            assert status == 404 or (status == 400 and spelt != each)
            assert SECRET_ROW not in body
    # Nor does a new job of the same wish stand in its place.
    again = jobs.finished(jobs.key(), query="n__lt=200", formats=["csv"])
    assert again["id"] != gone["id"]
    assert {asked(jobs, each)[0] for each in targets} == {404}
