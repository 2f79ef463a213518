import re

from tests.unit.docs_pages import DOCS

from penstock.settings import Settings

PAGE = DOCS / "guide" / "settings.md"


def test_every_setting_stands_in_the_guide_with_its_default() -> None:
    row = re.compile(r"^\| `PENSTOCK_([A-Z_]+)` \| ([^|]*) \|", re.MULTILINE)
    rows = row.findall(PAGE.read_text())
    documented = {name.lower(): default.strip() for name, default in rows}
    assert len(rows) == len(documented)
    assert documented.keys() == Settings.model_fields.keys()
    for name, field in Settings.model_fields.items():
        if field.default_factory is None:
            shown = "none" if field.default is None else str(field.default).lower()
            assert documented[name].replace(",", "") == shown, name
