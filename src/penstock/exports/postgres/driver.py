"""The ADBC driver for PostgreSQL by its plain interface: its DB-API would load pandas, too."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcStatement, Error
from adbc_driver_manager._reader import AdbcRecordBatchReader
from adbc_driver_postgresql import ConnectionOptions, StatementOptions
from adbc_driver_postgresql import connect as open_database

DriverError = Error
"""What the driver raises, also while rows are read, with `sqlstate` where the server told one."""

BATCH_BYTES = 1 << 20
"""About what is gathered before a batch is given; the driver's own default is 16 MiB."""


class ReadConnection:
    """One connection, outside any transaction at first. Only `is_connected` after an error.

    A statement takes several turns with the server, which a pooler may give to different sessions:
    each is run between `begin` and `end`, whose own words are one turn each.
    """

    def __init__(self, parameters: str) -> None:
        """Connect. Raises DriverError or OSError."""
        self._database = open_database(parameters)
        try:
            self._connection = AdbcConnection(self._database)
        except BaseException:
            self._database.close()
            raise

    def begin(self) -> None:
        """Have the next statement begin a transaction. Raises DriverError or OSError."""
        self._connection.set_autocommit(False)

    def end(self) -> None:
        """Leave the transaction, in which nothing was written. Raises DriverError or OSError."""
        self._connection.set_autocommit(True)

    def execute(self, statement: str) -> list[dict[str, Any]]:
        """Run a statement; give its rows, which are to be few. Raises DriverError or OSError."""
        with self.rows(statement) as reader:
            found: list[dict[str, Any]] = reader.read_all().to_pylist()
        return found

    @contextmanager
    def rows(self, select: str) -> Iterator[pa.RecordBatchReader]:
        """Read the rows of a SELECT by COPY, in batches of about BATCH_BYTES.

        Left in the middle, the query goes on in the server until it is cancelled. Raises
        DriverError, and so does reading; where pyarrow can't take what came, it raises its own.
        """
        with closing(AdbcStatement(self._connection)) as statement:
            statement.set_options(
                **{StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(BATCH_BYTES)}
            )
            statement.set_sql_query(select)
            stream, _ = statement.execute_query()
            # The DB-API's own reader: pyarrow's would lose the code of an error among the rows.
            reader = AdbcRecordBatchReader._import_from_c(stream.address)  # noqa: SLF001 - there is no other way to make one
            with closing(reader):
                yield reader

    def is_connected(self) -> bool:
        """Whether the server was still there when something was last heard; asks it nothing."""
        with suppress(Error, OSError):
            status = ConnectionOptions.TRANSACTION_STATUS.value
            return self._connection.get_option(status) != "unknown"
        return False

    def is_alive(self) -> bool:
        """Whether the server answers."""
        try:
            self.begin()
            self.execute("SELECT 1")
            self.end()
        except (Error, OSError):
            return False
        return True

    def close(self) -> None:
        """Close it; one that broke may refuse, and is gone all the same."""
        for part in (self._connection, self._database):
            with suppress(Error, OSError, RuntimeError):
                part.close()
