import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.conftest import missing

from penstock.errors import DatasetDamagedError, SetupError, UnknownDatasetError
from penstock.local.datasets.catalog import FileCatalog, folder_catalog
from penstock.reading.engine import Engine

AREAS = pa.table({"reference": ["a", "b", "c"]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    folder.mkdir()
    return folder


@pytest.fixture
def served(folder: Path, engine: Engine) -> FileCatalog:
    return folder_catalog(folder, tenant="me", engine=engine)


def put(path: Path, rows: int = 3) -> Path:
    pq.write_table(AREAS.slice(0, rows), path)
    return path


def problems(served: FileCatalog) -> dict[str, str | None]:
    return {entry.name: entry.problem for entry in served.entries("me")}


def test_each_parquet_file_is_a_dataset_and_nothing_else_is(
    folder: Path, served: FileCatalog
) -> None:
    for name in ("a.parquet", "b.parq", "c.pq", "D.PARQUET", "conservation-area.lookup.parquet"):
        put(folder / name)
    for name in (".hidden.parquet", "._a.parquet", "notes.txt", "a.parquet.tmp", "parquet"):
        put(folder / name)
    (folder / "below").mkdir()
    put(folder / "below" / "e.parquet")
    assert problems(served) == dict.fromkeys(["D", "a", "b", "c", "conservation-area-lookup"])
    for name in problems(served):
        assert served.dataset("me", name).rows == 3


def test_two_files_of_one_name_are_both_refused_and_both_named(
    folder: Path, served: FileCatalog
) -> None:
    put(folder / "a.b.parquet")
    put(folder / "a-b.parquet")
    put(folder / "other.parquet")
    found = problems(served)
    assert "“a-b.parquet” and “a.b.parquet”" in str(found["a-b"])
    assert found["other"] is None
    with pytest.raises(DatasetDamagedError, match=r"“a-b\.parquet” and “a\.b\.parquet”"):
        served.dataset("me", "a-b")


@pytest.mark.parametrize(
    "file_name",
    ["exports.parquet", "-a.parquet", "_a.parquet", "é.parquet", "a" * 101 + ".parquet"],
)
def test_a_file_whose_name_is_no_dataset_name_is_listed_with_that_problem(
    folder: Path, served: FileCatalog, file_name: str
) -> None:
    put(folder / file_name)
    ((name, problem),) = problems(served).items()
    assert problem is not None
    assert file_name in problem
    assert "rename" in problem
    with pytest.raises(UnknownDatasetError):
        served.dataset("me", name)


def test_a_file_name_that_is_not_utf_8_is_a_problem_that_can_be_shown(
    folder: Path, served: FileCatalog
) -> None:
    path = put(folder / "area.parquet")
    try:
        path.rename(folder / os.fsdecode(b"ar\xe9a.parquet"))
    except OSError:
        missing("this file system takes UTF-8 names alone")
    found = problems(served)
    assert "not UTF-8" in str(found["ar-a"])
    str(found).encode()


@pytest.mark.parametrize("file_name", ["a*.parquet", "a[1].parquet", "a?.parquet"])
def test_a_file_name_that_the_engine_takes_for_a_pattern_is_refused(
    folder: Path, served: FileCatalog, file_name: str
) -> None:
    put(folder / file_name)
    put(folder / "a1.parquet")
    found = problems(served)
    assert found.pop("a1") is None
    ((name, problem),) = found.items()
    assert "rename" in str(problem)
    with pytest.raises(DatasetDamagedError):
        served.dataset("me", name)


def test_a_folder_named_like_a_partition_adds_no_column(tmp_path: Path, engine: Engine) -> None:
    folder = tmp_path / "year=2024"
    folder.mkdir()
    put(folder / "area.parquet")
    served = folder_catalog(folder, tenant="me", engine=engine)
    assert list(served.dataset("me", "area").by_name) == ["reference"]


def test_one_file_is_served_alone(folder: Path, engine: Engine) -> None:
    put(folder / "area.parquet")
    put(folder / "other.parquet")
    served = folder_catalog(folder / "area.parquet", tenant="me", engine=engine)
    assert problems(served) == {"area": None}
    assert served.dataset("me", "area").rows == 3
    with pytest.raises(UnknownDatasetError):
        served.dataset("me", "other")


def test_one_file_that_is_a_link_is_served_under_its_own_name(
    folder: Path, tmp_path: Path, engine: Engine
) -> None:
    (folder / "area.parquet").symlink_to(put(tmp_path / "real.parquet"))
    served = folder_catalog(folder / "area.parquet", tenant="me", engine=engine)
    assert served.dataset("me", "area").rows == 3


def test_a_link_out_of_the_folder_is_not_followed(
    folder: Path, tmp_path: Path, served: FileCatalog
) -> None:
    (folder / "area.parquet").symlink_to(put(tmp_path / "outside.parquet"))
    (folder / "gone.parquet").symlink_to(tmp_path / "served" / "nothing")
    with pytest.raises(UnknownDatasetError):
        served.dataset("me", "area")
    assert "leads outside" in str(problems(served)["area"])


def test_a_folder_that_is_a_link_itself_is_served(
    folder: Path, tmp_path: Path, engine: Engine
) -> None:
    put(folder / "area.parquet")
    (tmp_path / "link").symlink_to(folder)
    served = folder_catalog(tmp_path / "link", tenant="me", engine=engine)
    assert served.dataset("me", "area").rows == 3


def test_a_converted_file_stands_for_its_source(
    folder: Path, tmp_path: Path, engine: Engine
) -> None:
    (folder / "flights.csv").write_text("a\n1\n")
    cached = put(tmp_path / "0f3a.parquet")
    put(folder / "area.parquet")
    served = folder_catalog(folder, tenant="me", engine=engine, converted={"flights.csv": cached})
    assert problems(served) == {"area": None, "flights": None}
    assert served.dataset("me", "flights").rows == 3


def test_a_converted_file_alone_is_the_only_dataset(
    folder: Path, tmp_path: Path, engine: Engine
) -> None:
    (folder / "flights.csv").write_text("a\n1\n")
    served = folder_catalog(
        folder / "flights.csv",
        tenant="me",
        engine=engine,
        converted={"flights.csv": put(tmp_path / "0f3a.parquet")},
    )
    assert problems(served) == {"flights": None}


def test_a_converted_file_and_a_parquet_file_of_one_name_are_both_refused(
    folder: Path, tmp_path: Path, engine: Engine
) -> None:
    put(folder / "flights.parquet")
    served = folder_catalog(
        folder,
        tenant="me",
        engine=engine,
        converted={"flights.csv": put(tmp_path / "0f3a.parquet")},
    )
    assert "“flights.csv” and “flights.parquet”" in str(problems(served)["flights"])


def test_a_converted_file_that_is_gone_is_listed_as_missing(
    folder: Path, tmp_path: Path, engine: Engine
) -> None:
    served = folder_catalog(
        folder, tenant="me", engine=engine, converted={"a.csv": tmp_path / "gone.parquet"}
    )
    assert problems(served) == {"a": "what stands for “a.csv” is missing"}
    with pytest.raises(UnknownDatasetError):
        served.dataset("me", "a")


def test_a_file_that_could_not_be_converted_is_listed_with_the_reason(
    folder: Path, engine: Engine
) -> None:
    put(folder / "area.parquet")
    served = folder_catalog(
        folder, tenant="me", engine=engine, problems={"flights.csv": "line 3 has 4 cells"}
    )
    assert problems(served) == {"area": None, "flights": "line 3 has 4 cells"}
    with pytest.raises(DatasetDamagedError, match="line 3"):
        served.dataset("me", "flights")


def test_what_cannot_be_read_is_one_clear_line(tmp_path: Path, engine: Engine) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "nowhere", tmp_path / "pipe"):
        with pytest.raises(SetupError, match=place.name) as raised:
            folder_catalog(place, tenant="me", engine=engine)
        assert "\n" not in raised.value.detail


def test_a_folder_removed_while_it_is_served_has_no_datasets(
    folder: Path, served: FileCatalog
) -> None:
    folder.rmdir()
    assert served.entries("me") == []
    with pytest.raises(UnknownDatasetError):
        served.dataset("me", "area")
