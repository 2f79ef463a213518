"""Reading: from a slice of a dataset to Arrow record batches, in bounded memory and time."""
