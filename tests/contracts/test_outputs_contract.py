"""What every adapter of Outputs promises."""

from collections.abc import Iterator
from functools import partial

import pytest
from tests.job_homes import in_threads

from penstock.errors import PenstockError
from penstock.ports import Outputs

FOLDER = "exports/01HX0000000000000000000000"
MIB = 1 << 20


def test_a_written_file_is_read_back(outputs: Outputs) -> None:
    outputs.write("acme", f"{FOLDER}/file-000001.csv", [b"a,b\n", b"", b"1,2\n"])
    assert read(outputs, "file-000001.csv") == b"a,b\n1,2\n"


def test_a_file_may_be_empty(outputs: Outputs) -> None:
    outputs.write("acme", f"{FOLDER}/a.csv", [])
    outputs.write("acme", f"{FOLDER}/b.csv", [b""])
    assert (read(outputs, "a.csv"), read(outputs, "b.csv")) == (b"", b"")


def test_a_large_file_is_whole(outputs: Outputs) -> None:
    pieces = [bytes([number]) * (MIB + number) for number in range(23)]
    outputs.write("acme", f"{FOLDER}/large.csv", iter(pieces))
    assert read(outputs, "large.csv", max_bytes=64 * MIB) == b"".join(pieces)


def test_one_large_piece_is_written_whole(outputs: Outputs) -> None:
    piece = bytes(range(256)) * (20 * MIB // 256)
    outputs.write("acme", f"{FOLDER}/large.csv", [piece, b"end"])
    assert read(outputs, "large.csv", max_bytes=64 * MIB) == piece + b"end"


def test_writing_replaces_what_stood_there(outputs: Outputs) -> None:
    outputs.write("acme", f"{FOLDER}/a.csv", [b"a longer first one"])
    outputs.write("acme", f"{FOLDER}/a.csv", [b"second"])
    assert read(outputs, "a.csv") == b"second"


def test_a_file_is_not_there_before_it_is_whole(outputs: Outputs) -> None:
    seen = []

    def pieces() -> Iterator[bytes]:
        for _ in range(3):
            yield b"x" * (6 * MIB)
            seen.append(read(outputs, "a.csv"))

    outputs.write("acme", f"{FOLDER}/a.csv", pieces())
    assert seen == [None, None, None]
    assert len(read(outputs, "a.csv", max_bytes=64 * MIB) or b"") == 18 * MIB


@pytest.mark.parametrize("size", [0, 1, 20 * MIB])
@pytest.mark.parametrize("error", [RuntimeError, OSError, KeyboardInterrupt])
def test_where_the_pieces_raise_nothing_stays(
    outputs: Outputs, size: int, error: type[BaseException]
) -> None:
    outputs.write("acme", f"{FOLDER}/old.csv", [b"old"])

    def pieces() -> Iterator[bytes]:
        yield b"x" * size
        raise error("the source broke off")

    with pytest.raises(error, match="the source broke off"):
        outputs.write("acme", f"{FOLDER}/new.csv", pieces())
    with pytest.raises(error, match="the source broke off"):
        outputs.write("acme", f"{FOLDER}/old.csv", pieces())
    assert (read(outputs, "new.csv"), read(outputs, "old.csv")) == (None, b"old")


def test_a_file_is_created_once(outputs: Outputs) -> None:
    assert outputs.create("acme", f"{FOLDER}/manifest.json", b"first")
    assert not outputs.create("acme", f"{FOLDER}/manifest.json", b"second")
    assert read(outputs, "manifest.json") == b"first"


def test_of_many_that_create_a_file_at_once_one_does(outputs: Outputs) -> None:
    outcomes: dict[int, bool] = {}

    def create(number: int) -> None:
        content = f"number {number}".encode()
        outcomes[number] = outputs.create("acme", f"{FOLDER}/manifest.json", content)

    in_threads([partial(create, number) for number in range(8)])
    (winner,) = (number for number, created in outcomes.items() if created)
    assert read(outputs, "manifest.json") == f"number {winner}".encode()


def test_a_file_that_is_not_there_reads_as_none(outputs: Outputs) -> None:
    assert read(outputs, "a.csv") is None
    outputs.write("acme", f"{FOLDER}/b.csv", [b"b"])
    assert read(outputs, "a.csv") is None


def test_a_file_that_is_too_large_is_not_read_in_part(outputs: Outputs) -> None:
    outputs.write("acme", f"{FOLDER}/a.csv", [b"12345"])
    assert read(outputs, "a.csv", max_bytes=5) == b"12345"
    with pytest.raises(PenstockError):
        read(outputs, "a.csv", max_bytes=4)


def test_tenants_have_files_of_their_own(outputs: Outputs) -> None:
    outputs.write("acme", f"{FOLDER}/a.csv", [b"acme"])
    assert outputs.read("river", f"{FOLDER}/a.csv", max_bytes=10) is None
    outputs.write("river", f"{FOLDER}/a.csv", [b"river"])
    outputs.remove("river", FOLDER)
    assert read(outputs, "a.csv") == b"acme"


def test_removing_a_folder_leaves_its_neighbours(outputs: Outputs) -> None:
    for path in (f"{FOLDER}/a.csv", f"{FOLDER}/manifest.json", f"{FOLDER}1/a.csv", "exports/b.csv"):
        outputs.write("acme", path, [path.encode()])
    outputs.remove("acme", FOLDER)
    assert read(outputs, "a.csv") is None
    assert read(outputs, "manifest.json") is None
    for path in (f"{FOLDER}1/a.csv", "exports/b.csv"):
        assert outputs.read("acme", path, max_bytes=100) == path.encode()


def test_removing_keeps_what_it_is_told_to(outputs: Outputs) -> None:
    for name in ("manifest.json", "part-000001-00000.parquet", "part-000003-00000.parquet"):
        outputs.write("acme", f"{FOLDER}/{name}", [name.encode()])
    outputs.remove("acme", FOLDER, keep={"part-000003-00000.parquet"})
    assert read(outputs, "manifest.json") is None
    assert read(outputs, "part-000001-00000.parquet") is None
    assert read(outputs, "part-000003-00000.parquet") == b"part-000003-00000.parquet"
    outputs.create("acme", f"{FOLDER}/manifest.json", b"{}")
    outputs.remove("acme", FOLDER, keep={"manifest.json"})
    assert read(outputs, "manifest.json") == b"{}"


def test_removing_what_is_not_there_changes_nothing(outputs: Outputs) -> None:
    beside = f"{FOLDER}1/a.csv"
    outputs.write("acme", beside, [b"beside"])
    outputs.remove("acme", FOLDER)
    outputs.write("acme", f"{FOLDER}/a.csv", [b"a"])
    outputs.remove("acme", FOLDER)
    outputs.remove("acme", FOLDER)
    assert read(outputs, "a.csv") is None
    assert outputs.read("acme", beside, max_bytes=10) == b"beside"


def test_a_folder_is_written_anew_after_it_was_removed(outputs: Outputs) -> None:
    outputs.create("acme", f"{FOLDER}/manifest.json", b"first")
    outputs.remove("acme", FOLDER)
    assert outputs.create("acme", f"{FOLDER}/manifest.json", b"second")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/x",
        "../river/x",
        "exports/../../x",
        "exports//x",
        "exports/./x",
        "exports/.x",
        "x/",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(outputs: Outputs, path: str) -> None:
    with pytest.raises(PenstockError):
        outputs.write("acme", path, [b"x"])
    with pytest.raises(PenstockError):
        outputs.create("acme", path, b"x")
    with pytest.raises(PenstockError):
        outputs.read("acme", path, max_bytes=10)
    with pytest.raises(PenstockError):
        outputs.remove("acme", path)


@pytest.mark.parametrize("tenant", ["", "..", ".", "a/b", "Acme", "/"])
def test_what_is_no_tenant_has_no_files(outputs: Outputs, tenant: str) -> None:
    with pytest.raises(PenstockError):
        outputs.write(tenant, "exports/x", [b"x"])
    with pytest.raises(PenstockError):
        outputs.remove(tenant, "exports")


def read(outputs: Outputs, name: str, *, max_bytes: int = 1000) -> bytes | None:
    return outputs.read("acme", f"{FOLDER}/{name}", max_bytes=max_bytes)
