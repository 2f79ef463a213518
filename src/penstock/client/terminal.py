"""Terminal: texts of a server, fit to be shown to a person."""


def printable(text: str) -> str:
    """Keep a server's text from steering the terminal that it is printed on."""
    return "".join(c if c.isprintable() else " " for c in text)
