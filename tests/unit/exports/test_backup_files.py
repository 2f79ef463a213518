"""Files of a backup: what they are called, and how they are divided among readers."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.exports.backup_files import PlannedFile, shares, whole_tables
from penstock.exports.job_folder import JobFolder
from penstock.exports.table_catalog import Table
from penstock.exports.table_files import TableFile, table_file_of
from penstock.local.jobs.outputs import FileOutputs
from penstock.model.manifest import BesideFile
from penstock.reading.result_names import is_result_file, shown_name

TABLE = Table(
    schema="public",
    name="pay",
    place="public.pay",
    is_main=True,
    is_restricted=False,
    guessed_rows=10,
    columns=("id", "note"),
    key=("id",),
    definition="CREATE TABLE public.pay ();",
    constraints=(),
    indexes=(),
)
NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,100}", fullmatch=True)
COUNTS = st.lists(st.none() | st.integers(0, 10**9), max_size=60)


def planned(rows: Sequence[int | None]) -> list[PlannedFile]:
    """Files of so many rows each; tables without columns where there is no number."""
    file = TableFile(name="pay", source="public.pay", columns=("id",), sort=("id",))
    return [
        PlannedFile(table=TABLE, file=None if count is None else file, rows=count or 0)
        for count in rows
    ]


def names(*tables: Table) -> list[str]:
    return [one.file.name for one in whole_tables(tables) if one.file is not None]


@given(COUNTS, st.integers(2, 40), st.integers(1, 10**6))
def test_every_file_is_in_one_share(rows: list[int | None], at_once: int, least: int) -> None:
    found = shares(planned(rows), at_once=at_once, least_rows=least)
    assert sorted(place for share in found for place in share) == [
        place for place, count in enumerate(rows) if count is not None
    ]
    assert all(found)


@given(COUNTS, st.integers(2, 40))
def test_no_share_of_several_files_is_much_of_the_whole(
    rows: list[int | None], at_once: int
) -> None:
    found = shares(planned(rows), at_once=at_once, least_rows=1)
    weights = [sum((rows[place] or 0) + 2_000 for place in share) for share in found]
    assert weights == sorted(weights, reverse=True)
    for share, weight in zip(found, weights, strict=True):
        assert len(share) == 1 or weight <= sum(weights) / (4 * at_once)


def test_small_tables_are_read_together() -> None:
    found = shares(planned([10] * 5_000 + [10_000_000]), at_once=4, least_rows=100_000)
    assert found[0] == [5_000]
    assert len(found) < 20


def test_a_share_has_no_more_files_than_an_answer_tells_of() -> None:
    found = shares(planned([0] * 5_000), at_once=2, least_rows=10**9)
    assert [len(share) for share in found] == [1_000] * 5


@given(
    st.builds(
        TableFile,
        name=NAMES,
        source=st.text(),
        columns=st.lists(st.text(), min_size=1).map(tuple),
        sort=st.lists(st.text()).map(tuple),
        parameters=st.lists(st.text() | st.integers() | st.dates()).map(tuple),
        as_text=st.lists(st.text()).map(tuple),
    )
)
def test_what_is_to_be_read_survives_the_way_through_json(wanted: TableFile) -> None:
    assert table_file_of(json.loads(json.dumps(wanted.described()))) == wanted


def test_tables_are_called_apart_in_characters_that_every_file_system_takes() -> None:
    assert names(
        TABLE,
        replace(TABLE, name="PAY"),
        replace(TABLE, name="p/a y%"),
        replace(TABLE, schema="old", is_main=False),
        replace(TABLE, name="n" * 200),
    ) == ["pay", "PAY-2", "p-a-y-", "old-pay", "n" * 80]


@pytest.mark.parametrize("mark", ["", "_00ab12cd"])
@given(name=NAMES)
def test_a_files_url_tells_nothing_of_who_wrote_it(mark: str, name: str) -> None:
    stored = place_of(mark).file("parquet", name=name)
    assert shown_name(stored) == f"file-{name}.parquet"
    assert is_result_file(stored)
    BesideFile(name=stored, size_bytes=0, rows=0, sha256="")
    assert shown_name(place_of(mark).file("csv")) == "file.csv"


def test_each_reader_removes_its_own_files_alone(tmp_path: Path) -> None:
    one, other = place_of("_00ab12cd", tmp_path), place_of("_11ab12cd", tmp_path)
    for place in (one, other):
        place.write(place.file("parquet", name="pay"), [b"rows"])
    one.remove_own(keep=())
    left = [path.name for path in (tmp_path / one.tenant / one.folder).iterdir()]
    assert left == ["file-000001_11ab12cd-pay.parquet"]


def place_of(mark: str, root: Path = Path()) -> JobFolder:
    return JobFolder(
        outputs=FileOutputs(root), tenant="acme", folder="exports/1", token=1, mark=mark
    )
