"""The web: requests become slices, and batches become responses."""
