"""Files that jobs write: what a folder shows of them, links, crashes and full disks."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.errors import BusyError, PenstockError, PermanentError
from penstock.local.jobs.outputs import FileOutputs

FOLDER = "exports/01HX0000000000000000000000"
ROOT = Path(__file__).parents[4]
PATIENCE_SECONDS = 60

DYING = """
import os, signal, sys
from pathlib import Path
from penstock.local.jobs.outputs import FileOutputs

def pieces():
    yield b"x" * 100_000
    os.kill(os.getpid(), signal.SIGKILL)
    yield b"y"

FileOutputs(Path(sys.argv[1])).write("acme", sys.argv[2], pieces())
"""

WITHOUT_ROOM = """
import resource, sys
from pathlib import Path
from penstock.errors import PermanentError
from penstock.local.jobs.outputs import FileOutputs

resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
outputs = FileOutputs(Path(sys.argv[1]))
for write in (
    lambda: outputs.write("acme", sys.argv[2], [b"x" * 600_000] * 2),
    lambda: outputs.write("acme", sys.argv[2], [b"x" * 1_000_001]),
    lambda: outputs.create("acme", sys.argv[2], b"x" * 1_000_001),
):
    try:
        write()
    except PermanentError as error:
        print(error.code, error.detail)
outputs.write("acme", sys.argv[2] + ".small", [b"x" * 600_000])
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "home" / "store"


@pytest.fixture
def outputs(store: Path) -> FileOutputs:
    return FileOutputs(store)


def test_files_and_their_folders_are_open_to_their_owner_alone(
    outputs: FileOutputs, store: Path
) -> None:
    outputs.write("acme", f"{FOLDER}/a.csv", [b"a"])
    outputs.create("acme", f"{FOLDER}/manifest.json", b"{}")
    made = {path.name: stat.S_IMODE(path.stat().st_mode) for path in store.rglob("*")}
    assert made == {
        "acme": 0o700,
        "exports": 0o700,
        FOLDER.rpartition("/")[2]: 0o700,
        "a.csv": 0o600,
        "manifest.json": 0o600,
    }


def test_while_a_file_is_written_its_folder_shows_a_hidden_one_alone(
    outputs: FileOutputs, store: Path
) -> None:
    shown: list[list[str]] = []

    def pieces() -> Iterator[bytes]:
        yield b"a"
        shown.append(names_in(store / "acme" / FOLDER))
        yield b"b"

    outputs.write("acme", f"{FOLDER}/part-000001-00000.parquet", pieces())
    ((hidden,),) = shown
    assert hidden.startswith(".part-000001-00000.parquet.")
    assert hidden.endswith(".tmp")
    assert names_in(store / "acme" / FOLDER) == ["part-000001-00000.parquet"]


def test_a_writer_that_is_killed_leaves_nothing_that_is_seen_and_removal_takes_it(
    outputs: FileOutputs, store: Path
) -> None:
    outputs.write("acme", f"{FOLDER}/a.csv", [b"first"])
    ended = subprocess.run(
        [sys.executable, "-c", DYING, str(store), f"{FOLDER}/a.csv"],
        cwd=ROOT,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert ended.returncode < 0
    assert outputs.read("acme", f"{FOLDER}/a.csv", max_bytes=100) == b"first"
    folder = store / "acme" / FOLDER
    assert len(names_in(folder)) == 2
    outputs.remove("acme", FOLDER, keep={"a.csv"})
    assert names_in(folder) == ["a.csv"]
    outputs.remove("acme", FOLDER)
    assert not folder.exists()


def test_where_there_is_no_room_nothing_stays_and_it_is_said(
    outputs: FileOutputs, store: Path
) -> None:
    path = f"{FOLDER}/a.csv"
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_ROOM, str(store), path],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
    )
    assert ended.stdout.decode().count("no room left") == 3
    assert ended.stdout.decode().count("insufficient-storage") == 3
    assert names_in(store / "acme" / FOLDER) == ["a.csv.small"]
    assert outputs.read("acme", path, max_bytes=1) is None


def test_a_folder_that_is_a_link_is_not_followed(
    outputs: FileOutputs, store: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    inside = outside / FOLDER.rpartition("/")[2]
    inside.mkdir(parents=True)
    (inside / "a.csv").write_bytes(b"not ours")
    (store / "acme").mkdir(parents=True)
    (store / "acme" / "exports").symlink_to(outside)
    (store / "river").symlink_to(tmp_path)
    for tenant, path in (("acme", f"{FOLDER}/a.csv"), ("river", "outside/a.csv")):
        with pytest.raises(BusyError):
            outputs.write(tenant, path, [b"x"])
        with pytest.raises(BusyError):
            outputs.create(tenant, path, b"x")
        with pytest.raises(PenstockError):
            outputs.read(tenant, path, max_bytes=100)
        with pytest.raises(BusyError):
            outputs.remove(tenant, path.rpartition("/")[0])
    assert [path.name for path in outside.rglob("*")] == [inside.name, "a.csv"]
    assert (inside / "a.csv").read_bytes() == b"not ours"


def test_a_link_in_a_files_place_is_replaced_and_never_written_through(
    outputs: FileOutputs, store: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"not ours")
    place = store / "acme" / FOLDER / "a.csv"
    place.parent.mkdir(parents=True)
    place.symlink_to(target)
    with pytest.raises(PenstockError):
        outputs.read("acme", f"{FOLDER}/a.csv", max_bytes=100)
    assert not outputs.create("acme", f"{FOLDER}/a.csv", b"x")
    outputs.write("acme", f"{FOLDER}/a.csv", [b"ours"])
    assert not place.is_symlink()
    assert (target.read_bytes(), place.read_bytes()) == (b"not ours", b"ours")


def test_a_dangling_link_in_a_files_place_is_taken_for_a_file_that_stands_there(
    outputs: FileOutputs, store: Path, tmp_path: Path
) -> None:
    place = store / "acme" / FOLDER / "manifest.json"
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "nowhere")
    assert not outputs.create("acme", f"{FOLDER}/manifest.json", b"x")
    assert not (tmp_path / "nowhere").exists()


def test_removal_takes_links_themselves_and_folders_whole(
    outputs: FileOutputs, store: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.csv").write_bytes(b"not ours")
    folder = store / "acme" / FOLDER
    (folder / "inner" / "deep").mkdir(parents=True)
    (folder / "inner" / "deep" / "a.csv").write_bytes(b"a")
    (folder / "link").symlink_to(outside)
    outputs.remove("acme", FOLDER)
    assert not folder.exists()
    assert (outside / "a.csv").read_bytes() == b"not ours"


def test_what_stands_deeper_is_kept_by_its_path(outputs: FileOutputs, store: Path) -> None:
    for name in ("a.csv", "inner/a.csv", "inner/b.csv"):
        outputs.write("acme", f"{FOLDER}/{name}", [b"x"])
    outputs.remove("acme", FOLDER, keep={"inner/b.csv"})
    assert {path.name for path in (store / "acme" / FOLDER).rglob("*")} == {"inner", "b.csv"}


def test_the_manifest_is_gone_before_anything_else_is(outputs: FileOutputs, store: Path) -> None:
    names = ("a.csv", "manifest.json", "part-000001-00000.parquet")
    for name in names:
        outputs.write("acme", f"{FOLDER}/{name}", [b"x"])
    folder = store / "acme" / FOLDER
    seen = []

    class Watching:
        """Keeps nothing, and looks into the folder whenever it is asked of a name."""

        def __contains__(self, name: object) -> bool:
            seen.append((name, names_in(folder)))
            return False

    outputs.remove("acme", FOLDER, keep=Watching())
    assert seen[0] == ("manifest.json", sorted(names))
    assert seen[1][1] == sorted({*names} - {"manifest.json"})
    assert not folder.exists()


def test_what_is_no_file_is_not_read(outputs: FileOutputs, store: Path) -> None:
    folder = store / "acme" / FOLDER
    (folder / "inner").mkdir(parents=True)
    os.mkfifo(folder / "pipe")
    for name in ("inner", "pipe"):
        with pytest.raises(PermanentError):
            outputs.read("acme", f"{FOLDER}/{name}", max_bytes=100)


def test_a_writer_whose_folder_is_removed_meanwhile_fails_and_leaves_nothing(
    outputs: FileOutputs, store: Path
) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"a"
        outputs.remove("acme", FOLDER)
        yield b"b"

    with pytest.raises(BusyError):
        outputs.write("acme", f"{FOLDER}/a.csv", pieces())
    assert not (store / "acme" / FOLDER).exists()
    outputs.write("acme", f"{FOLDER}/a.csv", [b"again"])
    assert outputs.read("acme", f"{FOLDER}/a.csv", max_bytes=10) == b"again"


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
