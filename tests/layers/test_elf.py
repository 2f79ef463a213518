import shutil
import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest
from layers.elf import strip


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """An extension module that comes with its symbols."""
    found = util.find_spec("uvloop.loop")
    assert found is not None
    assert found.origin is not None
    return Path(shutil.copy(found.origin, tmp_path))


def test_a_stripped_library_loads_and_works(library: Path) -> None:
    before = library.stat().st_size
    saved = strip(library)
    assert saved > before / 2
    assert library.stat().st_size == before - saved
    program = (
        "import sys; from importlib import util; import uvloop.includes;"
        "spec = util.spec_from_file_location('uvloop.loop', sys.argv[1]);"
        "module = util.module_from_spec(spec); spec.loader.exec_module(module);"
        "loop = module.Loop(); loop.call_soon(loop.stop); loop.run_forever(); loop.close();"
        "print(module.__file__)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, str(library)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.stdout.strip() == str(library), ran.stderr


def test_what_is_stripped_stays_as_it_is(library: Path) -> None:
    strip(library)
    content = library.read_bytes()
    assert strip(library) == 0
    assert library.read_bytes() == content


def test_a_library_with_a_signature_behind_it_stays_as_it_is(library: Path) -> None:
    with library.open("ab") as end:
        end.write(b"signed")
    content = library.read_bytes()
    assert strip(library) == 0
    assert library.read_bytes() == content


@pytest.mark.parametrize(
    "content", [b"", b"\x7fELF", b"GROUP ( libarrow.so.1 )", b"\x7fELF\x01\x01" + bytes(100)]
)
def test_what_is_no_library_stays_as_it_is(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "lib.so"
    file.write_bytes(content)
    assert strip(file) == 0
    assert file.read_bytes() == content
