"""`penstock get` against a server that breaks off, changes, refuses and lies."""

import json
import socket
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.flows.scripted_origin import Origin, Plan, serving

from penstock.client.files.download import download
from penstock.client.transfer.coding import WantedCoding
from penstock.client.transfer.options import DownloadOptions
from penstock.errors import TransferError

ROWS = b"".join(b"%d,oak %d\n" % (n, n * n) for n in range(2000))
CODINGS: tuple[WantedCoding, ...] = ("identity", "gzip", "zstd", "auto")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@settings(max_examples=30, deadline=None)
@given(
    content=st.one_of(st.binary(max_size=40), st.binary(max_size=5000), st.just(ROWS)),
    cuts=st.lists(st.integers(0, 3000), max_size=6),
    coding=st.sampled_from(CODINGS),
    framing=st.sampled_from(("length", "chunked")),
    ranges=st.booleans(),
)
def test_a_download_cut_off_anywhere_any_times_ends_as_the_very_same_bytes(
    tmp_path_factory: pytest.TempPathFactory,
    content: bytes,
    cuts: list[int],
    coding: WantedCoding,
    framing: Literal["length", "chunked"],
    ranges: bool,  # noqa: FBT001 - hypothesis passes by name
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    origin = Origin(content=content, framing=framing, ranges=ranges)
    origin.script = [Plan(cut=cut) for cut in cuts]
    with serving(origin):
        options = DownloadOptions(coding=coding, retry=origin.retry)
        done = download(f"{origin.url}/trees.csv", folder / "trees.csv", options=options)
    assert (folder / "trees.csv").read_bytes() == content
    assert done.bytes == len(content)
    # Cut behind the last byte but before the end of the last chunk: whole, and nobody's receipt.
    assert done.verified or "broke off" in str(done.unverified_because)
    assert names_in(folder) == ["trees.csv"]


@pytest.mark.parametrize("coding", ["identity", "zstd"])
def test_every_cut_of_a_small_body_is_resumed(tmp_path: Path, coding: WantedCoding) -> None:
    origin = Origin(content=b"id,name\n1,oak\n2,ash\n")
    with serving(origin):
        options = DownloadOptions(coding=coding, retry=origin.retry, replace=True)
        size = len(origin.coded_as(coding))
        for cut in range(size):
            origin.script = [Plan(cut=cut)]
            done = download(f"{origin.url}/t.csv", tmp_path / "t.csv", options=options)
            assert (tmp_path / "t.csv").read_bytes() == origin.content
            assert done.verified
            assert done.resumed_times == (cut > 0)
            assert done.coded_bytes == size


def test_a_resumed_request_asks_for_the_rest_of_the_same_version(tmp_path: Path) -> None:
    origin = Origin(content=ROWS, script=[Plan(cut=100)])
    with serving(origin):
        download(
            f"{origin.url}/t.csv",
            tmp_path / "t.csv",
            options=DownloadOptions(retry=origin.retry),
        )
    first, second = origin.asked
    assert "Range" not in first.headers
    assert second.headers["Range"] == "bytes=100-"
    assert second.headers["If-Range"] == origin.etag("zstd")
    assert second.headers["Accept-Encoding"] == "zstd"


def test_content_that_changes_in_between_is_fetched_anew(tmp_path: Path) -> None:
    origin = Origin(content=ROWS, script=[Plan(cut=900), Plan(become=b"new\n", cut=2)])
    with serving(origin):
        options = DownloadOptions(coding="identity", retry=origin.retry)
        done = download(f"{origin.url}/t.csv", tmp_path / "t.csv", options=options)
    assert (tmp_path / "t.csv").read_bytes() == b"new\n"
    assert done.verified


@pytest.mark.parametrize("rows", [ROWS, b"", b"x"])
def test_a_weak_etag_is_never_resumed(tmp_path: Path, rows: bytes) -> None:
    origin = Origin(content=rows, strong=False, script=[Plan(cut=0), Plan(cut=500)])
    with serving(origin):
        options = DownloadOptions(coding="identity", retry=origin.retry)
        download(f"{origin.url}/t.csv", tmp_path / "t.csv", options=options)
    assert (tmp_path / "t.csv").read_bytes() == rows
    assert not any("Range" in asked.headers for asked in origin.asked)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Range": "bytes 99-19999/20000"},
        {"Content-Range": "bytes 101-19999/20000"},
        {"Content-Range": "bytes 100-99/20000"},
        {"Content-Range": "bytes 100-20000/20000"},
        {"Content-Range": "nonsense"},
        {"Content-Range": "bytes 0-0/1"},
        {"ETag": '"another"'},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "br"},
    ],
)
def test_a_range_that_does_not_fit_is_an_error_and_spoils_nothing(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    origin = Origin(content=ROWS, script=[Plan(cut=100), Plan(headers=headers)])
    with serving(origin):
        options = DownloadOptions(coding="identity", retry=origin.retry)
        with pytest.raises(TransferError):
            download(f"{origin.url}/t.csv", tmp_path / "t.csv", options=options)
        assert (tmp_path / "t.csv.part").read_bytes() == ROWS[:100]
        assert not (tmp_path / "t.csv").exists()
        download(f"{origin.url}/t.csv", tmp_path / "t.csv", options=options)
    assert (tmp_path / "t.csv").read_bytes() == ROWS


def test_a_range_shorter_than_the_rest_is_followed_by_the_next_one(tmp_path: Path) -> None:
    origin = Origin(content=b"0123456789", script=[Plan(cut=2)])
    piece = {"ETag": origin.etag("identity"), "Content-Range": "bytes 2-4/10"}
    origin.script.append(Plan(status=206, headers=piece, body=b"234"))
    with serving(origin):
        options = DownloadOptions(coding="identity", retry=origin.retry)
        done = download(f"{origin.url}/t.csv", tmp_path / "t.csv", options=options)
    assert (tmp_path / "t.csv").read_bytes() == b"0123456789"
    assert (len(origin.asked), done.verified) == (3, True)


def unfinished_part(origin: Origin, file: Path) -> None:
    """Leave what a run leaves that lost its server after 100 bytes."""
    origin.script = [Plan(cut=100), Plan(status=403)]
    with pytest.raises(TransferError, match="100 bytes are kept"):
        download(
            f"{origin.url}/t.csv",
            file,
            options=DownloadOptions(coding="identity", retry=origin.retry),
        )


def test_a_416_with_the_right_total_completes_the_file(tmp_path: Path) -> None:
    origin = Origin(content=ROWS)
    with serving(origin):
        unfinished_part(origin, tmp_path / "t.csv")
        (tmp_path / "t.csv.part").write_bytes(ROWS)
        done = download(f"{origin.url}/t.csv", tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == ROWS
    # The one receipt that is known is of the answer that broke off.
    assert done.unverified_because == "the receipt is of an answer that broke off"


def test_a_416_with_another_total_starts_again_from_zero(tmp_path: Path) -> None:
    origin = Origin(content=ROWS)
    with serving(origin):
        unfinished_part(origin, tmp_path / "t.csv")
        (tmp_path / "t.csv.part").write_bytes(ROWS + b"more")
        done = download(f"{origin.url}/t.csv", tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == ROWS
    assert done.verified


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_waited_for(tmp_path: Path, status: int) -> None:
    problem = json.dumps({"detail": "Too many queries are running."}).encode()
    headers = {"Retry-After": "17", "Content-Type": "application/problem+json"}
    origin = Origin(content=ROWS, script=[Plan(status=status, headers=headers, body=problem)] * 2)
    with serving(origin):
        download(
            f"{origin.url}/t.csv",
            tmp_path / "t.csv",
            options=DownloadOptions(retry=origin.retry),
        )
    assert origin.naps == [17, 17]


def test_a_wait_beyond_patience_ends_the_download_at_once(tmp_path: Path) -> None:
    origin = Origin(script=[Plan(status=503, headers={"Retry-After": "86400"})])
    with serving(origin), pytest.raises(TransferError, match="86,400 s"):
        download(
            f"{origin.url}/t.csv",
            tmp_path / "t.csv",
            options=DownloadOptions(retry=origin.retry),
        )
    assert origin.naps == []
    assert names_in(tmp_path) == []


def test_failures_in_a_row_wait_longer_each_time_and_then_give_up(tmp_path: Path) -> None:
    origin = Origin(script=[Plan(drop=True)] * 20)
    with serving(origin), pytest.raises(TransferError, match="9 failures in a row"):
        download(
            f"{origin.url}/t.csv",
            tmp_path / "t.csv",
            options=DownloadOptions(retry=origin.retry),
        )
    assert origin.naps == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_progress_renews_patience_and_standing_still_does_not(tmp_path: Path) -> None:
    origin = Origin(content=ROWS, script=[Plan(cut=10)] * 30)
    with serving(origin):
        options = DownloadOptions(coding="identity", retry=origin.retry)
        download(f"{origin.url}/a.csv", tmp_path / "a.csv", options=options)
        assert origin.naps == [0.5] * 30
        origin.naps.clear()
        origin.ranges = False
        origin.script = [Plan(cut=10)] * 30
        with pytest.raises(TransferError, match="Gave up"):
            download(f"{origin.url}/b.csv", tmp_path / "b.csv", options=options)
    assert origin.naps == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_refused_connection_is_tried_again(tmp_path: Path) -> None:
    origin = Origin()
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/t.csv"
        with pytest.raises(TransferError, match="no connection"):
            download(url, tmp_path / "t.csv", options=DownloadOptions(retry=origin.retry))
    assert len(origin.naps) == 8
    assert names_in(tmp_path) == []


def test_a_server_that_falls_silent_is_left(tmp_path: Path) -> None:
    origin = Origin(content=ROWS, script=[Plan(cut=10, hold=True)])
    with serving(origin):
        options = DownloadOptions(coding="identity", retry=origin.retry, timeout_seconds=0.2)
        download(f"{origin.url}/t.csv", tmp_path / "t.csv", options=options)
    assert (tmp_path / "t.csv").read_bytes() == ROWS


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413])
def test_a_refusal_is_told_once_with_its_reason(tmp_path: Path, status: int) -> None:
    problem = {
        "title": "Unknown parameter",
        "detail": "“hight__gt” is no column.\x1b[2J",
        "did_you_mean": ["height__gt"],
    }
    headers = {"Content-Type": "application/problem+json"}
    plan = Plan(status=status, headers=headers, body=json.dumps(problem).encode())
    origin = Origin(script=[plan])
    with serving(origin), pytest.raises(TransferError) as refused:
        download(
            f"{origin.url}/t.csv",
            tmp_path / "t.csv",
            options=DownloadOptions(retry=origin.retry),
        )
    assert f"{status} " in refused.value.detail
    assert "“hight__gt” is no column. [2J Did you mean height__gt?" in refused.value.detail
    assert refused.value.detail.isprintable()
    assert (len(origin.asked), origin.naps, names_in(tmp_path)) == (1, [], [])


@pytest.mark.parametrize(
    "body", [b"", b"[1]", b"{", b"[" * 60_000, b"x" * 200_000, b'{"detail":3}']
)
def test_a_refusal_without_a_readable_problem_still_names_its_status(
    tmp_path: Path, body: bytes
) -> None:
    plan = Plan(status=404, headers={"Content-Type": "application/json"}, body=body)
    with serving(Origin(script=[plan])) as origin, pytest.raises(TransferError, match="404"):
        download(f"{origin.url}/t.csv", tmp_path / "t.csv")


def test_an_end_that_only_looks_clean_is_found_by_the_receipt(tmp_path: Path) -> None:
    # A body that the end of the connection ends: a break can't be told from the last byte.
    origin = Origin(content=ROWS, framing="close", script=[Plan(cut=700)])
    with serving(origin):
        options = DownloadOptions(coding="identity", retry=origin.retry)
        done = download(f"{origin.url}/t.csv", tmp_path / "t.csv", options=options)
    assert (tmp_path / "t.csv").read_bytes() == ROWS
    assert (done.verified, done.resumed_times) == (True, 1)


def test_a_key_goes_to_its_own_origin_only(tmp_path: Path) -> None:
    key = "pk_abcdefgh_secret"
    with serving(Origin(content=ROWS)) as other, serving(Origin(content=ROWS)) as origin:
        away = Plan(status=307, headers={"Location": f"{other.url}/object"})
        origin.script = [Plan(status=307, headers={"Location": "/moved.csv"}), away]
        options = DownloadOptions(key=key, retry=origin.retry)
        download(f"{origin.url}/t.csv", tmp_path / "t.csv", options=options)
    assert [asked.headers.get("X-Api-Key") for asked in origin.asked] == [key, key]
    assert [asked.headers.get("X-Api-Key") for asked in other.asked] == [None]


@pytest.mark.parametrize("location", ["ftp://host/x", "//user:word@host/", "file:///x"])
def test_a_redirect_to_no_web_address_is_refused(tmp_path: Path, location: str) -> None:
    plan = Plan(status=302, headers={"Location": location})
    with serving(Origin(script=[plan])) as origin, pytest.raises(TransferError, match="redirect"):
        download(
            f"{origin.url}/t.csv",
            tmp_path / "t.csv",
            options=DownloadOptions(retry=origin.retry),
        )


def test_redirects_without_end_are_left(tmp_path: Path) -> None:
    origin = Origin(script=[Plan(status=302, headers={"Location": "/again"})] * 20)
    with serving(origin), pytest.raises(TransferError, match="more than 5 times"):
        download(
            f"{origin.url}/t.csv",
            tmp_path / "t.csv",
            options=DownloadOptions(retry=origin.retry),
        )
    assert len(origin.asked) == 6
