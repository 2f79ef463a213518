"""Statistics of a dataset's columns: nulls, distinct values and both ends."""

from dataclasses import dataclass

from penstock.model.dataset import Dataset
from penstock.reading import sql
from penstock.reading.counting import single_row
from penstock.reading.engine import Allowance
from penstock.reading.reader import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnStats:
    """One column: counts of rows, and its least and greatest value as the engine's text.

    `distinct` is an estimate (HyperLogLog, a few percent); the rest is exact.
    """

    name: str
    type_name: str
    nulls: int
    distinct: int
    least: str | None
    greatest: str | None


def column_stats(
    reader: Reader, dataset: Dataset, *, allowance: Allowance
) -> tuple[ColumnStats, ...]:
    """Profile a dataset's columns in one pass over its files.

    Raises what a scan raises.
    """
    found = single_row(reader, dataset, sql.profile(dataset), allowance=allowance)
    profiled = []
    for index, column in enumerate(dataset.columns):
        nulls, distinct, least, greatest = found[4 * index : 4 * index + 4]
        profiled.append(
            ColumnStats(
                name=column.name,
                type_name=column.type_name,
                nulls=int(nulls or 0),
                # The estimate may exceed what there is.
                distinct=min(int(distinct or 0), dataset.rows - int(nulls or 0)),
                least=None if least is None else str(least),
                greatest=None if greatest is None else str(greatest),
            )
        )
    return tuple(profiled)
