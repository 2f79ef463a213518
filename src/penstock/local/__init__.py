"""The embedded home: one adapter for each port, on files and SQLite."""
