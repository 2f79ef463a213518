import sys
from pathlib import Path
from subprocess import run

import pyarrow as pa
from tests.unit.web.composed_tenant import tenant_with

from penstock.local.banner import banner

AREAS = pa.table({"a__gt": [1, 2] * 50, "quality": ["some"] * 100})

RARELY_USED = ("jinja2", "sqlglot", "pyarrow._s3fs", "penstock.local.demo.files", "pyarrow.csv")


def test_the_banner_shows_a_filter_that_reads_as_it_is_meant(tmp_path: Path) -> None:
    with tenant_with(tmp_path, areas=AREAS) as resources:
        lines = banner(resources, host="127.0.0.1", port=8000).splitlines()
    assert "  curl -O http://acme.example:8000/areas.csv" in lines
    assert "  curl 'http://acme.example:8000/areas.csv?a__gt=1'" in lines


def test_a_private_dataset_is_no_example(tmp_path: Path) -> None:
    with tenant_with(tmp_path, pay=AREAS, private=("pay",)) as resources:
        assert "pay" not in banner(resources, host="127.0.0.1", port=8000)


def test_a_server_starts_without_what_few_requests_need() -> None:
    script = f"""
import sys
from penstock.lean import leave_out_unused
leave_out_unused()
import penstock.local.serve
print([name for name in {RARELY_USED} if sys.modules.get(name)])
"""
    told = run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
