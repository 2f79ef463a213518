"""Pages in a real browser: what it builds of them, and that nothing of them is refused."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.conftest import missing
from tests.flows.service import Service, serving

PATIENCE_SECONDS = 60
DARK = "--blink-settings=preferredColorScheme=0"


class Chromium:
    """A headless browser with a profile of its own for each start."""

    def __init__(self, binary: str, folder: Path) -> None:
        self._binary = binary
        self._folder = folder
        self._starts = 0

    def dom(self, url: str) -> str:
        """Give what the browser built of a page, which must not have refused any of it."""
        return self._run("--dump-dom", url)

    def picture(self, url: str, *options: str) -> bytes:
        """Give a page as a PNG."""
        path = self._folder / "page.png"
        self._run(f"--screenshot={path}", *options, url)
        return path.read_bytes()

    def _run(self, *arguments: str) -> str:
        self._starts += 1
        done = subprocess.run(
            [
                self._binary,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
                "--no-first-run",
                "--enable-logging=stderr",
                "--window-size=1200,900",
                f"--user-data-dir={self._folder / str(self._starts)}",
                *arguments,
            ],
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=True,
            env={**os.environ, "HOME": str(self._folder)},
        )
        said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        assert said == []
        return done.stdout


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Chromium:
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    if binary is None:
        missing("chromium is not installed")
    return Chromium(binary, tmp_path_factory.mktemp("chromium"))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("pages")
    folder = root / "<script>alert(1)<img src=x onerror=alert(2)> & co"
    folder.mkdir()
    areas = pa.table({"reference": ["a", "b", "c"], "quality": ["good", "<b>bold</b>", "good"]})
    pq.write_table(areas, folder / "conservation-area.parquet")
    pq.write_table(pa.table({"n": [1]}), folder / "trees.parquet")
    (folder / "broken.parquet").write_bytes(b"PAR1")
    with serving(folder, home=root / "home") as running:
        yield running


def test_the_home_page_shows_every_dataset_and_loads_nothing_that_is_refused(
    service: Service, chromium: Chromium
) -> None:
    dom = chromium.dom(f"{service.url}/")
    for link in ("/conservation-area.csv", "/conservation-area.json", "/trees.csv"):
        assert f'href="{link}"' in dom
    assert "be read:" in dom
    assert "<script" not in dom
    assert "<img" not in dom
    assert "&lt;script&gt;alert(1)" in dom


def test_a_mistyped_dataset_shows_the_one_that_was_meant(
    service: Service, chromium: Chromium
) -> None:
    dom = chromium.dom(f"{service.url}/conservation_area.csv")
    assert "Did you mean" in dom
    assert 'href="/conservation-area.csv"' in dom


def test_a_mistyped_column_shows_the_one_that_was_meant(
    service: Service, chromium: Chromium
) -> None:
    dom = chromium.dom(f"{service.url}/conservation-area.csv?qualty=good&_dl=off")
    assert "<code>quality</code>" in dom
    assert 'href="/conservation-area/-/schema.json"' in dom


def test_what_stands_in_a_url_never_becomes_markup(service: Service, chromium: Chromium) -> None:
    dom = chromium.dom(f"{service.url}/%3Cscript%3Ealert(1)%3C%2Fscript%3E.csv?%3Cb%3E=1")
    assert "<script" not in dom
    dom = chromium.dom(f"{service.url}/trees.csv?%3Cimg%20src=x%20onerror=alert(1)%3E=1")
    assert "<img" not in dom


def test_the_page_has_its_style_in_light_and_in_dark(service: Service, chromium: Chromium) -> None:
    light = chromium.picture(f"{service.url}/")
    dark = chromium.picture(f"{service.url}/", DARK)
    narrow = chromium.picture(f"{service.url}/", "--window-size=500,900")
    assert len({light, dark, narrow}) == 3
    for picture in (light, dark, narrow):
        assert picture.startswith(b"\x89PNG")
