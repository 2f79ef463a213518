"""Types of exports: each module declares one, its `EXPORT`."""
