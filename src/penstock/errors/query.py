"""Errors of a query: the URL asks for something that can't be answered."""

from collections.abc import Sequence

from penstock.errors.root import SHOWN_CHARACTERS, PenstockError, suggesting


class QueryError(PenstockError):
    """The URL asks for something that can't be answered; `parameter` names the key at fault."""

    code = "unusable-query"


class UnknownParameterError(QueryError):
    """A key is no control, no column and no `column__operator`."""

    code = "unknown-parameter"

    def __init__(
        self, parameter: str, *, did_you_mean: Sequence[str] = (), detail: str | None = None
    ) -> None:
        said = detail or f"“{parameter}” is neither a column of this dataset nor a control."
        super().__init__(
            suggesting(said, did_you_mean),
            parameter=parameter,
            did_you_mean=list(did_you_mean) or None,
        )


class UnknownColumnError(QueryError):
    """The control `parameter` names a column that the dataset lacks."""

    code = "unknown-column"

    def __init__(self, column: str, *, parameter: str, did_you_mean: Sequence[str] = ()) -> None:
        super().__init__(
            suggesting(f"{parameter} names “{column}”, which is no column.", did_you_mean),
            parameter=parameter,
            column=column,
            did_you_mean=list(did_you_mean) or None,
        )


class BadValueError(QueryError):
    """A value doesn't fit: names the column, its type and an example of a good value."""

    code = "bad-value"

    def __init__(
        self,
        parameter: str,
        value: str,
        *,
        expected: str,
        example: str | None = None,
        column: str | None = None,
        column_type: str | None = None,
    ) -> None:
        shown = value if len(value) <= SHOWN_CHARACTERS else value[:SHOWN_CHARACTERS] + "…"
        of = f" (column “{column}”, {column_type})" if column else ""
        hint = f" For example: {example}" if example else ""
        super().__init__(
            f"“{shown}” is no usable value for {parameter}{of}: expected {expected}.{hint}",
            parameter=parameter,
            column=column,
            column_type=column_type,
            expected=expected,
            example=example,
        )


class RepeatedParameterError(QueryError):
    """A control that takes one value stands more than once in the URL."""

    code = "repeated-parameter"

    def __init__(self, parameter: str) -> None:
        super().__init__(f"{parameter} may stand only once in a URL.", parameter=parameter)


class BadExpressionError(QueryError):
    """An expression control doesn't parse, or uses more than the grammar allows."""

    code = "bad-expression"

    def __init__(self, parameter: str, detail: str, *, did_you_mean: Sequence[str] = ()) -> None:
        super().__init__(
            suggesting(f"{parameter}: {detail}", did_you_mean),
            parameter=parameter,
            did_you_mean=list(did_you_mean) or None,
        )


class ConflictingParametersError(QueryError):
    """Two controls contradict each other."""

    code = "conflicting-parameters"

    def __init__(self, parameter: str, other: str, detail: str) -> None:
        super().__init__(
            f"{parameter} and {other} don't go together: {detail}",
            parameter=parameter,
            conflicts_with=other,
        )


class TooManyFiltersError(QueryError):
    """More filters stand in the URL than one may carry."""

    code = "too-many-filters"

    def __init__(self, *, limit: int, reached: int) -> None:
        super().__init__(
            f"The URL holds {reached} filters and at most {limit} are allowed: "
            "join values of one column with __in.",
            limit=limit,
            reached=reached,
        )


class BadCursorError(QueryError):
    """A cursor that is forged, damaged, or was made for another query."""

    code = "bad-cursor"

    def __init__(self, detail: str) -> None:
        super().__init__(f"_cursor {detail}: start again from the first page.", parameter="_cursor")


class UnrepresentableError(QueryError):
    """The format can't hold a column's type; the way out is to leave the column out."""

    code = "unrepresentable"

    def __init__(self, *, column: str, column_type: str, format_name: str) -> None:
        super().__init__(
            f"{format_name} can't hold column “{column}” ({column_type}): leave it out with "
            f"_exclude={column}, or ask for another format.",
            column=column,
            column_type=column_type,
            format=format_name,
        )


class NumberTooLongError(QueryError):
    """No type holds a number that the query makes; `computed` are the sums and averages asked for.

    `parameter` is the control that makes it, None where that can't be told.
    """

    code = "number-too-long"

    def __init__(self, *, parameter: str | None, computed: Sequence[str] = ()) -> None:
        if computed:
            said = (
                f"adding up for {' or '.join(computed)} makes a number of more than 38 digits, and "
                "no type holds it: add up fewer rows (with a filter, or more columns in _group), "
                "or ask for min, max or count."
            )
        else:
            said = (
                "a number that is made to compare two others has more than 38 digits, and no type "
                "holds it: compare each column with a value, or with another column."
            )
        super().__init__(
            f"{parameter}: {said}" if parameter else said[0].upper() + said[1:],
            parameter=parameter,
            computed=list(computed) or None,
        )
