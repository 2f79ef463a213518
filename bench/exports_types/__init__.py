"""Types of export that the benchmark declares for itself."""
