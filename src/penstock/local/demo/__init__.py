"""The demo: generated tenants, their datasets, and a PostgreSQL to export from."""
