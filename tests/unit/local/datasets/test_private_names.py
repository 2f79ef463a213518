import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import SetupError
from penstock.local.datasets.private import read_private, set_private

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True).filter(
    lambda name: name not in {"v1", "jobs", "imports", "exports", "exchanges", "static"}
)


@given(st.lists(names), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\ufeff"]), names)
def test_what_is_named_is_private_and_nothing_else_is(
    listed: list[str], line_end: str, mark: str, other: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = mark + line_end.join(["# private", "", *listed])
        (Path(folder) / "private.txt").write_bytes(text.encode())
        private = read_private(Path(folder))
    assert [name for name in listed if name not in private] == []
    assert (other in private) == (other.lower() in {name.lower() for name in listed})


@given(st.binary(min_size=1))
def test_any_bytes_name_datasets_or_make_everything_private(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "private.txt").write_bytes(content)
        private = read_private(Path(folder))
    if any(byte > 127 for byte in content.removeprefix(b"\xef\xbb\xbf")) and b"#" not in content:
        assert "anything" in private


def test_without_a_file_nothing_is_private(tmp_path: Path) -> None:
    assert "area" not in read_private(tmp_path)


@pytest.mark.parametrize("content", ["se cret", "secret.parquet", "secret,area", "*", "../area"])
def test_a_line_that_is_no_name_makes_everything_private(tmp_path: Path, content: str) -> None:
    (tmp_path / "private.txt").write_text(f"area\n{content}\n")
    assert "anything" in read_private(tmp_path)


def test_a_file_that_cannot_be_read_makes_everything_private(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("")
    folder = tmp_path / "acme"
    folder.mkdir()
    (folder / "private.txt").symlink_to(outside)
    assert "anything" in read_private(folder)
    outside.unlink()
    assert "anything" in read_private(folder)


def test_making_private_and_public_keeps_the_other_lines(tmp_path: Path) -> None:
    (tmp_path / "private.txt").write_text("# ours\nArea\nother\n")
    set_private(tmp_path, dataset="area", private=True)
    set_private(tmp_path, dataset="new", private=True)
    set_private(tmp_path, dataset="OTHER", private=False)
    assert (tmp_path / "private.txt").read_text() == "# ours\narea\nnew\n"


def test_a_file_that_is_no_text_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "private.txt").write_bytes(b"\xff")
    with pytest.raises(SetupError):
        set_private(tmp_path, dataset="area", private=True)
    assert (tmp_path / "private.txt").read_bytes() == b"\xff"
