"""Where `penstock get` puts a file, and what it never touches."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.flows.scripted_origin import Origin, Plan, serving

from penstock.client.commands.get import get
from penstock.client.files.download import download
from penstock.client.transfer.options import DownloadOptions
from penstock.errors import SetupError, TransferError

ROWS = b"".join(b"%d,oak\n" % n for n in range(500))


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def break_off(origin: Origin, target: Path, *, path: str = "/t.csv") -> None:
    """Leave a part of 1,000 bytes."""
    origin.script = [Plan(cut=1000), Plan(status=403)]
    with pytest.raises(TransferError, match="1,000 bytes are kept"):
        download(
            origin.url + path,
            target,
            options=DownloadOptions(coding="identity", retry=origin.retry),
        )
    origin.asked.clear()


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="conservation-area.csv"', "conservation-area.csv"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="..\\\\..\\\\boot.ini"', "boot.ini"),
        ('attachment; filename="/"', "t.csv"),
        ('attachment; filename=".."', "t.csv"),
        ('attachment; filename=".bashrc"', "bashrc"),
        ("attachment; filename*=UTF-8''b%C3%A4ume%2F..%2Fx.csv", "x.csv"),
        ("attachment; filename=plain.csv; size=3", "plain.csv"),
        ("inline", "t.csv"),
    ],
)
def test_the_server_names_a_file_but_never_its_folder(
    tmp_path: Path, disposition: str, name: str
) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    with serving(Origin(content=ROWS, disposition=disposition)) as origin:
        done = download(f"{origin.url}/t.csv?a=1", folder)
    assert done.path == folder.resolve() / name
    assert files_in(tmp_path) == [f"inner/{name}"]


@settings(max_examples=15, deadline=None)
@given(name=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=300))
def test_whatever_the_server_calls_it_one_file_appears_in_the_folder(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    outer = tmp_path_factory.mktemp("named")
    (outer / "inner").mkdir()
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    with serving(Origin(content=b"x", disposition=f'attachment; filename="{quoted}"')) as origin:
        download(f"{origin.url}/t.csv", outer / "inner")
    assert len(files_in(outer)) == 1
    assert len(list((outer / "inner").iterdir())) == 1


def test_a_file_that_exists_is_replaced_only_if_that_is_wished(tmp_path: Path) -> None:
    file = tmp_path / "trees.csv"
    file.write_text("mine")
    with serving(Origin(content=ROWS)) as origin:
        for target in (file, tmp_path):
            with pytest.raises(SetupError, match="exists already"):
                download(f"{origin.url}/t.csv", target)
            assert files_in(tmp_path) == ["trees.csv"]
        assert file.read_text() == "mine"
        download(f"{origin.url}/t.csv", file, options=DownloadOptions(replace=True))
    assert file.read_bytes() == ROWS


def test_a_failed_replacement_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("old")
    with serving(Origin(content=ROWS)) as origin:
        origin.script = [Plan(cut=1000), Plan(status=403)]
        options = DownloadOptions(replace=True, coding="identity", retry=origin.retry)
        with pytest.raises(TransferError):
            download(f"{origin.url}/t.csv", tmp_path / "t.csv", options=options)
    assert (tmp_path / "t.csv").read_text() == "old"


def test_a_link_keeps_pointing_at_the_file_that_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    with serving(Origin(content=ROWS)) as origin:
        download(
            f"{origin.url}/t.csv", tmp_path / "link.csv", options=DownloadOptions(replace=True)
        )
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == ROWS


def test_a_device_is_written_to_and_not_replaced() -> None:
    with serving(Origin(content=ROWS)) as origin:
        done = download(
            f"{origin.url}/t.csv", Path("/dev/null"), options=DownloadOptions(replace=True)
        )
    assert done.verified
    assert Path("/dev/null").is_char_device()


def test_a_missing_folder_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    with serving(Origin(content=ROWS)) as origin:
        with pytest.raises(SetupError, match="no folder"):
            download(f"{origin.url}/t.csv", tmp_path / "none" / "t.csv")
        assert origin.asked == []


def test_a_part_of_somebody_elses_making_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "t.csv.part").write_text("another program's")
    with serving(Origin(content=ROWS)) as origin:
        with pytest.raises(SetupError, match="no part of ours"):
            download(f"{origin.url}/t.csv", tmp_path / "t.csv")
        assert (tmp_path / "t.csv.part").read_text() == "another program's"
        download(f"{origin.url}/t.csv", tmp_path / "t.csv", options=DownloadOptions(replace=True))
    assert files_in(tmp_path) == ["t.csv"]


def test_a_second_start_goes_on_behind_the_first_ones_bytes(tmp_path: Path) -> None:
    with serving(Origin(content=ROWS)) as origin:
        break_off(origin, tmp_path / "t.csv")
        done = download(f"{origin.url}/t.csv", tmp_path / "t.csv")
    assert origin.asked[0].headers["Range"] == "bytes=1000-"
    assert (tmp_path / "t.csv").read_bytes() == ROWS
    assert (done.verified, done.resumed_times) == (True, 1)
    assert files_in(tmp_path) == ["t.csv"]


def test_a_second_start_finds_the_part_whose_name_the_server_gave(tmp_path: Path) -> None:
    with serving(Origin(content=ROWS, file_name="named.csv")) as origin:
        break_off(origin, tmp_path)
        assert files_in(tmp_path) == ["named.csv.part", "named.csv.part.json"]
        download(f"{origin.url}/t.csv", tmp_path)
    assert origin.asked[0].headers["Range"] == "bytes=1000-"
    assert files_in(tmp_path) == ["named.csv"]


@pytest.mark.parametrize(
    ("later", "resumed"), [("/t.csv?a=1&_sig=new", True), ("/t.csv?a=2&_sig=old", False)]
)
def test_a_url_signed_anew_goes_on_and_another_query_does_not(
    tmp_path: Path,
    later: str,
    resumed: bool,  # noqa: FBT001 - pytest passes by name
) -> None:
    with serving(Origin(content=ROWS)) as origin:
        break_off(origin, tmp_path / "t.csv", path="/t.csv?a=1&_sig=old&_expires=1&_kid=k")
        download(origin.url + later, tmp_path / "t.csv")
    assert ("Range" in origin.asked[0].headers) == resumed
    assert (tmp_path / "t.csv").read_bytes() == ROWS


def test_neither_key_nor_signature_is_written_down(tmp_path: Path) -> None:
    with serving(Origin(content=ROWS)) as origin:
        origin.script = [Plan(cut=1000), Plan(status=403)]
        options = DownloadOptions(key="pk_topsecret", coding="identity", retry=origin.retry)
        with pytest.raises(TransferError) as broken:
            download(f"{origin.url}/t.csv?_sig=topsecret", tmp_path / "t.csv", options=options)
    note = (tmp_path / "t.csv.part.json").read_text()
    assert "topsecret" not in note + broken.value.detail
    assert set(json.loads(note)) == {"url_sha256", "coding", "etag", "first_id", "last_id"}


@pytest.mark.parametrize(
    "note", [b"", b"{", b"[]", b'{"url_sha256": 1}', b"\xff" * 99, b"[" * 9999]
)
def test_a_damaged_note_means_to_begin_anew(tmp_path: Path, note: bytes) -> None:
    with serving(Origin(content=ROWS)) as origin:
        break_off(origin, tmp_path / "t.csv")
        (tmp_path / "t.csv.part.json").write_bytes(note)
        download(f"{origin.url}/t.csv", tmp_path / "t.csv")
    assert "Range" not in origin.asked[0].headers
    assert (tmp_path / "t.csv").read_bytes() == ROWS


def test_one_file_is_written_by_one_download_at_a_time(tmp_path: Path) -> None:
    refused: list[str] = []
    with serving(Origin(content=ROWS)) as origin:
        url = f"{origin.url}/t.csv"

        def meanwhile(_: object) -> None:
            with pytest.raises(SetupError) as error:
                download(url, tmp_path / "t.csv")
            refused.append(error.value.detail)

        download(
            url, tmp_path / "t.csv", options=DownloadOptions(report=meanwhile, coding="identity")
        )
    assert refused
    assert all("right now" in detail for detail in refused)
    assert (tmp_path / "t.csv").read_bytes() == ROWS


@pytest.mark.parametrize(
    "url",
    ["", "t.csv", "ftp://h/t.csv", "http://", "http://u:p@h/t.csv", "http://[::1/t", "http://h:1x"],
)
def test_an_unusable_url_is_told_without_repeating_it(
    tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert get(url, str(tmp_path / "t.csv")) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "u:p" not in said
    assert files_in(tmp_path) == []
