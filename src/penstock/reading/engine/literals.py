"""Literals in statements that can't bind values: settings and secrets."""


def text(value: str) -> str:
    """Write a text as SQL."""
    return "'" + value.replace("'", "''") + "'"
