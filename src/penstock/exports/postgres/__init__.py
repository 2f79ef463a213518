"""Reading a tenant's own PostgreSQL as Arrow record batches, in one snapshot."""

from penstock.exports.postgres.query import TableQuery
from penstock.exports.postgres.reader import PostgresReader, Snapshot

__all__ = ["PostgresReader", "Snapshot", "TableQuery"]
