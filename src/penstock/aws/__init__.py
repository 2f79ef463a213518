"""The AWS home: one adapter for each port, and the function that streams."""
