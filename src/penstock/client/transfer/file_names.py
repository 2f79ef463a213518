"""File names: what a download's file is called when only the server and the URL say so."""

import re
from urllib.parse import unquote

MOST_BYTES = 200
"""File systems allow 255 bytes; the rest is for the suffixes of an unfinished download."""

_EXTENDED = re.compile(r"(?:^|;)\s*filename\*\s*=\s*utf-8'[^';]*'([^\s;]+)", re.IGNORECASE)
_QUOTED = re.compile(r'(?:^|;)\s*filename\s*=\s*"((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_PLAIN = re.compile(r'(?:^|;)\s*filename\s*=\s*([^\s";]+)', re.IGNORECASE)
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)


def name_in_disposition(value: str | None) -> str | None:
    """Read the file name of a Content-Disposition (RFC 6266) as `safe_name` gives it, or None."""
    if value is None:
        return None
    if matched := _EXTENDED.search(value):
        return safe_name(unquote(matched[1], errors="replace"))
    if matched := _QUOTED.search(value):
        return safe_name(re.sub(r"\\(.)", r"\1", matched[1]))
    matched = _PLAIN.search(value)
    return safe_name(matched[1]) if matched else None


def name_in_path(path: str) -> str:
    """Name a file after the last segment of a URL's path; `download` where there is none."""
    return safe_name(unquote(path.rstrip("/"), errors="replace")) or "download"


def safe_name(name: str) -> str | None:
    """Reduce a name to one that stays in its folder, is not hidden and can be typed, or None.

    Whatever comes in, the result holds no separator and no control character, doesn't begin with a
    dot, is no device of Windows and has at most MOST_BYTES bytes; its extension is kept.
    """
    base = re.split(r"[/\\]", name)[-1]
    kept = "".join("_" if c in '<>:"|?*' else c for c in base if c.isprintable())
    kept = kept.encode("utf-8", "ignore").decode().strip(" ").lstrip(". ").rstrip(". ")
    if _DEVICES.match(kept):
        kept = f"_{kept}"
    stem, dot, extension = kept.rpartition(".")
    ending = (dot + extension).encode() if stem else b""
    if len(kept.encode()) > MOST_BYTES and len(ending) < MOST_BYTES // 2:
        start = (stem or kept).encode()[: MOST_BYTES - len(ending)]
        kept = start.decode("utf-8", "ignore") + ending.decode()
    return kept.encode()[:MOST_BYTES].decode("utf-8", "ignore").rstrip(". ") or None
