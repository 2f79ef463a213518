import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "costs.md"

TIMES = "\N{MULTIPLICATION SIGN}"
MINUS = "\N{MINUS SIGN}"
OVER = "\N{DIVISION SIGN}"

_AMOUNT = r"\$?\d[\d,]*(?:\.\d+)?%?"
_UNIT = r"(?: [a-zA-Z%][a-zA-Z-]*)*"
_TERM = rf"{_AMOUNT}{_UNIT}"
_SIGN = f"[{TIMES}{OVER}+{MINUS}]"
_LINE = re.compile(rf"({_TERM}(?: {_SIGN} {_TERM})+) = ({_AMOUNT})( %)?")
_SUM = re.compile(f" [+{MINUS}] ")


def calculations(text: str) -> Iterator[tuple[str, str, bool]]:
    """Yield each calculation of a page: its left side, its result, and whether that is percent."""
    for found in _LINE.finditer(" ".join(text.split("\n"))):
        yield found[1], found[2], found[3] is not None


def number(term: str) -> Decimal:
    amount = re.match(_AMOUNT, term)
    assert amount is not None, term
    return Decimal(amount[0].strip("$%").replace(",", ""))


def worked_out(expression: str) -> Decimal:
    first, *rest = re.split(f" ({_SIGN}) ", expression)
    sums: list[Decimal] = [number(first)]
    for sign, term in zip(rest[::2], rest[1::2], strict=True):
        value = number(term)
        if sign == TIMES:
            sums[-1] *= value
        elif sign == OVER:
            sums[-1] /= value
        else:
            sums.append(value if sign == "+" else -value)
    return sum(sums, Decimal())


def is_rounded_to(exact: Decimal, shown: str) -> bool:
    """Whether `shown` is `exact`, rounded to the places that it shows; a half may go either way."""
    places = len(shown.partition(".")[2])
    return abs(exact - number(shown)) <= Decimal(10) ** -places / 2


CALCULATIONS = list(calculations(PAGE.read_text()))


def test_the_page_has_its_arithmetic() -> None:
    assert len(CALCULATIONS) > 60


@pytest.mark.parametrize(("left", "shown", "percent"), CALCULATIONS)
def test_every_line_of_arithmetic_comes_out(left: str, shown: str, *, percent: bool) -> None:
    exact = worked_out(left) * (100 if percent else 1)
    assert is_rounded_to(exact, shown), f"{left} = {exact:,.6f}, not {shown}"


def test_every_equals_sign_in_a_table_is_a_line_that_is_checked() -> None:
    cells = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    written = sum(line.count(" = ") for line in cells)
    checked = sum(len(list(calculations(line))) for line in cells)
    assert checked == written


def test_what_a_sum_adds_was_worked_out_above_it() -> None:
    known: set[str] = {"$5.00", "$4.00"}  # the web ACL, and four rules at a dollar
    for left, shown, _ in CALCULATIONS:
        if _SUM.search(left) and TIMES not in left and "$" in left:
            for term in _SUM.split(left):
                assert term in known, f"{term} in {left} = {shown}"
        known.add(shown)


def test_every_price_that_is_used_stands_in_the_table_of_prices() -> None:
    table = PAGE.read_text().partition("## Unit prices")[2].partition("\n## ")[0]
    priced = set(re.findall(r"\$\d[\d.]*\d", table.replace(", ", " ")))
    used = {
        term
        for left, _, _ in CALCULATIONS
        if TIMES in left
        for term in re.findall(rf"{TIMES} (\$[\d.]+)", left)
    }
    worked = {shown for _, shown, _ in CALCULATIONS}
    assert used - priced - worked == {"$0.45"}  # $0.25 and $0.20, named beside it


@given(st.integers(0, 10**9), st.integers(1, 10**6), st.integers(0, 10**9))
def test_products_come_before_sums(a: int, b: int, c: int) -> None:
    assert worked_out(f"{a:,} GB + ${b} {TIMES} {c:,} s") == a + b * c
    assert worked_out(f"{a} {MINUS} {c} {OVER} {b}") == a - Decimal(c) / b


@pytest.mark.parametrize(
    ("exact", "shown", "fits"),
    [
        ("1.875", "$1.88", True),
        ("1.87", "1.88", False),
        ("0.0202", "$0.02", True),
        ("3", "4", False),
    ],
)
def test_a_result_is_as_exact_as_it_is_written(exact: str, shown: str, *, fits: bool) -> None:
    assert is_rounded_to(Decimal(exact), shown) is fits
