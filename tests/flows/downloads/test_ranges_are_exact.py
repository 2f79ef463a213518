"""Ranges of stored files, of results in a spool, and of results that are made again."""

import email.parser
import email.policy
import re
from collections.abc import Iterator

import httpx
import pytest
from tests.flows.sample_service import SPOOL_BYTES, Sample, sample_service

STORED = "/area.parquet"
SPOOLED = "/area.parquet?quality=some&_select=reference,score"
LARGE_PARQUET = "/area.parquet?score__gte=0"
MADE = "/area.csv?quality__not=some"
MADE_JSON = "/area.json?quality__not=some"
SMALL = "/area.ndjson?organisation-entity=5&_limit=20"
ALL = [STORED, SPOOLED, MADE, MADE_JSON, SMALL]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    with sample_service(tmp_path_factory.mktemp("ranges")) as running:
        yield running


def ranged(sample: Sample, path: str, wanted: str, **headers: str) -> httpx.Response:
    return sample.get(path, range=f"bytes={wanted}", **headers)


def test_the_samples_are_of_the_sizes_that_they_are_to_be(sample: Sample) -> None:
    sizes = {path: len(sample.get(path).content) for path in [*ALL, LARGE_PARQUET]}
    assert sizes[SPOOLED] < SPOOL_BYTES
    assert sizes[SMALL] < SPOOL_BYTES
    assert sizes[LARGE_PARQUET] > SPOOL_BYTES
    assert sizes[MADE] > SPOOL_BYTES
    assert sizes[MADE_JSON] > SPOOL_BYTES


@pytest.mark.parametrize("path", ALL)
def test_a_range_is_the_bytes_that_it_names(sample: Sample, path: str) -> None:
    whole = sample.get(path)
    content, size = whole.content, len(whole.content)
    for wanted, start, stop in [
        ("0-0", 0, 1),
        ("0-99", 0, 100),
        ("100-199", 100, 200),
        (f"{size - 1}-", size - 1, size),
        (f"{size - 1}-{size - 1}", size - 1, size),
        (f"{size // 2}-", size // 2, size),
        (f"{size // 2}-{size + 1000}", size // 2, size),
        (f"0-{10**17}", 0, size),
        ("0-", 0, size),
        ("-1", size - 1, size),
        ("-8", size - 8, size),
        (f"-{size}", 0, size),
        (f"-{size + 5}", 0, size),
        ("65535-65536", 65_535, 65_537),
    ]:
        if start >= size:
            continue
        part = ranged(sample, path, wanted)
        assert part.status_code == 206, wanted
        assert part.content == content[start:stop], wanted
        assert part.headers["content-range"] == f"bytes {start}-{min(stop, size) - 1}/{size}"
        assert part.headers["content-length"] == str(len(part.content))
        assert part.headers["etag"] == whole.headers["etag"]
        assert part.headers["accept-ranges"] == "bytes"
        for name in ("content-type", "content-disposition", "content-location", "cache-control"):
            assert part.headers[name] == whole.headers[name]


@pytest.mark.parametrize("path", [MADE, MADE_JSON, SPOOLED, SMALL])
@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_range_of_a_coded_answer_is_of_its_coded_bytes(
    sample: Sample, path: str, coding: str
) -> None:
    answer, whole = sample.raw(path, accept_encoding=coding)
    middle = len(whole) // 2
    part, body = sample.raw(path, accept_encoding=coding, range=f"bytes={middle}-")
    assert part.status_code == 206
    assert part.headers.get("content-encoding") == answer.headers.get("content-encoding")
    assert part.headers["etag"] == answer.headers["etag"]
    assert part.headers["content-range"] == f"bytes {middle}-{len(whole) - 1}/{len(whole)}"
    assert body == whole[middle:]


@pytest.mark.parametrize(
    "path",
    [
        "/area.csv?score__lt=3000",
        "/area.ndjson?score__lt=3001",
        "/area.arrow?score__lt=3002",
        "/area.csv?score__lt=3003&_sort=-name",
        "/area.csv",
        "/area.arrow",
    ],
)
def test_a_range_that_is_asked_for_first_is_counted(sample: Sample, path: str) -> None:
    part = ranged(sample, path, "1000-1999")
    whole = sample.get(path)
    assert part.status_code == 206
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(whole.content)}"
    assert part.content == whole.content[1000:2000]


@pytest.mark.parametrize("path", [MADE, SPOOLED, STORED])
def test_a_broken_download_is_put_together_from_its_parts(sample: Sample, path: str) -> None:
    whole = sample.get(path)
    tag = whole.headers["etag"]
    size = len(whole.content)
    got = b""
    while len(got) < size:
        part = ranged(sample, path, f"{len(got)}-{len(got) + size // 5}", if_range=tag)
        assert part.status_code == 206
        got += part.content
    assert got == whole.content


@pytest.mark.parametrize("path", ALL)
def test_a_range_outside_is_refused_with_the_length(sample: Sample, path: str) -> None:
    size = len(sample.get(path).content)
    for wanted in (f"{size}-", f"{size + 10}-{size + 20}", f"{10**17}-", "-0"):
        answer = ranged(sample, path, wanted)
        assert answer.status_code == 416, wanted
        assert answer.headers["content-range"] == f"bytes */{size}"
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ALL)
def test_a_range_that_is_not_understood_is_passed_over(sample: Sample, path: str) -> None:
    whole = sample.get(path).content
    for header in (
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-2",
        "bytes=1-2,5-2",
        "bytes=--5",
        "bytes=0x0-0xff",
        "bytes=1.5-2",
        "lines=0-5",
        "rows=1-2",
        "0-5",
        f"bytes={'9' * 40}-",
        "bytes=" + ",".join(f"{at}-{at}" for at in range(0, 200, 2)),
    ):
        answer = sample.get(path, range=header)
        assert answer.status_code == 200, header
        assert answer.content == whole


@pytest.mark.parametrize("path", ALL)
def test_a_range_under_if_range_is_of_that_very_answer(sample: Sample, path: str) -> None:
    whole = sample.get(path)
    tag, modified = whole.headers["etag"], whole.headers["last-modified"]
    for fitting in (tag, modified):
        assert ranged(sample, path, "0-9", if_range=fitting).status_code == 206
    for other in (
        '"other"',
        f"W/{tag}",
        tag.strip('"'),
        "Sat, 01 Jan 2000 00:00:00 GMT",
        "Fri, 01 Jan 2100 00:00:00 GMT",
        "yesterday",
    ):
        answer = ranged(sample, path, "0-9", if_range=other)
        assert answer.status_code == 200, other
        assert answer.content == whole.content


@pytest.mark.parametrize("path", ALL)
def test_head_has_no_ranges(sample: Sample, path: str) -> None:
    sample.get(path)
    answer = sample.get(path, method="HEAD", range="bytes=0-9")
    assert answer.status_code == 200
    assert "content-range" not in answer.headers
    assert answer.headers["accept-ranges"] == "bytes"


def parts(answer: httpx.Response) -> list[tuple[str, bytes]]:
    """Take a multipart/byteranges body apart: each part's Content-Range and bytes."""
    assert answer.headers["content-type"].startswith("multipart/byteranges; boundary=")
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    message = parser.parsebytes(head + answer.content)
    found = []
    for part in message.get_payload():
        assert not isinstance(part, str)
        boundary = re.escape(message.get_boundary() or "").encode()
        exact = re.search(
            re.escape(part["content-range"]).encode() + rb"\r\n\r\n(.*?)\r\n--" + boundary,
            answer.content,
            re.DOTALL,
        )
        assert exact is not None
        found.append((str(part["content-range"]), exact[1]))
    return found


@pytest.mark.parametrize("path", [STORED, SPOOLED])
def test_several_ranges_come_in_several_parts(sample: Sample, path: str) -> None:
    whole = sample.get(path)
    size = len(whole.content)
    answer = ranged(sample, path, "0-3,-4, 100-199 ,0-0")
    assert answer.status_code == 206
    assert answer.headers["content-length"] == str(len(answer.content))
    assert "content-range" not in answer.headers
    assert parts(answer) == [
        (f"bytes 0-3/{size}", b"PAR1"),
        (f"bytes {size - 4}-{size - 1}/{size}", b"PAR1"),
        (f"bytes 100-199/{size}", whole.content[100:200]),
        (f"bytes 0-0/{size}", b"P"),
    ]
    one_left = ranged(sample, path, f"{size}-,0-3")
    assert one_left.status_code == 206
    assert one_left.headers["content-range"] == f"bytes 0-3/{size}"
    assert one_left.content == b"PAR1"
    assert ranged(sample, path, f"{size}-,{size + 5}-").status_code == 416


def test_several_ranges_of_what_is_made_again_are_the_whole(sample: Sample) -> None:
    whole = sample.get(MADE)
    answer = ranged(sample, MADE, "0-3,100-199")
    assert (answer.status_code, answer.content) == (200, whole.content)


def test_a_result_above_the_spool_has_ranges_too(sample: Sample) -> None:
    whole = sample.get(LARGE_PARQUET)
    tail = ranged(sample, LARGE_PARQUET, "-8")
    assert tail.status_code == 206
    assert tail.content == whole.content[-8:]


def test_an_empty_result_has_no_byte_to_range_over(sample: Sample) -> None:
    answer = ranged(sample, "/area.ndjson?score__lt=-1", "0-")
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */0"
