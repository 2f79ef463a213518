import re
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.reading_parts import dataset_of, minute

from penstock.model.dataset import Dataset
from penstock.model.slice import ColumnRef, Like, Slice, everything
from penstock.reading.counting import count_rows
from penstock.reading.engine import Allowance
from penstock.reading.reader import Reader

ALPHABET = "aAb%_.*\\[]()?+^$|{}\n\0é😀"
VALUES = [
    "", "a", "ab", "aab", "a%b", "a_b", "é", "😀a", "a\nb", "a.b", "a\\b", "a*", "[a]", "\0", "Ab",
]  # fmt: skip


@pytest.fixture(scope="module")
def words(reader: Reader, root: Path) -> Dataset:
    return dataset_of(reader, root, pa.table({"word": [*VALUES, None]}), name="words")


@pytest.fixture(scope="module")
def long_words(reader: Reader, root: Path) -> Dataset:
    return dataset_of(reader, root, pa.table({"word": ["a" * 200] * 50}), name="long-words")


def matching(pattern: str, *, negated: bool = False) -> Slice:
    return Slice(
        outputs=everything(("word",)).outputs, predicate=Like(ColumnRef("word"), pattern, negated)
    )


def as_python_says(pattern: str) -> int:
    wild = {"%": ".*", "_": "."}
    regular = re.compile("".join(wild.get(c, re.escape(c)) for c in pattern), re.DOTALL)
    return sum(regular.fullmatch(value) is not None for value in VALUES)


@settings(max_examples=150, deadline=None)
@given(st.text(ALPHABET, max_size=6))
@example("a_b")
@example("%_")
@example("%\\_%")
def test_like_knows_two_wildcards_and_takes_the_rest_as_written(
    reader: Reader, words: Dataset, pattern: str
) -> None:
    like = count_rows(reader, words, matching(pattern), allowance=minute())
    unlike = count_rows(reader, words, matching(pattern, negated=True), allowance=minute())
    assert like == as_python_says(pattern)
    assert like + unlike == len(VALUES)


@pytest.mark.parametrize("pattern", ["%_a" * 30 + "%_b", "%a" * 30 + "%b", "%" * 500 + "b"])
def test_no_pattern_makes_a_query_that_never_ends(
    reader: Reader, long_words: Dataset, pattern: str
) -> None:
    allowance = Allowance(seconds=20)
    assert count_rows(reader, long_words, matching(pattern), allowance=allowance) == 0
