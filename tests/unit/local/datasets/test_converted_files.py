import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from penstock.errors import SetupError
from penstock.local.datasets.convert import convert_folder, converted


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "trees.csv"
    path.write_text("name,height\nOak,12\nAsh,NA\n")
    return path


def test_a_file_is_converted_once_and_again_when_it_changes(tmp_path: Path, csv: Path) -> None:
    home = tmp_path / "home"
    first = converted(csv, home=home, null_text=None)
    made = first.stat().st_mtime_ns
    assert converted(csv, home=home, null_text=None) == first
    assert first.stat().st_mtime_ns == made
    csv.write_text("name,height\nOak,12\nAsh,9\n")
    second = converted(csv, home=home, null_text=None)
    assert second != first
    assert not first.exists()
    assert pq.read_table(second)["height"].to_pylist() == [12, 9]


def test_each_null_text_has_a_conversion_of_its_own(tmp_path: Path, csv: Path) -> None:
    plain = converted(csv, home=tmp_path / "home", null_text=None)
    with_null = converted(csv, home=tmp_path / "home", null_text="NA")
    assert pq.read_table(plain)["height"].to_pylist() == ["12", "NA"]
    assert pq.read_table(with_null)["height"].to_pylist() == [12, None]


def test_one_bad_file_never_stops_the_others(tmp_path: Path, csv: Path) -> None:
    ragged = tmp_path / "ragged.csv"
    ragged.write_text("a,b\n1\n")
    missing = tmp_path / "missing.csv"
    paths = [ragged, missing, csv]
    outcomes = convert_folder(paths, home=tmp_path / "home", null_text=None)
    assert list(outcomes) == paths
    assert isinstance(outcomes[csv], Path)
    assert [type(outcomes[path]) for path in (ragged, missing)] == [SetupError, SetupError]
    assert "ragged.csv: line 2 has 1 field" in str(outcomes[ragged])
    assert "missing.csv can't be read" in str(outcomes[missing])
    with pytest.raises(SetupError, match=r"ragged\.csv: line 2"):
        converted(ragged, home=tmp_path / "home", null_text=None)


def test_what_a_crash_and_a_removed_file_left_behind_is_removed(tmp_path: Path, csv: Path) -> None:
    home = tmp_path / "home"
    old = converted(csv, home=home, null_text=None)
    scraps = home / "converted" / ".work-dead"
    scraps.mkdir()
    (scraps / "made.parquet").write_bytes(b"PAR1")
    csv.unlink()
    assert convert_folder([], home=home, null_text=None) == {}
    assert not scraps.exists()
    assert not old.parent.exists()


def test_a_link_and_its_file_share_one_conversion(tmp_path: Path, csv: Path) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to(csv)
    outcomes = convert_folder([link, csv], home=tmp_path / "home", null_text=None)
    assert outcomes[link] == outcomes[csv]


def test_a_home_that_cant_be_written_is_refused(tmp_path: Path, csv: Path) -> None:
    home = tmp_path / "home"
    home.write_text("a file")
    with pytest.raises(SetupError, match="can't be made"):
        converted(csv, home=home, null_text=None)


def test_a_file_that_cant_be_read_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    with pytest.raises(SetupError, match=r"folder\.csv can't be converted: Is a directory"):
        converted(folder, home=tmp_path / "home", null_text=None)


def test_the_time_of_change_alone_makes_a_file_another(tmp_path: Path, csv: Path) -> None:
    first = converted(csv, home=tmp_path / "home", null_text=None)
    os.utime(csv, ns=(1, 1))
    assert converted(csv, home=tmp_path / "home", null_text=None) != first
