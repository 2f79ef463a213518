"""What an answer looks like, drawn at random: its columns, groups, order and page."""

import re
from dataclasses import dataclass, replace
from random import Random

import pyarrow as pa
from tests.flows import slices_evaluation as sure
from tests.flows.slices_evaluation import Asked, Output, Test
from tests.flows.slices_expressions import Expressions
from tests.flows.slices_fields import Field
from tests.flows.slices_filters import Pair
from tests.flows.slices_functions import Operand
from tests.flows.slices_tables import Table
from tests.flows.slices_values import NUMBERS, double_quoted

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Shapes:
    """Draws the controls beside filters into `pairs`."""

    rng: Random
    table: Table
    expressions: Expressions
    pairs: list[Pair]

    def shape(self) -> Asked:
        """Draw the columns of the answer: all, some, all but some, distinct ones, or groups."""
        columns = [_plain_output(column) for column in self.table.fields]
        kind = self.rng.choice(
            ("all", "all", "select", "select", "exclude", "group", "group", "distinct")
        )
        match kind:
            case "all":
                return Asked(outputs=tuple(columns))
            case "select":
                return Asked(outputs=self.selected(columns))
            case "exclude" if len(columns) > 1:
                out = self.rng.sample(columns, self.rng.randint(1, len(columns) - 1))
                names = ",".join(self.item(output.name) for output in out)
                self.pairs.append(("_exclude", names))
                return Asked(outputs=tuple(output for output in columns if output not in out))
            case "distinct":
                flat = [output for output in columns if output.kind != "nested"]
                if not flat:
                    return Asked(outputs=tuple(columns))
                self.pairs.append(("_distinct", self.rng.choice(("1", "on"))))
                outputs = tuple(columns)
                if len(flat) < len(columns) or self.rng.random() < 0.7:
                    outputs = self.selected(flat)
                return Asked(outputs=outputs, distinct=True)
            case "group":
                return self.groups(columns)
        return Asked(outputs=tuple(columns))

    def selected(self, columns: list[Output]) -> tuple[Output, ...]:
        chosen = self.rng.sample(columns, self.rng.randint(1, len(columns)))
        outputs = [replace(output, name=self.alias(output)) for output in chosen]
        if len({output.name for output in outputs}) < len(outputs):
            outputs = chosen
        items = [
            self.item(output.column or "")
            + ("" if output.name == output.column else f" as {self.item(output.name)}")
            for output in outputs
        ]
        self.pairs.append(("_select", self.rng.choice((",", ", ")).join(items)))
        return tuple(outputs)

    def alias(self, output: Output) -> str:
        if self.rng.random() < 0.7:
            return output.name
        return self.rng.choice(
            ("renamed", "x, y", "as", "日", 'q"', f"{output.name}_2", "count", "-n")
        )

    def groups(self, columns: list[Output]) -> Asked:
        flat = [output for output in columns if output.kind != "nested"]
        group = self.rng.sample(flat, min(len(flat), self.rng.choice((0, 1, 1, 2))))
        outputs = [output for output in group if self.rng.random() < 0.9]
        outputs += [self.aggregate() for _ in range(self.rng.randint(0 if outputs else 1, 3))]
        if len({output.name for output in outputs}) < len(outputs):
            outputs = [
                output if not output.function else replace(output, name=f"out {place}")
                for place, output in enumerate(outputs)
            ]
            if len({output.name for output in outputs}) < len(outputs):
                outputs = [Output(name="count", column=None, function="count", kind="integer")]
        if (
            any(output.function for output in outputs)
            or outputs != group
            or self.rng.random() < 0.5
        ):
            self.pairs.append(("_select", ",".join(self.source(output) for output in outputs)))
        asked = Asked(outputs=tuple(outputs), group=tuple(output.name for output in group))
        if group:
            self.pairs.append(("_group", ",".join(self.item(output.name) for output in group)))
            if self.rng.random() < 0.4:
                text, test = self.having(asked)
                self.pairs.append(("_having", text))
                asked = replace(asked, having=test)
        return asked

    def aggregate(self) -> Output:
        column = self.rng.choice(self.table.fields)
        functions = ["rows", "count"]
        if column.kind != "nested":
            functions += ["distinct", "min", "max", "min", "max"]
        if column.kind in NUMBERS:
            functions += ["sum", "avg", "sum", "avg"]
        function = self.rng.choice(functions)
        if function == "rows":
            named = Output(name="count", column=None, function="count", kind="integer")
        elif function in {"count", "distinct"}:
            distinct = function == "distinct"
            name = f"count_{'distinct_' if distinct else ''}{column.name}"
            named = Output(
                name=name, column=column.name, function="count", distinct=distinct, kind="integer"
            )
        else:
            inexact = function == "avg" or (function == "sum" and column.kind == "float")
            named = Output(
                name=f"{function}_{column.name}",
                column=column.name,
                function=function,
                kind="float" if function == "avg" else column.kind,
                inexact=inexact,
            )
        return replace(named, name="n") if self.rng.random() < 0.4 else named

    def source(self, output: Output) -> str:
        if output.function is None:
            return self.item(output.column or "")
        inside = "*" if output.column is None else self.item(output.column)
        default = f"{output.function}_{'distinct_' if output.distinct else ''}{output.column}"
        default = "count" if output.column is None else default
        text = f"{output.function}({'distinct ' if output.distinct else ''}{inside})"
        return text if output.name == default else f"{text} as {self.item(output.name)}"

    def having(self, asked: Asked) -> tuple[str, Test]:
        operands = [
            Operand(
                text=self.expressions.name(output.name),
                like=self.field_of(output),
                value=lambda row, name=output.name: row[name],  # type: ignore[misc]  # the default binds the loop's variable
            )
            for output in asked.outputs
            if not output.inexact
        ]
        for _ in range(2):
            inner = self.aggregate()
            if inner.inexact:
                continue
            inside = "*" if inner.column is None else double_quoted(inner.column)
            operands.append(
                Operand(
                    text=f"{inner.function}({'DISTINCT ' if inner.distinct else ''}{inside})",
                    like=self.field_of(inner),
                    value=lambda row, of=inner: sure.aggregate(row[sure.ROWS], of),  # type: ignore[misc]  # the same
                )
            )
        if not operands:
            return "count(*) > 0", lambda _: True
        return self.expressions.expression(operands, depth=self.rng.choice((0, 0, 1)))

    def field_of(self, output: Output) -> Field:
        """Say what values of an output look like."""
        if output.function == "count":
            return Field(name="", kind="integer", stored=pa.int64(), pool=(0, 1, 2, 3))
        column = self.table.by_name[output.column or ""]
        if output.function == "sum" and column.kind == "integer":
            # As wide as a sum of integers is; the evaluation needs its range alone.
            return replace(column, stored=pa.decimal128(38, 0))
        if output.function == "sum" and column.kind == "decimal":
            return replace(column, stored=pa.decimal128(38, column.stored.scale))
        return column

    def item(self, name: str) -> str:
        """Write a name as it stands in a list."""
        plain = _PLAIN.fullmatch(name) and name.lower() not in {"as", "count"}
        return name if plain and self.rng.random() < 0.7 else double_quoted(name)

    def sorted(self, asked: Asked) -> Asked:
        if self.rng.random() < 0.55:
            return asked
        able = [
            output for output in asked.outputs if output.kind != "nested" and not output.inexact
        ]
        if asked.group is None and not asked.distinct:
            # A name is an output's before it is a column's.
            shown = {output.name for output in asked.outputs}
            able += [
                _plain_output(column)
                for column in self.table.fields
                if column.kind != "nested" and column.name not in shown
            ]
        chosen: list[Output] = []
        for output in self.rng.sample(able, len(able)):
            same = ((other.column, other.function, other.distinct) for other in chosen)
            if (output.column, output.function, output.distinct) not in same:
                chosen.append(output)
        chosen = chosen[: self.rng.choice((1, 1, 2, 3))]
        if not chosen:
            return asked
        keys = tuple((output, self.rng.random() < 0.5) for output in chosen)
        texts = [f"{'-' if descending else ''}{self.item(by.name)}" for by, descending in keys]
        self.pairs.append(("_sort", ",".join(texts)))
        return replace(asked, sort=keys)

    def paged(self, asked: Asked) -> Asked:
        limit, offset = None, 0
        if self.rng.random() < 0.25:
            limit = self.rng.choice((0, 1, 2, 5, 5, 20, 100))
            self.pairs.append(("_limit", str(limit)))
        if self.rng.random() < 0.2:
            offset = self.rng.choice((0, 1, 1, 2, 3, 10, 70))
            self.pairs.append(("_offset", str(offset)))
        return replace(asked, limit=limit, offset=offset)


def _plain_output(column: Field) -> Output:
    return Output(name=column.name, column=column.name, kind=column.kind)
