import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import penstock
from penstock.errors import SetupError, UnknownTypeError
from penstock.exports import ExportType, all_types, named
from penstock.exports.declaration import DatabaseSource, refuse_unsound
from penstock.exports.parameters import Parameters, Period

ORDERS = ExportType(
    name="orders",
    title="Orders",
    source=DatabaseSource(
        sql="SELECT id, total FROM orders {where}",
        where={"since": "placed >= %s", "until": "placed < %s"},
    ),
    parameters=Period,
    columns=("id", "total"),
    sort=("id",),
)

ONE_OF_MANY = '''
"""An export that is declared and nothing else."""

from penstock.exports.declaration import DatabaseSource, ExportType

EXPORT = ExportType(
    name="report-{number}",
    title="Report {number}",
    source=DatabaseSource(sql="SELECT id, name FROM report_{number} {{where}}"),
    columns=("id", "name"),
    sort=("id",),
    size="{size}",
)
'''

ASKED_FOR = """
import io
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

import penstock.exports.types

penstock.exports.types.__path__.append(sys.argv[1])

from penstock.exports import all_types, named
from penstock.exports.check import Requester, check
from penstock.exports.tables import table_query
from penstock.jobs.submit import Submission, submit
from penstock.local.jobs.ports import local_jobs

said = io.StringIO()
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=said)

def opened(name, version):
    raise AssertionError("no dataset is asked for")

asking = Requester(role="reader", open_dataset=opened, signing_keys=list)
with local_jobs(Path(sys.argv[2])) as jobs:
    for number in range(60):
        name = f"report-{number}"
        checked = check(name, {}, formats=["csv"], asking=asking)
        query = table_query(checked.type, checked.type.source, checked.type.parameters())
        size = ("small", "medium", "large")[number % 3]
        assert checked.size == size
        assert checked.params == {"formats": ["csv"]}
        assert f"FROM report_{number} " in query.sql and query.sort == ("id",)
        job = submit(
            jobs.ports,
            Submission(
                tenant="acme", user="ada", kind="export", type=checked.type.name,
                params=checked.params, size=checked.size,
            ),
            now=datetime.now(UTC),
        )
        for other in {"small", "medium", "large"} - {size}:
            assert jobs.queue.receive([other], visible_seconds=60) is None
        message = jobs.queue.receive([size], visible_seconds=60).message
        assert (message.job_id, message.type, message.size) == (job.id, name, size)
        logged = [line for line in said.getvalue().splitlines() if f"type={name} " in line]
        assert len(logged) == 1 and f"queue={size} outcome=dispatched" in logged[0]
print(len(all_types()))
"""


class Named(Parameters):
    formats: str | None = None


def test_sixty_types_are_declared_by_sixty_files_and_nothing_else(tmp_path: Path) -> None:
    sizes = ("small", "medium", "large")
    declarations = tmp_path / "declarations"
    declarations.mkdir()
    for number in range(60):
        declared = ONE_OF_MANY.format(number=number, size=sizes[number % 3])
        (declarations / f"report_{number}.py").write_text(declared)
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", ASKED_FOR, str(declarations), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.stderr == ""
    assert int(ran.stdout) == 60 + len(all_types())


def test_no_code_that_routes_names_a_type() -> None:
    root = Path(penstock.__file__).parent
    routing = [
        *(root / "jobs").rglob("*.py"),
        *(root / "local").glob("*.py"),
        *(root / "local" / "jobs").rglob("*.py"),
        *(root / "aws").glob("*.py"),
        *(root / "aws" / "jobs").rglob("*.py"),
        *(root / "model").rglob("*.py"),
    ]
    assert len(routing) > 50
    named_in = {
        (path.name, name)
        for path in routing
        for name in all_types()
        if re.search(rf"\b{name}\b|\b{name.replace('-', '_')}\b", path.read_text())
    }
    assert named_in == set()


def test_every_type_stands_in_a_module_of_its_own_named_like_it() -> None:
    for name, declared in all_types().items():
        assert name == declared.name
        module = sys.modules[f"penstock.exports.types.{name.replace('-', '_')}"]
        assert module.EXPORT is declared
        assert module.__doc__


def test_types_come_in_alphabetical_order() -> None:
    assert list(all_types()) == sorted(all_types())


def test_an_unknown_type_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UnknownTypeError) as refused:
        named("premium")
    assert refused.value.facts["types"] == list(all_types())


def test_no_module_of_types_loads_what_reads_a_database() -> None:
    # A function that takes requests on needs every type, and no driver.
    code = (
        "import sys; from penstock.exports import check, all_types; all_types();"
        "print(sorted({'psycopg', 'adbc_driver_manager', 'duckdb'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "Orders"}, "a-z and 0-9"),
        ({"name": "x" * 51}, "at most 50"),
        ({"name": "customers"}, "another one"),
        ({"size": "huge"}, "small, medium, large"),
        ({"parameters": Named}, "formats"),
        ({"columns": ()}, "needs columns"),
        ({"sort": ("placed",)}, "sorted by placed"),
        ({"parameters": Parameters}, "one condition"),
        ({"source": DatabaseSource(sql="SELECT 1")}, "one condition"),
        (
            {"source": DatabaseSource(sql="SELECT 1"), "parameters": Parameters},
            "{where} once",
        ),
    ],
)
def test_a_declaration_that_cannot_hold_is_named(changed: dict[str, object], said: str) -> None:
    declared = replace(ORDERS, **changed)  # type: ignore[arg-type] # wrong on purpose
    with pytest.raises(SetupError, match=said.replace("{", "\\{")):
        refuse_unsound(declared, others={"customers"})


def test_a_sound_declaration_is_taken() -> None:
    refuse_unsound(ORDERS, others={"customers"})
