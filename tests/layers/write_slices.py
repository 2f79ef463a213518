"""A program: the slice `n >= 6` of a file as every format, read back; for a built function."""

import json
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
from tests.reading_parts import dataset_of, minute, reader_over

from penstock.formats import all_formats
from penstock.model.format import Style
from penstock.model.slice import ColumnRef, Compare, Constant, Output, Slice
from penstock.reading.estimate import AT_ONCE
from penstock.reading.scan import scan
from penstock.reading.sql import TextTypes

TABLE = pa.table(
    {
        "n": [5, 6, 7],
        "word": ["a", None, 'say "ü"'],
        "part": [0.25, None, 1e300],
        "time": pa.array([0, 1, None], pa.timestamp("us", "UTC")),
    }
)
READ_BACK: dict[str, Callable[[bytes], int]] = {
    "arrow": lambda content: pa.ipc.open_stream(content).read_all().num_rows,
    "csv": lambda content: pc.read_csv(BytesIO(content)).num_rows,
    "json": lambda content: len(json.loads(content)),
    "ndjson": lambda content: len(content.splitlines()),
    "parquet": lambda content: pq.read_table(BytesIO(content)).num_rows,
}


def main(folder: Path) -> None:
    """Print the rows that each format holds."""
    wanted = Slice(
        outputs=tuple(Output(name, ColumnRef(name)) for name in TABLE.column_names),
        predicate=Compare(ColumnRef("n"), ">=", Constant(6, "BIGINT")),
    )
    rows: dict[str, int] = {}
    with reader_over(folder) as reader:
        dataset = dataset_of(reader, folder, TABLE)
        for extension, form in all_formats().items():
            batches = [
                each.rows
                for each in scan(
                    reader, dataset, wanted, text=TextTypes(), allowance=minute(), pace=AT_ONCE
                )
            ]
            content = b"".join(form.encode(batches, batches[0].schema, Style()))
            rows[extension] = READ_BACK[extension](content)
    sys.stdout.write(json.dumps(rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
