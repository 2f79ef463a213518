import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import UnknownReceiptError
from penstock.local.tenants.receipts import SqliteReceipts
from penstock.model.receipt import RECEIPT_KEPT, Receipt, new_receipt_id

START = datetime(2024, 5, 1, tzinfo=UTC)


class Clock:
    """A time that moves when it is told to."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def receipts(tmp_path: Path, clock: Clock) -> Iterator[SqliteReceipts]:
    receipts = SqliteReceipts(tmp_path / "p.sqlite", now=clock)
    yield receipts
    receipts.close()


def a_receipt(started: datetime, receipt_id: str | None = None) -> Receipt:
    return Receipt(
        id=receipt_id or new_receipt_id(),
        tenant="acme",
        dataset="area",
        version="v1",
        private=True,
        etag='"e"',
        format="csv",
        coding="identity",
        started=started,
    )


def stored(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "p.sqlite")) as connection:
        (count,) = connection.execute("SELECT count(*) FROM receipt").fetchone()
    return int(count)


def test_what_is_too_old_is_removed_as_new_ones_come(
    receipts: SqliteReceipts, clock: Clock, tmp_path: Path
) -> None:
    for _ in range(200):
        receipts.put(a_receipt(START))
    clock.time = START + RECEIPT_KEPT
    for _ in range(64):
        receipts.put(a_receipt(clock.time))
    assert stored(tmp_path) == 64


def test_one_put_removes_a_bounded_number(
    receipts: SqliteReceipts, clock: Clock, tmp_path: Path
) -> None:
    for _ in range(208):
        receipts.put(a_receipt(START))
    clock.time = START + RECEIPT_KEPT
    receipts.put(a_receipt(clock.time))
    assert stored(tmp_path) == 208 + 1 - 64


@settings(deadline=None, max_examples=50)
@given(
    started=st.timedeltas(timedelta(0), timedelta(days=3000)).map(lambda after: START + after),
    age=st.timedeltas(timedelta(0), timedelta(days=14)),
)
def test_a_receipt_is_known_for_exactly_seven_days(
    tmp_path_factory: pytest.TempPathFactory, started: datetime, age: timedelta
) -> None:
    path = tmp_path_factory.mktemp("receipts") / "p.sqlite"
    receipt = a_receipt(started, "ab" * 16)
    with closing(SqliteReceipts(path, now=lambda: started + age)) as receipts:
        receipts.put(receipt)
        try:
            known = receipts.get("acme", receipt.id) == receipt
        except UnknownReceiptError:
            known = False
    assert known == (age < RECEIPT_KEPT)
