"""`penstock get` and the server's receipt: agreement, contradiction, and silence."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.flows.scripted_origin import Fields, Origin, Plan, serving

from penstock.client.files.download import download
from penstock.client.transfer.coding import WantedCoding
from penstock.client.transfer.options import DownloadOptions
from penstock.client.transfer.stream import stream
from penstock.errors import TransferError

ROWS = b"".join(b"%d,oak\n" % n for n in range(500))
WRONG = "0" * 64


def stating(**facts: object) -> Callable[[Fields], Fields]:
    return lambda fields: fields | facts


@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
@pytest.mark.parametrize(
    "receipt",
    [
        stating(sha256=WRONG),
        stating(bytes=1),
        stating(identity_sha256=WRONG),
        stating(identity_bytes=10**9),
    ],
)
def test_a_contradiction_fails_visibly_and_keeps_the_bytes_aside(
    tmp_path: Path, coding: WantedCoding, receipt: Callable[[Fields], Fields]
) -> None:
    file = tmp_path / "t.csv"
    with serving(Origin(content=ROWS, receipt=receipt)) as origin:
        options = DownloadOptions(coding=coding, retry=origin.retry)
        with pytest.raises(TransferError, match="not what the server sent"):
            download(f"{origin.url}/t.csv", file, options=options)
        assert [path.name for path in tmp_path.iterdir()] == ["t.csv.part.bad"]
        assert (tmp_path / "t.csv.part.bad").read_bytes() == origin.coded_as(coding)
        origin.receipt = stating()
        origin.asked.clear()
        assert download(f"{origin.url}/t.csv", file, options=options).verified
    assert "Range" not in origin.asked[0].headers
    assert file.read_bytes() == ROWS


def test_damage_done_to_the_part_between_two_runs_is_found(tmp_path: Path) -> None:
    origin = Origin(content=ROWS, script=[Plan(cut=1000), Plan(status=403)])
    with serving(origin):
        options = DownloadOptions(coding="identity", retry=origin.retry)
        with pytest.raises(TransferError, match="403"):
            download(f"{origin.url}/t.csv", tmp_path / "t.csv", options=options)
        (tmp_path / "t.csv.part").write_bytes(bytes(1000))
        with pytest.raises(TransferError, match="sha256"):
            download(f"{origin.url}/t.csv", tmp_path / "t.csv", options=options)
    assert not (tmp_path / "t.csv").exists()


@pytest.mark.parametrize(
    ("receipt", "because"),
    [
        (lambda _: None, "no receipt to show (404)"),
        (stating(state="streaming"), "hasn't finished the receipt"),
        (stating(state="aborted"), "broke off"),
        (stating(sha256=None, identity_sha256=None), "no digest"),
        (stating(state=7), "can't be read"),
    ],
)
def test_without_a_receipt_to_trust_the_file_is_there_and_called_unverified(
    tmp_path: Path, receipt: Callable[[Fields], Fields | None], because: str
) -> None:
    with serving(Origin(content=ROWS, receipt=receipt)) as origin:
        options = DownloadOptions(retry=origin.retry)
        done = download(f"{origin.url}/t.csv", tmp_path / "t.csv", options=options)
    assert (tmp_path / "t.csv").read_bytes() == ROWS
    assert not done.verified
    assert because in str(done.unverified_because)


def test_a_server_without_receipts_is_no_failure(tmp_path: Path) -> None:
    with serving(Origin(content=ROWS, script=[Plan(headers={"Download-Id": "../x"})])) as origin:
        done = download(f"{origin.url}/t.csv", tmp_path / "t.csv")
    assert done.unverified_because == "the server named no receipt"


def test_a_receipt_that_is_still_being_written_is_waited_for(tmp_path: Path) -> None:
    states = iter(["streaming", "streaming", "complete"])
    origin = Origin(content=ROWS, receipt=lambda fields: fields | {"state": next(states)})
    with serving(origin):
        options = DownloadOptions(retry=origin.retry)
        assert download(f"{origin.url}/t.csv", tmp_path / "t.csv", options=options).verified
    assert origin.naps == [0.1, 0.2]


def test_the_first_answers_receipt_counts_where_a_resumed_ones_knows_less(tmp_path: Path) -> None:
    # The server had handed its last byte to the socket before the network lost the rest.
    digest = hashlib.sha256(ROWS).hexdigest()
    ranged: Fields = {"state": "complete", "sha256": None, "identity_sha256": None, "bytes": None}
    whole: Fields = {"state": "complete", "sha256": digest, "bytes": len(ROWS)}
    origin = Origin(content=ROWS, script=[Plan(cut=10)])
    origin.receipt = lambda fields: whole if str(fields["id"]).endswith("1") else ranged
    with serving(origin):
        options = DownloadOptions(coding="identity", retry=origin.retry)
        done = download(f"{origin.url}/t.csv", tmp_path / "t.csv", options=options)
    assert (done.verified, done.resumed_times) == (True, 1)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_damaged_coding_is_never_decoded_into_a_file(tmp_path: Path, coding: str) -> None:
    headers = {"Content-Encoding": coding}
    body = Origin(content=ROWS).coded_as(coding)
    for damaged in (body[:-4], body[: len(body) // 2], b"\0" * 40 + body):
        plan = Plan(status=200, headers=headers, body=damaged)
        with serving(Origin(script=[plan])) as origin:
            with pytest.raises(TransferError, match=f"can't be decoded as {coding}"):
                download(f"{origin.url}/t.csv", tmp_path / "t.csv")
            assert [path.name for path in tmp_path.iterdir()] == ["t.csv.part.bad"]


def test_a_stream_is_checked_too() -> None:
    with serving(Origin(content=ROWS, receipt=stating(identity_sha256=WRONG))) as origin:
        pieces = stream(f"{origin.url}/t.csv", options=DownloadOptions(retry=origin.retry))
        with pytest.raises(TransferError, match="sha256"):
            b"".join(pieces)


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
def test_a_stream_goes_on_after_a_break_without_repeating_a_byte(
    coding: WantedCoding,
    ranges: bool,  # noqa: FBT001 - pytest passes by name
) -> None:
    origin = Origin(content=ROWS, ranges=ranges, script=[Plan(cut=40), Plan(cut=90), Plan(cut=9)])
    with serving(origin):
        options = DownloadOptions(coding=coding, retry=origin.retry)
        assert b"".join(stream(f"{origin.url}/t.csv", options=options)) == ROWS


def test_a_stream_ends_in_an_error_where_its_content_changes() -> None:
    origin = Origin(content=ROWS, script=[Plan(cut=40), Plan(become=b"new\n")])
    with serving(origin):
        options = DownloadOptions(coding="identity", retry=origin.retry)
        with pytest.raises(TransferError, match="after 40 bytes"):
            list(stream(f"{origin.url}/t.csv", options=options))
