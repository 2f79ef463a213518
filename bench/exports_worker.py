"""`penstock work` that knows the benchmark's type of export: `python exports_worker.py HOME`."""

import sys
from pathlib import Path

import penstock.exports.types

TYPES = Path(__file__).with_name("exports_types")


def add_types() -> None:
    """Have the types of the benchmark found beside Penstock's own."""
    penstock.exports.types.__path__.append(str(TYPES))


def main() -> None:
    """Work until SIGTERM."""
    (home,) = sys.argv[1:]
    add_types()
    from penstock.cli import main as penstock  # noqa: PLC0415 - it looks for types at its import

    sys.argv = ["penstock", "work", "--no-demo", "--home", home]
    penstock()


if __name__ == "__main__":
    main()
