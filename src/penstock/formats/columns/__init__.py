"""What formats that keep columns share: sizes of rows, groups of rows, and a sink to drain."""
