"""Results of exports as datasets: who may open them, in which way, and for how long."""

import random
import string
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pyarrow.parquet as pq
import pytest
from tests.flows.job_service import ROWS, Jobs, job_service
from tests.flows.tenant_homes import signed

from penstock.model.job_id import new_job_id
from penstock.model.signature import sign_url

MUTATIONS = 500


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    folder = tmp_path_factory.mktemp("downloads")
    with job_service(folder, requests_per_minute=0, response_bytes=40_000) as running:
        yield running


@pytest.fixture(scope="module")
def key(jobs: Jobs) -> str:
    return jobs.key()


@pytest.fixture(scope="module")
def result(jobs: Jobs, key: str) -> dict[str, Any]:
    """A result of ada's: 100 rows of `area`, also written as CSV and Parquet."""
    return jobs.finished(key, query="n__gte=100&n__lt=200&_sort=-n", formats=["csv", "parquet"])


def rows_of(answer: httpx.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [row["n"] for row in answer.json()]


def test_a_result_is_a_dataset_in_every_format_and_slice(
    jobs: Jobs, result: dict[str, Any]
) -> None:
    url = result["downloads"]["json"]
    assert rows_of(jobs.client.get(url)) == list(range(199, 99, -1))
    assert rows_of(jobs.client.get(f"{url}&n__lt=103&_sort=n")) == [100, 101, 102]
    page = jobs.client.get(f"{url}&_limit=10")
    following = page.links["next"]["url"]
    assert rows_of(jobs.client.get(following)) == list(range(189, 179, -1))
    for extension in ("csv", "ndjson", "parquet", "arrow"):
        answer = jobs.client.get(result["downloads"][extension])
        assert answer.status_code == 200
        assert f'filename="area.{extension}"' in answer.headers["content-disposition"]
        assert answer.headers["cache-control"] == "private, no-store"
        assert "access-control-allow-origin" not in answer.headers


def test_a_result_has_etags_ranges_and_receipts_like_any_download(
    jobs: Jobs, key: str, result: dict[str, Any]
) -> None:
    url = result["downloads"]["csv"]
    whole = jobs.client.get(url)
    part = jobs.client.get(url, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    held = jobs.client.get(url, headers={"if-none-match": whole.headers["etag"]})
    assert held.status_code == 304
    receipt = jobs.ask("GET", f"/-/receipts/{whole.headers['download-id']}", key=key).json()
    assert receipt["dataset"] == result["dataset"]
    assert receipt["rows"] == 100
    assert jobs.client.head(url).headers["etag"] == whole.headers["etag"]


def test_metadata_of_a_result_is_open_to_whom_the_result_is(
    jobs: Jobs, key: str, result: dict[str, Any]
) -> None:
    query = urlsplit(result["schema"]).query
    for name in ("schema", "stats", "count"):
        path = f"/{result['dataset']}/-/{name}.json"
        for answer in (jobs.client.get(f"{path}?{query}"), jobs.ask("GET", path, key=key)):
            assert answer.status_code == 200, answer.text
        assert jobs.ask("GET", path, key=jobs.key("eve")).status_code == 404
        assert jobs.ask("GET", path).status_code == 404
        assert jobs.client.get(f"{path}?{query[:-1]}").status_code == 403
    counted = jobs.ask("GET", f"/{result['dataset']}/-/count.json?n=150", key=key).json()
    assert counted["rows"] == 1


def test_a_result_is_in_no_list_of_datasets(jobs: Jobs, key: str, result: dict[str, Any]) -> None:
    for path in ("/-/datasets.json", "/-/openapi.json", "/"):
        assert result["id"] not in jobs.ask("GET", path, key=key).text


def test_keys_of_its_user_and_of_admins_open_a_result_and_no_others(
    jobs: Jobs, key: str, result: dict[str, Any]
) -> None:
    path = f"/{result['dataset']}.csv"
    opening = {key, jobs.key("root", role="admin")}
    for each in opening:
        assert jobs.ask("GET", path, key=each).status_code == 200
    closed: list[dict[str, Any]] = [
        {"key": None},
        {"key": jobs.key("bob")},
        {"key": jobs.key("anonymous")},
        {"key": jobs.key("wendy", role="writer")},
        {"key": jobs.key("ada", tenant="other"), "tenant": "other"},
        {"key": jobs.key("root", role="admin", tenant="other"), "tenant": "other"},
    ]
    said = set()
    for asker in closed:
        for job_id in (result["id"], new_job_id(), "x", "..", "a%2fb"):
            answer = jobs.ask("GET", f"/exports/{job_id}.csv", **asker)
            said.add((answer.status_code, answer.json()["detail"].replace(job_id, "")))
    assert {status for status, _ in said} == {404}


def test_files_that_were_written_have_ranges_and_the_digest_that_is_told(
    jobs: Jobs, key: str, result: dict[str, Any]
) -> None:
    for extension, media_type in (("csv", "text/csv"), ("parquet", "application/")):
        file = result["files"][extension]
        whole = jobs.client.get(file["url"])
        assert whole.status_code == 200
        assert whole.headers["content-type"].startswith(media_type)
        assert f'filename="area.{extension}"' in whole.headers["content-disposition"]
        assert len(whole.content) == file["bytes"] == int(whole.headers["content-length"])
        part = jobs.client.get(file["url"], headers={"range": "bytes=-7"})
        assert (part.status_code, part.content) == (206, whole.content[-7:])
        held = {"if-none-match": whole.headers["etag"]}
        assert jobs.client.get(file["url"], headers=held).status_code == 304
        beyond = {"range": f"bytes={file['bytes']}-"}
        assert jobs.client.get(file["url"], headers=beyond).status_code == 416
        head = jobs.client.head(file["url"])
        assert (head.content, head.headers["content-length"]) == (b"", str(file["bytes"]))
        path = urlsplit(file["url"]).path
        assert jobs.ask("GET", path, key=key).content == whole.content
        assert jobs.ask("GET", path, key=jobs.key("bob")).status_code == 404
        assert jobs.ask("GET", path).status_code == 404
        assert jobs.ask("GET", path.replace("file.", "file-x."), key=key).status_code == 404
    csv = jobs.client.get(result["files"]["csv"]["url"]).content
    assert csv == jobs.client.get(result["downloads"]["csv"]).content


@pytest.mark.parametrize("place", ["files", "schema", "stats"])
@pytest.mark.parametrize("more", ["n=1", "_limit=1", "_filename=x", "_version=1", "sort=n"])
def test_what_takes_no_parameters_refuses_all_but_a_signature(
    jobs: Jobs, key: str, result: dict[str, Any], place: str, more: str
) -> None:
    url = result["files"]["csv"]["url"] if place == "files" else result["schema"]
    url = url.replace("/-/schema.json", f"/-/{place}.json")
    path = urlsplit(url).path
    for asked in (f"{url}&{more}", f"{path}?{more}"):
        answer = jobs.ask("GET", asked, key=key)
        assert answer.status_code == 400, asked
        assert answer.json()["type"] == "urn:penstock:problem:unknown-parameter"
        assert answer.json()["parameter"] == more.partition("=")[0]
    for asked in (url, f"{url}&utm_source=a&gclid=b", path, f"{path}?fbclid=c"):
        assert jobs.ask("GET", asked, key=key).status_code == 200


def test_receipts_of_a_result_are_for_its_user_and_for_admins(
    jobs: Jobs, key: str, result: dict[str, Any]
) -> None:
    own = jobs.ask("GET", f"/exports/{result['id']}.csv", key=key)
    path = f"/-/receipts/{own.headers['download-id']}"
    for fits in (key, jobs.key("root", role="admin")):
        receipt = jobs.ask("GET", path, key=fits)
        assert receipt.status_code == 200
        assert "owner" not in receipt.json()
    for other in (jobs.key("bob"), jobs.key("writer", role="writer"), None):
        answer = jobs.ask("GET", path, key=other)
        assert answer.status_code == 404
        assert answer.json()["type"] == "urn:penstock:problem:unknown-receipt"
    # Whoever was given a signed URL has the id from its answer, and no key.
    opened = jobs.client.get(result["downloads"]["csv"])
    path = f"/-/receipts/{opened.headers['download-id']}"
    assert jobs.ask("GET", path).status_code == 200


def test_urls_of_a_result_are_whole_and_of_the_host_that_was_asked(
    jobs: Jobs, key: str, result: dict[str, Any]
) -> None:
    urls = [*result["downloads"].values(), result["schema"], result["files"]["csv"]["url"]]
    assert {url.partition("/exports/")[0] for url in urls} == {
        f"http://localhost:{jobs.service.port}"
    }
    headers = {"host": "localhost"}
    answer = jobs.ask("GET", f"/v1/jobs/{result['id']}/result", key=key, headers=headers)
    assert answer.json()["schema"].startswith("http://localhost/exports/")


def test_the_parquet_file_is_one_that_other_readers_read(
    jobs: Jobs, result: dict[str, Any], tmp_path: Any
) -> None:
    place = tmp_path / "area.parquet"
    place.write_bytes(jobs.client.get(result["files"]["parquet"]["url"]).content)
    assert pq.read_table(place).column("n").to_pylist() == list(range(199, 99, -1))


def mutated(url: str, chance: random.Random) -> str:
    """Change a signed URL in one place of what it is signed over, or of its signature."""
    parts = urlsplit(url)
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    path = parts.path
    what = chance.choice(["_sig", "_sig", "_kid", "_expires", "path", "cut", "repeat"])
    if what == "path":
        place = chance.randrange(len("/exports/"), len("/exports/") + 26)
        other = chance.choice([c for c in "0123456789ABCDEFGHJKMNPQRSTVWXYZ" if c != path[place]])
        path = path[:place] + other + path[place + 1 :]
    elif what == "cut":
        name = chance.choice(["_sig", "_kid"])
        asked[name] = asked[name][: chance.randrange(1, len(asked[name]))]
    elif what == "repeat":
        asked["_sig"] += chance.choice(string.ascii_letters)
    else:
        value = asked[what]
        letters = string.digits if what == "_expires" else string.ascii_letters + string.digits
        place = chance.randrange(len(value))
        other = chance.choice([letter for letter in letters if letter != value[place]])
        asked[what] = value[:place] + other + value[place + 1 :]
    return f"{path}?" + "&".join(f"{name}={value}" for name, value in asked.items())


def test_no_mutation_of_a_signed_url_opens_anything(jobs: Jobs, result: dict[str, Any]) -> None:
    chance = random.Random(7)
    urls = [*result["downloads"].values(), result["schema"], result["files"]["csv"]["url"]]
    assert all(jobs.client.get(url).status_code == 200 for url in urls)
    for _ in range(MUTATIONS):
        url = mutated(chance.choice(urls), chance)
        answer = jobs.client.get(url)
        assert answer.status_code == 403, url
        assert answer.json()["type"] == "urn:penstock:problem:bad-signature"


def test_a_signature_is_of_one_tenant_one_job_and_a_time(
    jobs: Jobs, key: str, result: dict[str, Any]
) -> None:
    resources = jobs.service.resources
    other = jobs.begin(key)["id"]
    jobs.work()
    path = f"/exports/{result['id']}"
    own = resources.ports.keys.signing_keys("acme")[0]
    good = signed(resources, "acme", path)
    expires = int(good["_expires"])
    of_other_tenant = {
        **good,
        "_sig": sign_url(own, tenant="other", path=path, expires=expires),
    }
    of_its_format = {
        **good,
        "_sig": sign_url(own, tenant="acme", path=f"{path}.csv", expires=expires),
    }
    bad = [
        signed(resources, "acme", path, seconds_left=-1),
        signed(resources, "acme", f"/exports/{other}"),
        signed(resources, "acme", "/area"),
        signed(resources, "acme", "/exports"),
        signed(resources, "other", path),
        of_other_tenant,
        of_its_format,
    ]
    assert jobs.client.get(f"{path}.csv", params=good).status_code == 200
    for claim in bad:
        for place in (f"{path}.csv", f"{path}/-/schema.json", f"{path}/-/file.csv"):
            assert jobs.client.get(place, params=claim).status_code == 403
    at_other = jobs.ask("GET", f"{path}.csv", tenant="other", params=good)
    assert at_other.status_code == 403
    with jobs.later(timedelta(minutes=15, seconds=1)):
        assert jobs.client.get(result["downloads"]["csv"]).status_code == 403
        assert jobs.client.get(result["files"]["csv"]["url"]).status_code == 403


def test_a_good_url_opens_nothing_once_its_job_was_deleted(jobs: Jobs, key: str) -> None:
    gone = jobs.finished(key, query="n__lt=5", formats=["csv"])
    urls = [*gone["downloads"].values(), gone["schema"], gone["files"]["csv"]["url"]]
    assert all(jobs.client.get(url).status_code == 200 for url in urls)
    jobs.ask("DELETE", f"/v1/jobs/{gone['id']}", key=key)
    for url in urls:
        assert jobs.client.get(url).status_code == 404
        assert jobs.ask("GET", urlsplit(url).path, key=key).status_code == 404


def test_a_half_signed_url_is_told_to_be_copied_whole(jobs: Jobs, result: dict[str, Any]) -> None:
    url = result["downloads"]["csv"]
    answer = jobs.client.get(url.partition("&_sig=")[0])
    assert answer.status_code == 400
    assert answer.json()["parameter"] == "_sig"


def test_what_is_too_large_for_an_answer_is_offered_as_an_export(jobs: Jobs, key: str) -> None:
    path = "/area.csv?n__gte=1&_sort=-n&_dl=off&_filename=all"
    refused = jobs.ask("GET", path, key=key)
    assert refused.status_code == 413
    offered = refused.json()["export"]
    assert "POST" in refused.json()["detail"]
    begun = jobs.ask("POST", offered["url"], key=key, json=offered["body"])
    assert begun.status_code == 202, begun.text
    jobs.work()
    result = jobs.ask("GET", f"{begun.json()['links']['result']}", key=key).json()
    assert result["rows"] == ROWS - 1
    whole = jobs.client.get(result["files"]["csv"]["url"])
    lines = whole.text.splitlines()
    assert (len(lines), lines[1].split(",")[0]) == (ROWS, str(ROWS - 1))
    assert 'filename="all.csv"' in whole.headers["content-disposition"]


def test_an_export_is_offered_to_whom_it_is_open_and_in_other_refusals_not(
    jobs: Jobs, key: str
) -> None:
    assert "without any key" in jobs.ask("GET", "/area.csv").json()["detail"]
    assert "export" in jobs.ask("GET", "/area.json").json()
    assert "export" in jobs.ask("GET", "/secret.csv", key=key).json()
    closed = [
        jobs.ask("GET", "/area.csv", tenant="other"),
        jobs.ask("GET", "/secret.csv", params=signed(jobs.service.resources, "acme", "/secret")),
    ]
    for answer in closed:
        assert answer.status_code == 413
        assert "export" not in answer.json()
    assert "export" not in jobs.ask("GET", "/area.csv?x=1").json()


def test_a_browser_is_led_to_the_page_that_begins_the_export(jobs: Jobs) -> None:
    answer = jobs.ask("GET", "/area.csv?n__gte=1", headers={"accept": "text/html"})
    assert answer.status_code == 413
    assert 'href="/jobs#%7B%22type%22%3A%20%22dataset-slice%22' in answer.text
