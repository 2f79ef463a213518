"""Numbers that no type holds: the control that makes one is named from the statement's own text."""

import pytest

from penstock.errors import NumberTooLongError, PenstockError
from penstock.reading.engine.failures import translated

SUM = "Out of Range Error: Overflow in HUGEINT addition: 9 + 9"
COMPARISON = 'Conversion Error: Casting value "99" to type DECIMAL(38,10) failed'


def named(text: str, sql: str) -> PenstockError:
    return translated(RuntimeError(text), dataset="things", spill_bytes=1, sql=sql)


@pytest.mark.parametrize(
    ("text", "sql", "parameter", "computed"),
    [
        (SUM, 'SELECT sum("a") AS c0 FROM x', "_select", ["sum(a)"]),
        (SUM, 'SELECT avg("a ""b""") AS c0, sum("c") AS c1', "_select", ['avg(a "b")', "sum(c)"]),
        (SUM, 'SELECT "g" AS c0 GROUP BY "g" HAVING (sum("a") > ?)', "_having", ["sum(a)"]),
        (SUM, 'SELECT sum("a") WHERE ("b" > ?) HAVING (sum("c") > ?)', "_select", ["sum(a)"]),
        # A column may be named as clauses and sums are written.
        (SUM, 'SELECT " HAVING " AS c0, sum("a") AS c1', "_select", ["sum(a)"]),
        (SUM, 'SELECT "sum(""b"")" AS c0, sum("a") AS c1', "_select", ["sum(a)"]),
        (COMPARISON, 'SELECT sum("c") AS c0 WHERE ("a" > "b")', "_where", None),
        (COMPARISON, "SELECT 1 GROUP BY c HAVING (max(a) > max(b))", "_having", None),
        (COMPARISON, "SELECT 1 WHERE (a > b) HAVING (max(a) > max(b))", None, None),
        (SUM, "SELECT 1", None, None),
    ],
)
def test_the_control_at_fault_is_named(
    text: str, sql: str, parameter: str | None, computed: list[str] | None
) -> None:
    error = named(text, sql)
    assert isinstance(error, NumberTooLongError)
    assert error.facts.get("parameter") == parameter
    assert error.facts.get("computed") == computed
    assert "99" not in error.detail
