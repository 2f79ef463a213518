"""A bucket: its objects as S3 tells of them, and every way of it to fail told as ours."""

import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    ResponseStreamingError,
)
from urllib3.exceptions import HTTPError

from penstock.aws.services.presigned_reader import PresignedReader
from penstock.reading.objects import StoredObject
from penstock.reading.outage import outage

PIECE_BYTES = 65_536

_BODY_ATTEMPTS = 4
_FIRST_WAIT_SECONDS = 0.1
BROKEN_OFF = (BotoCoreError, HTTPError, OSError)
"""What the client raises besides S3's own answers, after it has tried again."""

_IN_A_BODY = (IncompleteReadError, ResponseStreamingError, HTTPError, OSError)

_CHANGED = frozenset(
    {
        HTTPStatus.NOT_FOUND,
        HTTPStatus.PRECONDITION_FAILED,
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    }
)


class ObjectGoneError(LookupError):
    """The object isn't there, or has another content than the one that was demanded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectHead:
    """An object as it is just now; `version_id` is none in a listing, and without versioning."""

    object: StoredObject
    size_bytes: int
    modified: datetime
    version_id: str | None = None


@dataclass(slots=True, kw_only=True)
class Page:
    """A part of a listing: objects, and what stands before the next `/` of longer keys."""

    objects: list[ObjectHead] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


class Bucket:
    """One bucket, read through botocore's client of S3; thread-safe.

    Every method raises BusyError where S3 fails, throttles or refuses, after the client's retries.
    """

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._quick = PresignedReader(client, name)
        self.name = name

    def look(self, key: str) -> ObjectHead | None:
        """Tell of an object, None if there is none. One request."""
        seen = self._quick.look("HEAD", key)
        if seen is not None and seen.status == HTTPStatus.NOT_FOUND:
            return None
        modified = _moment(seen.headers.get("last-modified", "")) if seen else None
        if seen is not None and modified is not None and "etag" in seen.headers:
            return ObjectHead(
                object=self._object(key, seen.headers["etag"]),
                size_bytes=int(seen.headers["content-length"]),
                modified=modified,
                version_id=seen.headers.get("x-amz-version-id"),
            )
        with _failures():
            try:
                head = self._client.head_object(Bucket=self.name, Key=key)
            except ClientError as error:
                if status_of(error) == HTTPStatus.NOT_FOUND:
                    return None
                raise
            if not {"ETag", "ContentLength", "LastModified"} <= head.keys():
                raise _short(0, 0)
            return ObjectHead(
                object=self._object(key, head["ETag"]),
                size_bytes=head["ContentLength"],
                modified=_utc(head["LastModified"]),
                version_id=head.get("VersionId"),
            )

    def small(self, key: str, *, max_bytes: int) -> bytes | None:
        """Read a whole object, None if there is none. Raises ValueError if it is larger."""
        seen = self._quick.look("GET", key, max_bytes=max_bytes)
        if seen is not None:
            return None if seen.status == HTTPStatus.NOT_FOUND else seen.content
        with _failures():
            for left in reversed(range(_BODY_ATTEMPTS)):
                try:
                    return self._whole(key, max_bytes)
                except ClientError as error:
                    if status_of(error) == HTTPStatus.NOT_FOUND:
                        return None
                    raise
                except _IN_A_BODY:
                    if not left:
                        raise
        return None

    def pieces(self, of: StoredObject, *, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes `start` to `stop` (exclusive) of this very content, 64 KiB at most each.

        Lazy: holds a piece and a connection. An answer that breaks off is asked for again from
        there on. Raises ObjectGoneError, also in the midst, where it has another content by then.
        """
        place = start
        faults = 0
        while place < stop:
            with _failures():
                try:
                    with closing(self._range(of, start=place, stop=stop)) as body:
                        while place < stop:
                            piece = body.read(min(PIECE_BYTES, stop - place))
                            if not piece:
                                raise _short(place, stop)
                            place += len(piece)
                            faults = 0
                            yield piece
                            del piece
                except _IN_A_BODY:
                    faults += 1
                    if faults == _BODY_ATTEMPTS:
                        raise
            if place < stop:
                time.sleep(_FIRST_WAIT_SECONDS * 2 ** (faults - 1))

    def pages(self, prefix: str) -> Iterator[Page]:
        """List what begins with a prefix, not beyond the next `/`; a thousand at a time."""
        more: dict[str, str] = {}
        while True:
            with _failures():
                listed = self._client.list_objects_v2(
                    Bucket=self.name, Prefix=prefix, Delimiter="/", **more
                )
            yield Page(
                objects=[
                    ObjectHead(
                        object=self._object(each["Key"], each["ETag"]),
                        size_bytes=each["Size"],
                        modified=_utc(each["LastModified"]),
                    )
                    for each in listed.get("Contents", ())
                ],
                folders=[each["Prefix"] for each in listed.get("CommonPrefixes", ())],
            )
            if not listed.get("IsTruncated"):
                return
            more = {"ContinuationToken": listed["NextContinuationToken"]}

    def link(self, key: str, *, version_id: str | None, disposition: str, seconds: int) -> str:
        """Sign a URL that opens an object, or this version of it, for so long."""
        version = {} if version_id is None else {"VersionId": version_id}
        signed: str = self._client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self.name,
                "Key": key,
                "ResponseContentDisposition": disposition,
                **version,
            },
            ExpiresIn=seconds,
        )
        return signed

    def _whole(self, key: str, max_bytes: int) -> bytes:
        got = self._got(Key=key)
        with closing(got["Body"]) as body:
            if "ContentLength" not in got:
                raise _short(0, 0)
            if got["ContentLength"] > max_bytes:
                raise ValueError(f"it is larger than {max_bytes} bytes")
            content: bytes = body.read()
            return content

    def _got(self, **wanted: str) -> dict[str, Any]:
        try:
            got: dict[str, Any] = self._client.get_object(Bucket=self.name, **wanted)
        except BROKEN_OFF as error:
            raise outage() from error
        return got

    def _range(self, of: StoredObject, *, start: int, stop: int) -> Any:
        try:
            got = self._got(Key=of.key, Range=f"bytes={start}-{stop - 1}", IfMatch=f'"{of.etag}"')
        except ClientError as error:
            if status_of(error) in _CHANGED:
                raise ObjectGoneError(of.key) from error
            raise
        said = got.get("ContentRange", "")
        if said == f"bytes {start}-{stop - 1}/{said.rpartition('/')[2]}" and (
            self._object(of.key, got.get("ETag", "")) == of
            and got.get("ContentLength") == stop - start
        ):
            return got["Body"]
        got["Body"].close()
        if self._object(of.key, got.get("ETag", "")) != of or _total(said) < stop:
            raise ObjectGoneError(of.key)
        raise _short(start, stop)

    def _object(self, key: str, etag: str) -> StoredObject:
        return StoredObject(bucket=self.name, key=key, etag=etag.strip('"'))


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except (ClientError, *BROKEN_OFF) as error:
        raise outage() from error


def status_of(error: ClientError) -> int:
    """Give the HTTP status of a refusal, 0 where there was no answer."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _moment(text: str) -> datetime | None:
    """Read a date of RFC 9110, section 5.6.7."""
    try:
        return _utc(parsedate_to_datetime(text))
    except ValueError:
        return None


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _total(content_range: str) -> int:
    """Tell an object's size (RFC 9110, section 14.4)."""
    total = content_range.rpartition("/")[2]
    return int(total) if total.isdecimal() else sys.maxsize


def _short(place: int, stop: int) -> IncompleteReadError:
    return IncompleteReadError(actual_bytes=place, expected_bytes=stop)
