"""Tenant backup: every table as a Parquet file, all of one moment, and a list of them."""

from penstock.exports.declaration import BackupSource, ExportType

EXPORT = ExportType(
    name="tenant-backup",
    title="Every table of the database",
    source=BackupSource(),
    size="large",
    role="admin",
)
