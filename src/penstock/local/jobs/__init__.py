"""Jobs in SQLite: rows, events, queue, and the processes that read ranges."""
