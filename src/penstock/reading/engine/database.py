"""The engine's database: one DuckDB in memory, locked down, with connections that are ready."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from penstock.reading.engine.connections import Connections
from penstock.reading.engine.literals import text
from penstock.reading.engine.object_store import ObjectStore, Secrets, open_store


class Database:
    """A DuckDB that can read below `roots` and its object store's prefixes, and nowhere else.

    It can't be set otherwise afterwards. One that `keeps_ranges` holds what it read of objects, for
    as long as its memory has room. Raises SetupError if an object store is given and its
    extension isn't installed.
    """

    def __init__(
        self,
        *,
        roots: Sequence[Path],
        spill_dir: Path,
        memory_bytes: int,
        threads: int,
        queries: int,
        spill_bytes: int,
        object_store: ObjectStore | None,
        keeps_ranges: bool = False,
    ) -> None:
        # The extension's package was checked when it was installed, as all other code was. To hash
        # its 20 MB once more takes an eighth of a second, and nothing else is ever loaded.
        is_trusted = object_store is not None
        self._database = duckdb.connect(
            ":memory:", config={"allow_unsigned_extensions": str(is_trusted).lower()}
        )
        allowed = [f"{root.resolve()}/" for root in roots]
        # Before anything else: a secret that may be kept on disk can't be replaced once locked.
        self._database.execute("SET allow_persistent_secrets = false")
        if object_store is not None:
            open_store(self._database, object_store)
            self._database.execute("SET allow_unsigned_extensions = false")
            allowed += object_store.prefixes
        # The order matters: each setting closes a way to change those above it.
        for setting in (
            f"temp_directory = {text(str(spill_dir))}",
            f"memory_limit = '{memory_bytes}B'",
            f"threads = {threads}",
            f"max_temp_directory_size = '{spill_bytes}B'",
            # Each query has a connection of its own, which would begin with the machine's zone.
            "GLOBAL TimeZone = 'UTC'",
            f"enable_external_file_cache = {str(keeps_ranges).lower()}",
            # A location has one content alone: what was read of it stays true.
            "validate_external_file_cache = 'NO_VALIDATION'",
            # Geometries stay the bytes that are stored: made anew, they would lose their SRID.
            "GLOBAL enable_geoparquet_conversion = false",
            "enable_progress_bar = false",
            f"allowed_directories = [{', '.join(map(text, allowed))}]",
            "enable_external_access = false",
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
        ):
            self._database.execute(f"SET {setting}")
        self.connections = Connections(self._database, count=queries)
        self._database.execute("SET lock_configuration = true")
        self._secrets = None if object_store is None else Secrets(self._database, object_store)

    def allow(self, locations: Sequence[str]) -> None:
        """Let a query that is about to begin read these objects; files need no such thing."""
        if self._secrets is not None:
            self._secrets.make(locations)

    def close(self) -> None:
        """End the database; running queries fail."""
        if self._secrets is not None:
            self._secrets.close()
        self.connections.close()
        self._database.close()
