"""A slice: which columns and rows of a dataset are wanted, in which order, and how they look.

Names in a slice are names of the dataset's schema (or, in `having` and `sort`, of its outputs);
values are Python values already coerced to the type they are compared with.
"""

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Literal
from uuid import UUID

Value = str | int | float | bool | Decimal | date | datetime | time | UUID

CompareOperator = Literal["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM"]
TextOperator = Literal["contains", "icontains", "startswith", "endswith"]
FunctionName = Literal["lower", "upper", "length", "trim", "abs", "round", "coalesce", "date_trunc"]
AggregateName = Literal["count", "sum", "avg", "min", "max"]


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """A column by its name in the schema."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A bound value; `type_name` is the engine's type that it is cast to, None leaves it be."""

    value: Value | None
    type_name: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the allow-list."""

    function: FunctionName
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate; without `argument` it is `count(*)`."""

    function: AggregateName
    argument: ColumnRef | None = None
    distinct: bool = False


Expression = ColumnRef | Constant | Call | Aggregate


@dataclass(frozen=True, slots=True)
class Compare:
    """`left operator right`; null on either side is no match, but for IS DISTINCT FROM."""

    left: Expression
    operator: CompareOperator
    right: Expression


@dataclass(frozen=True, slots=True)
class InList:
    """Membership of a list; negated, null is no match, as in SQL."""

    left: Expression
    items: tuple[Expression, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class TextMatch:
    """A literal text test: no character of `value` is a wildcard."""

    left: Expression
    operator: TextOperator
    value: str


@dataclass(frozen=True, slots=True)
class Like:
    """SQL LIKE: `%` and `_` are wildcards."""

    left: Expression
    pattern: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class IsNull:
    """Null or not."""

    left: Expression
    negated: bool = False


@dataclass(frozen=True, slots=True)
class IsBlank:
    """Null or the empty string, or neither; of a column that isn't text: null."""

    left: ColumnRef
    negated: bool = False


@dataclass(frozen=True, slots=True)
class OnDay:
    """A timestamp within one calendar day of UTC."""

    left: ColumnRef
    day: date


@dataclass(frozen=True, slots=True)
class And:
    """All of them."""

    items: tuple["Predicate", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of them."""

    items: tuple["Predicate", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The negation, with SQL's three values."""

    item: "Predicate"


@dataclass(frozen=True, slots=True)
class Truth:
    """A boolean expression standing as a predicate of its own."""

    item: Expression


Predicate = Compare | InList | TextMatch | Like | IsNull | IsBlank | OnDay | And | Or | Not | Truth


@dataclass(frozen=True, slots=True)
class Output:
    """One column of the answer: its name and what it holds."""

    name: str
    source: ColumnRef | Aggregate


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of an order; nulls come last both ways. `by` is a schema column or an output."""

    by: ColumnRef | Aggregate
    descending: bool = False


@dataclass(frozen=True, slots=True)
class AfterKeys:
    """Go on behind the row with these sort keys (as the engine's text, None for null) and place.

    `rows` counts the rows of the whole answer up to and with that row.
    """

    keys: tuple[str | None, ...]
    place: int
    rows: int = 0


@dataclass(frozen=True, slots=True)
class AfterRows:
    """Go on behind this many rows of the whole answer."""

    rows: int


Position = AfterKeys | AfterRows


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which rows of the ordered answer; a cursor's `after` counts before `offset` does."""

    limit: int | None = None
    offset: int = 0
    after: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What is wanted of one dataset.

    `outputs` are in the answer's order and their names are distinct. With `grouped`, the outputs
    are the columns of `group` and aggregates. The order is total: file order when `sort` is empty;
    else `sort` and then the row's place in the file, or, grouped or distinct, all outputs.
    """

    outputs: tuple[Output, ...]
    predicate: Predicate | None = None
    grouped: bool = False
    group: tuple[ColumnRef, ...] = ()
    having: Predicate | None = None
    distinct: bool = False
    sort: tuple[SortKey, ...] = ()
    page: Page = Page()

    @property
    def in_file_order(self) -> bool:
        """Whether rows come as they are stored, so that the read can be cut into windows."""
        return not (self.sort or self.grouped or self.distinct)


def everything(columns: tuple[str, ...]) -> Slice:
    """Take the whole dataset: all columns, all rows, file order."""
    return Slice(outputs=tuple(Output(name, ColumnRef(name)) for name in columns))
