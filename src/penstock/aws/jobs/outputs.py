"""The files that jobs write, in a bucket of S3."""

import random
import re
import time
from collections.abc import Container, Iterable, Iterator
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError

from penstock.aws.services.bucket import Bucket, status_of
from penstock.aws.services.uploads import PART_BYTES, Upload, parts_of, translated, unwritable
from penstock.errors import PermanentError
from penstock.model.disposition import disposition
from penstock.model.tenant import is_tenant_id
from penstock.reading.manifest import MANIFEST

TAG = "penstock-result"
"""The tag of every file; its value is the folder of all results of a kind of job, such as exports.
The bucket's lifecycle rules go by it, and end what no sweeper removed."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_ATTEMPTS = 5
_FIRST_WAIT_SECONDS = 0.1
_DELETED_AT_ONCE = 1_000
"""The most keys of one DeleteObjects, Amazon S3 API Reference."""


class S3Outputs:
    """Objects `{tenant}/{path}` of a bucket, each with the tag that lifecycle rules go by.

    A small file is one request. A larger one is uploaded in parts of 8 MiB, one on its way while
    the next is filled: 80 GB at most. Until the last request nothing of it can be read; where its
    writer dies before that, the parts stay, until their folder is removed or the bucket's rule for
    unfinished uploads ends them. The client should wait for an answer for a minute: the one to the
    last request comes once the parts are joined.
    """

    def __init__(self, *, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = Bucket(client, bucket)

    def write(self, tenant: str, path: str, pieces: Iterable[bytes]) -> None:
        key = _key(tenant, path)
        parts = parts_of(pieces)
        first = next(parts, memoryview(b""))
        if len(first) < PART_BYTES:
            with translated():
                self._client.put_object(
                    Bucket=self._bucket.name, Key=key, Body=bytes(first), Tagging=_tagging(path)
                )
            return
        with translated():
            begun = self._client.create_multipart_upload(
                Bucket=self._bucket.name, Key=key, Tagging=_tagging(path)
            )
        with Upload(self._client, self._bucket.name, key, begun["UploadId"]) as upload:
            upload.send(first)
            for part in parts:
                upload.send(part)

    def create(self, tenant: str, path: str, content: bytes) -> bool:
        key = _key(tenant, path)
        for attempt in range(_ATTEMPTS):
            with translated():
                try:
                    self._client.put_object(
                        Bucket=self._bucket.name,
                        Key=key,
                        Body=content,
                        Tagging=_tagging(path),
                        IfNoneMatch="*",
                    )
                except ClientError as error:
                    if status_of(error) == HTTPStatus.PRECONDITION_FAILED:
                        return _asked_again(error) and self._holds(key, content)
                    # Another request for this key was under way.
                    if status_of(error) != HTTPStatus.CONFLICT or attempt == _ATTEMPTS - 1:
                        raise
                else:
                    return True
            most = _FIRST_WAIT_SECONDS * 2**attempt
            time.sleep(random.uniform(0, most))  # noqa: S311 - spreads attempts, hides nothing
        return False

    def read(self, tenant: str, path: str, *, max_bytes: int) -> bytes | None:
        try:
            return self._bucket.small(_key(tenant, path), max_bytes=max_bytes)
        except ValueError as error:
            raise PermanentError(
                f"A stored file is larger than the {max_bytes:,} bytes it may be."
            ) from error

    def remove(self, tenant: str, folder: str, *, keep: Container[str] = ()) -> None:
        prefix = f"{_key(tenant, folder)}/"
        with translated():
            if MANIFEST not in keep:
                self._client.delete_object(Bucket=self._bucket.name, Key=f"{prefix}{MANIFEST}")
            for upload in self._unfinished(prefix):
                if upload["Key"].removeprefix(prefix) not in keep:
                    self._abort(upload["Key"], upload["UploadId"])
            for keys in self._keys(prefix):
                self._delete([key for key in keys if key.removeprefix(prefix) not in keep])

    def link(self, tenant: str, path: str, *, file_name: str, seconds: int) -> str | None:
        return self._bucket.link(
            _key(tenant, path),
            version_id=None,
            disposition=disposition(file_name),
            seconds=seconds,
        )

    def _holds(self, key: str, content: bytes) -> bool:
        """Whether the object is this one: the answer was lost then to the request that made it."""
        try:
            return self._bucket.small(key, max_bytes=len(content)) == content
        except ValueError:
            return False

    def _unfinished(self, prefix: str) -> Iterator[Any]:
        more: dict[str, str] = {}
        while True:
            listed = self._client.list_multipart_uploads(
                Bucket=self._bucket.name, Prefix=prefix, **more
            )
            yield from listed.get("Uploads", ())
            if not listed.get("IsTruncated"):
                return
            more = {
                "KeyMarker": listed["NextKeyMarker"],
                "UploadIdMarker": listed["NextUploadIdMarker"],
            }

    def _abort(self, key: str, upload_id: str) -> None:
        try:
            self._client.abort_multipart_upload(
                Bucket=self._bucket.name, Key=key, UploadId=upload_id
            )
        except ClientError as error:
            # It ended meanwhile, one way or the other: what it made is listed from here on.
            if status_of(error) != HTTPStatus.NOT_FOUND:
                raise

    def _keys(self, prefix: str) -> Iterator[list[str]]:
        more: dict[str, str] = {}
        while True:
            listed = self._client.list_objects_v2(Bucket=self._bucket.name, Prefix=prefix, **more)
            yield [each["Key"] for each in listed.get("Contents", ())]
            if not listed.get("IsTruncated"):
                return
            more = {"ContinuationToken": listed["NextContinuationToken"]}

    def _delete(self, keys: list[str]) -> None:
        for start in range(0, len(keys), _DELETED_AT_ONCE):
            objects = [{"Key": key} for key in keys[start : start + _DELETED_AT_ONCE]]
            answer = self._client.delete_objects(
                Bucket=self._bucket.name, Delete={"Objects": objects, "Quiet": True}
            )
            if answer.get("Errors"):
                raise unwritable()


def _key(tenant: str, path: str) -> str:
    if not is_tenant_id(tenant) or not all(map(_NAME.fullmatch, path.split("/"))):
        raise PermanentError("A file can't be stored at the path that this job gives it.")
    return f"{tenant}/{path}"


def _tagging(path: str) -> str:
    return f"{TAG}={path.partition('/')[0]}"


def _asked_again(error: ClientError) -> bool:
    return int(error.response["ResponseMetadata"].get("RetryAttempts", 0)) > 0
