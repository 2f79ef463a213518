"""Objects: how one content of a stored object is named to the engine."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, unquote

SCHEME = "s3://"

_PIN = "?s3_requester_pays=false&s3_requester_pays="
"""The engine reads the first of two equal parameters and overlooks the second: here it is the ETag,
so that two contents of one object have two locations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object of a bucket, and which of its contents is meant; `etag` is without its quotes."""

    bucket: str
    key: str
    etag: str

    @property
    def location(self) -> str:
        """What a DataFile says of it, and the engine reads: no other content has this location."""
        return f"{SCHEME}{self.bucket}/{self.key}{_PIN}{quote(self.etag, safe='')}"

    @classmethod
    def at(cls, location: str) -> Self:
        """Tell the object of a location; raises ValueError for what is none."""
        path, pin, etag = location.rpartition(_PIN)
        bucket, slash, key = path.removeprefix(SCHEME).partition("/")
        if not (path.startswith(SCHEME) and pin and slash and etag):
            raise ValueError(f"{location} is no object's location")
        return cls(bucket=bucket, key=key, etag=unquote(etag))


def is_object(location: str) -> bool:
    """Whether a location is an object's, and no file's."""
    return location.startswith(SCHEME)
