from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock.errors import SetupError
from penstock.local.datasets.catalog import store_catalog
from penstock.local.datasets.publish import publish
from penstock.reading.dataset_files import GROUP_ROWS
from penstock.reading.engine import Engine

PUBLISHED = datetime(2024, 5, 1, 12, tzinfo=UTC)
AREAS = pa.table({"reference": ["b", "a", "c"]})


def put(
    root: Path,
    *tables: pa.Table,
    tenant: str = "acme",
    dataset: str = "area",
    version: str = "v1",
) -> None:
    publish(
        root,
        tenant=tenant,
        dataset=dataset,
        version=version,
        parts=iter(tables),
        published=PUBLISHED,
    )


def test_rows_stay_in_their_order_and_row_groups_small(tmp_path: Path) -> None:
    table = pa.table({"n": range(GROUP_ROWS + 1)})
    put(tmp_path, table)
    file = pq.ParquetFile(tmp_path / "acme/datasets/area/v1/part-00000.parquet")
    with file:
        groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
        assert groups == [GROUP_ROWS, 1]
        assert file.metadata.row_group(0).column(0).has_offset_index
        assert file.read().equals(table)


def test_wide_rows_make_row_groups_of_at_most_64_mib(tmp_path: Path) -> None:
    put(tmp_path, pa.table({"text": ["x" * 20_000_000] * 4}))
    path = tmp_path / "acme/datasets/area/v1/part-00000.parquet"
    with pq.ParquetFile(path) as file:
        groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert groups == [3, 1]


def test_a_version_that_fails_leaves_the_old_one_served_and_nothing_behind(
    tmp_path: Path, engine: Engine
) -> None:
    def failing() -> Iterator[pa.Table]:
        yield AREAS
        raise ZeroDivisionError

    put(tmp_path, AREAS)
    with pytest.raises(ZeroDivisionError):
        publish(
            tmp_path,
            tenant="acme",
            dataset="area",
            version="v2",
            parts=failing(),
            published=PUBLISHED,
        )
    assert store_catalog(tmp_path, engine=engine).dataset("acme", "area").version == "v1"
    assert not (tmp_path / "acme/datasets/area/v2").exists()


def test_a_version_is_published_only_once(tmp_path: Path) -> None:
    put(tmp_path, AREAS)
    with pytest.raises(SetupError, match="v1"):
        put(tmp_path, AREAS.slice(1))
    part = tmp_path / "acme/datasets/area/v1/part-00000.parquet"
    assert pq.read_table(part, partitioning=None).equals(AREAS)


def test_a_version_without_parts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="part"):
        put(tmp_path)
    assert not (tmp_path / "acme/datasets/area/v1").exists()


@pytest.mark.parametrize(
    ("tenant", "dataset", "version"),
    [
        ("../acme", "area", "v1"),
        ("acme", "../area", "v1"),
        ("acme", "exports", "v1"),
        ("acme", "area", ".."),
        ("acme", "area", "current"),
        ("acme", "area", ""),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(
    tmp_path: Path, tenant: str, dataset: str, version: str
) -> None:
    with pytest.raises(SetupError):
        put(tmp_path / "store", AREAS, tenant=tenant, dataset=dataset, version=version)
    assert list(tmp_path.iterdir()) == []
