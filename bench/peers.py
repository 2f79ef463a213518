"""The two common ways to write this service in Python, each as the app that its users would write.

Started as `python peers.py pandas|small-batches FOLDER PORT`; serves `/{dataset}.csv` and
`/{dataset}.ndjson` of the Parquet files there, with an optional `?organisation-entity=`.
"""

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Query
from fastapi.responses import StreamingResponse

PANDAS_BATCH_ROWS = 10_000
SMALL_BATCH_ROWS = 2_000
ORGANISATION = Query(alias="organisation-entity")


Rows = Callable[[str, int | None], Iterator[str] | Iterator[bytes]]
"""Writes a dataset's rows, all of them or one organisation's."""


def pandas_app(folder: Path) -> FastAPI:
    """Serve through pandas: batches of 10,000 rows, filtered and written as data frames."""
    import pandas as pd  # noqa: PLC0415 - only this app shall pay for pandas
    import pyarrow.parquet as pq  # noqa: PLC0415 - the same

    def frames(dataset: str, organisation: int | None) -> Iterator[pd.DataFrame]:
        file = pq.ParquetFile(folder / f"{dataset}.parquet")
        for batch in file.iter_batches(PANDAS_BATCH_ROWS):
            frame = batch.to_pandas()
            if organisation is not None:
                frame = frame[frame["organisation-entity"] == organisation]
            yield frame

    def csv(dataset: str, organisation: int | None) -> Iterator[str]:
        for number, frame in enumerate(frames(dataset, organisation)):
            yield frame.to_csv(index=False, header=number == 0)

    def ndjson(dataset: str, organisation: int | None) -> Iterator[str]:
        for frame in frames(dataset, organisation):
            yield frame.to_json(orient="records", lines=True, date_format="iso")

    return _app(csv, ndjson)


def small_batches_app(folder: Path) -> FastAPI:
    """Serve through DuckDB and pyarrow's CSV writer: batches of 2,000 rows."""
    import duckdb  # noqa: PLC0415 - only this app shall pay for DuckDB
    import pyarrow as pa  # noqa: PLC0415 - the same
    import pyarrow.csv as pa_csv  # noqa: PLC0415 - the same

    def batches(dataset: str, organisation: int | None) -> Iterator[pa.RecordBatch]:
        path = str(folder / f"{dataset}.parquet")
        sql, values = "select * from read_parquet(?)", [path]
        if organisation is not None:
            sql, values = f'{sql} where "organisation-entity" = ?', [path, str(organisation)]
        with duckdb.connect() as connection:
            yield from connection.execute(sql, values).to_arrow_reader(SMALL_BATCH_ROWS)

    def csv(dataset: str, organisation: int | None) -> Iterator[bytes]:
        for number, batch in enumerate(batches(dataset, organisation)):
            buffer = io.BytesIO()
            pa_csv.write_csv(batch, buffer, pa_csv.WriteOptions(include_header=number == 0))
            yield buffer.getvalue()

    def ndjson(dataset: str, organisation: int | None) -> Iterator[str]:
        for batch in batches(dataset, organisation):
            yield "".join(json.dumps(row) + "\n" for row in batch.to_pylist())

    return _app(csv, ndjson)


def _app(csv: Rows, ndjson: Rows) -> FastAPI:
    app = FastAPI()

    @app.get("/{dataset}.csv")
    def get_csv(
        dataset: str, organisation: Annotated[int | None, ORGANISATION] = None
    ) -> StreamingResponse:
        return StreamingResponse(csv(dataset, organisation), media_type="text/csv")

    @app.get("/{dataset}.ndjson")
    def get_ndjson(
        dataset: str, organisation: Annotated[int | None, ORGANISATION] = None
    ) -> StreamingResponse:
        return StreamingResponse(ndjson(dataset, organisation), media_type="application/x-ndjson")

    return app


APPS = {"pandas": pandas_app, "small-batches": small_batches_app}


def main() -> None:
    way, folder, port = sys.argv[1:]
    app = APPS[way](Path(folder))
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
