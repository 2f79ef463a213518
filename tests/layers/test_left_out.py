from pathlib import Path

import pytest
from layers.left_out import StalePatternError, leave_out


def _folder(tmp_path: Path, *names: str) -> Path:
    folder = tmp_path / "python"
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    return folder


def _left(folder: Path, patterns: str) -> list[str]:
    listed = folder.parent / "left-out.txt"
    listed.write_text(patterns)
    leave_out(folder, listed)
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


def test_files_and_whole_folders_are_left_out(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "a/keep.py", "a/tests/one.py", "a/b.pyx")
    assert _left(folder, "a/tests  # of its own\n\n# a comment\na/*.pyx\n") == ["a/keep.py"]


def test_a_line_with_an_exclamation_mark_takes_back(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "data/s3/1.json", "data/ec2/1.json", "data/partitions.json")
    assert _left(folder, "data/*/\n!data/s3\n") == ["data/partitions.json", "data/s3/1.json"]


def test_a_file_below_a_folder_that_is_left_out_may_be_named_too(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "a/tests/one.py", "b.py")
    assert _left(folder, "a/tests\na/tests/one.py\n") == ["b.py"]


def test_patterns_that_match_nothing_are_all_told_before_anything_is_removed(
    tmp_path: Path,
) -> None:
    folder = _folder(tmp_path, "a.py")
    with pytest.raises(StalePatternError, match=r"b\.py, !c\.py"):
        _left(folder, "a.py\nb.py\n!c.py\n")
    assert (folder / "a.py").exists()


def test_a_link_is_left_out_without_what_it_leads_to(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "a/one.py")
    (folder / "b").symlink_to(folder / "a")
    assert _left(folder, "b\n") == ["a/one.py"]
