"""What a tenant has just now, while it changes."""

from collections.abc import Container
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock.local.datasets.sources import grouped, sources_in
from penstock.local.datasets.stored import Descriptions
from penstock.local.datasets.tenant_datasets import TenantDatasets
from penstock.reading.engine import Engine

AREAS = pa.table({"reference": ["a", "b", "c"]})


@pytest.mark.parametrize("ask", ["dataset", "entries"])
def test_what_is_private_when_it_comes_is_private_to_who_asked_before(
    tmp_path: Path, engine: Engine, ask: str
) -> None:
    path = tmp_path / "store" / "area.parquet"
    path.parent.mkdir(exist_ok=True)
    pq.write_table(AREAS, path)
    listed: list[frozenset[str]] = []

    def private() -> Container[str]:
        """Somebody makes it private, and replaces it then, as soon as this was read once."""
        if not listed:
            pq.write_table(AREAS.slice(1), path)
        listed.append(frozenset({"area"} if listed else ()))
        return listed[-1]

    shelf = TenantDatasets(
        tenant="acme",
        sources=grouped(sources_in(path.parent, within=path.parent, with_versions=False)),
        private=private,
        descriptions=Descriptions(engine),
    )
    found = shelf.dataset("area", None) if ask == "dataset" else shelf.entries()[0]
    assert (found.rows, found.private) == (2, True)
