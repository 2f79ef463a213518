"""Downloads: a slice of a dataset as the answer to a URL, with its receipt."""
