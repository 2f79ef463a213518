"""What flows of exports begin with; a module that needs another house has one of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.demo_rows import demo_database
from tests.export_parts import TENANT, ExportHouse, export_house
from tests.postgres_parts import PostgresDatabase, PostgresServer


@pytest.fixture(scope="module")
def demo(postgres: PostgresServer) -> Iterator[PostgresDatabase]:
    """The demo's database, for the tests of one module."""
    with demo_database(postgres) as database:
        yield database


@pytest.fixture
def house(tmp_path: Path, demo: PostgresDatabase) -> Iterator[ExportHouse]:
    """Exports whose tenant reads from the demo's database."""
    with export_house(tmp_path) as opened:
        opened.databases[TENANT] = demo.connection_string
        yield opened
