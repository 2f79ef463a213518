"""Disposition: whether a browser stores an answer, and under which name (RFC 6266)."""


def disposition(file_name: str, *, attachment: bool = True) -> str:
    """Give the value of Content-Disposition.

    A file's name has no character that would have to be escaped: all are of A-Z a-z 0-9 _ . - and
    space, as datasets, types of exports, formats and `_filename` are.
    """
    return f'{"attachment" if attachment else "inline"}; filename="{file_name}"'
