import re
from pathlib import Path

from penstock.settings import Settings

README = Path(__file__).parents[2] / "README.md"


def test_every_setting_stands_in_the_readme_with_its_default() -> None:
    row = re.compile(r"^\| `PENSTOCK_([A-Z_]+)` \| ([^|]*) \|", re.MULTILINE)
    rows = dict(row.findall(README.read_text()))
    documented = {name.lower(): default.strip() for name, default in rows.items()}
    assert documented.keys() == Settings.model_fields.keys()
    for name, field in Settings.model_fields.items():
        if field.default_factory is None:
            shown = "none" if field.default is None else str(field.default).lower()
            assert documented[name].replace(",", "") == shown, name
