"""Objects: a stored file that is too large for a response has a URL of its own, which opens."""

import json

from tests.aws.doors import Door
from tests.aws.findings import require

_PARTIAL = 206
_MOVED = 307
_TOO_LARGE = 413
_END_BYTES = 8


def a_large_file_has_its_own_url(edge: Door, bucket: Door, path: str, *, truth: bytes) -> str:
    """Ask for a whole stored file that doesn't fit, and open the URL that is given for it.

    `bucket` is where the object has to be: a URL that leads anywhere else is redirected by S3, and
    its signature holds for the other host alone. Only the file's end is fetched.

    Gives the size that S3 tells. Raises CheckFailedError.
    """
    refused = edge.ask(path)
    require(
        refused.status == _TOO_LARGE,
        f"{path} has {len(truth):,} bytes, and is answered with {refused.status}.",
    )
    told = str(json.loads(refused.decoded).get("object_url", ""))
    moved = edge.ask(f"{path}?_redirect=1")
    require(
        moved.status == _MOVED,
        f"{path}?_redirect=1 is answered with {moved.status}, not with a redirect.",
    )
    ranges = set()
    for url in (told, str(moved.headers.get("location", ""))):
        place = url.partition("?")[0]
        require(url.startswith(f"{bucket.url}/"), f"{place or 'No URL'} is not in {bucket.url}.")
        end = bucket.ask(url.removeprefix(bucket.url), {"range": f"bytes=-{_END_BYTES}"})
        require(end.status == _PARTIAL, f"{place} is answered with {end.status}: it doesn't open.")
        require(end.body == truth[-_END_BYTES:], f"{place} has another end than the file.")
        ranges.add(str(end.headers.get("content-range", "")))
    size = len(truth)
    expected = f"bytes {size - _END_BYTES}-{size - 1}/{size}"
    require(ranges == {expected}, f"{path} is told as {sorted(ranges)}, not as “{expected}”.")
    return expected
