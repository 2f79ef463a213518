import re
from pathlib import Path

import pytest
from tests.unit.docs_pages import DOCS, ROOT, page

from penstock.web.openapi.responses import PROBLEM_STATUSES
from penstock.web.problems import STATUSES

NOT_FOUND_BY_DOWNLOADS = {405}
"""OpenAPI describes the methods that there are; a problem of no method stands nowhere in it."""
TOLD_BY_ROWS = {507}
"""A disk that is full ends a job, whose row says so; no answer comes to it."""
UNFORESEEN = {500}

_UNIT = "s|ms|MB|\N{MULTIPLICATION SIGN}"
_FIGURE = re.compile(rf"(?<![\d.,])(\d[\d,]*(?:\.\d+)?) ({_UNIT})(?!\w)")


def statuses(name: str) -> set[int]:
    text = (DOCS / "guide" / name).read_text().partition("\n### Statuses\n")[2]
    table = text.partition("\n## ")[0]
    return {int(each) for each in re.findall(r"^\| (\d{3}) \|", table, re.MULTILINE)}


def linked(index: Path) -> set[Path]:
    links = re.findall(r"\]\(([^)\s#]+)[^)\s]*\)", index.read_text())
    return {(index.parent / link).resolve() for link in links if "://" not in link}


@pytest.mark.parametrize("folder", ["guide", "decisions"])
def test_every_page_stands_in_an_index(folder: str) -> None:
    index = DOCS / "README.md" if folder == "guide" else DOCS / folder / "README.md"
    pages = {path.resolve() for path in (DOCS / folder).glob("*.md")} - {index.resolve()}
    missing = {page(path) for path in pages - linked(index)}
    assert not missing


def test_every_decision_stands_in_its_index_once() -> None:
    text = (DOCS / "decisions" / "README.md").read_text()
    for path in (DOCS / "decisions").glob("*.md"):
        if path.name != "README.md":
            assert text.count(f"({path.name})") == 1, path.name


def test_the_readme_leads_to_the_architecture_on_its_first_screen() -> None:
    first = "\n".join((ROOT / "README.md").read_text().splitlines()[:20])
    assert "(docs/architecture.md)" in first
    assert "(docs/README.md)" in first


def test_statuses_of_downloads_are_all_explained() -> None:
    assert statuses("urls.md") == set(PROBLEM_STATUSES) | NOT_FOUND_BY_DOWNLOADS


def test_every_status_that_is_answered_is_explained() -> None:
    answered = set(STATUSES.values()) | UNFORESEEN
    assert statuses("urls.md") | statuses("exports.md") == answered - TOLD_BY_ROWS


def test_figures_of_the_readme_are_those_of_the_page() -> None:
    text = (ROOT / "README.md").read_text().partition("\n## How fast it is\n")[2]
    shown = " ".join(text.partition("\n## ")[0].split())
    measured = (DOCS / "guide" / "performance.md").read_text()
    figures = _FIGURE.findall(shown)
    assert len(figures) > 10
    for amount, unit in figures:
        stands = re.search(rf"(?<![\d.,]){re.escape(amount)}(?:, [\d.,]+)? {unit}", measured)
        assert stands, f"{amount} {unit}"
