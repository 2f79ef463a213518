"""What a receipt proves of the bytes that arrived."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.client.transfer.receipts import (
    NoReceipt,
    ReceivedContent,
    StatedReceipt,
    Verdict,
    judge,
)
from penstock.model.receipt import Receipt

HELD = ReceivedContent(bytes=5, sha256="a" * 64, identity_bytes=9, identity_sha256="b" * 64)
STATED = StatedReceipt(
    state="complete", bytes=5, sha256="a" * 64, identity_bytes=9, identity_sha256="b" * 64
)


def test_what_is_stated_are_fields_of_a_receipt() -> None:
    assert {field.name for field in fields(StatedReceipt)} <= {
        field.name for field in fields(Receipt)
    }


def test_a_receipt_that_agrees_leaves_neither_doubt_nor_wrong() -> None:
    assert judge(STATED, HELD) == Verdict()
    assert judge(replace(STATED, bytes=None, identity_bytes=None), HELD) == Verdict()
    assert judge(STATED, ReceivedContent(bytes=5, sha256="a" * 64)) == Verdict()


@pytest.mark.parametrize("name", ["bytes", "sha256", "identity_bytes", "identity_sha256"])
@given(other=st.integers(10, 99))
def test_each_fact_alone_can_be_wrong(name: str, other: int) -> None:
    value: object = other if name.endswith("bytes") else str(other).ljust(64, "0")
    wrong = replace(STATED, **{name: value})  # type: ignore[arg-type]  # the name is a parameter
    assert str(value) in judge(wrong, HELD).wrong


@pytest.mark.parametrize(
    "stated",
    [
        NoReceipt("nothing there"),
        replace(STATED, state="streaming"),
        replace(STATED, state="aborted"),
        replace(STATED, sha256=None, identity_sha256=None),
    ],
)
def test_a_receipt_that_proves_nothing_is_doubted(stated: StatedReceipt | NoReceipt) -> None:
    verdict = judge(stated, HELD)
    assert verdict.doubt
    assert not verdict.wrong
