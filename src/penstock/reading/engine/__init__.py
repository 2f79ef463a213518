"""The engine: the only place that knows DuckDB."""

from penstock.reading.engine.allowance import Allowance
from penstock.reading.engine.object_store import Credentials, ObjectStore
from penstock.reading.engine.reader import Engine, Rows

__all__ = ["Allowance", "Credentials", "Engine", "ObjectStore", "Rows"]
