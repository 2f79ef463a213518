"""Jobs: what can be asked of a service's jobs, one call each."""

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import httpx

from penstock.client.jobs.calls import ApiAnswer, ApiCalls
from penstock.client.jobs.job_view import DELETED, JobView, job_id_of, job_of
from penstock.client.terminal import printable
from penstock.client.transfer.answers import strong_etag
from penstock.client.transfer.connection import usable_url
from penstock.errors import SetupError, TransferError

_NOT_FOUND = 404
_PAGE = 100
_MOST_PAGES = 1_000
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_LINK_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedExportType:
    """A type of export as the service lists it."""

    name: str
    title: str
    schema: Mapping[str, Any]
    """Its parameters: the JSON schema of an object."""
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLook:
    """A job at one moment, and what the next look at it needs to know."""

    job: JobView
    etag: str | None
    at: datetime
    wait_seconds: float | None
    """How long the service asks to wait before the next look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFile:
    """A file of a result that was written beforehand: its URL, and what is known of it."""

    url: str
    bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Where a result is for some minutes, by format; each URL opens it for whoever has it."""

    downloads: Mapping[str, str]
    """Encoded while they are downloaded."""
    files: Mapping[str, ResultFile]
    """Written beforehand, since it was asked for."""


class Jobs:
    """The jobs of whoever holds the key.

    Every call raises TransferError where the service refuses it or can't be reached.
    """

    def __init__(self, calls: ApiCalls) -> None:
        self._calls = calls

    def export_types(self) -> list[ListedExportType]:
        """List the types of export that can be asked for."""
        said = self._calls.ask("/v1/exports/types").body
        listed = said.get("types") if isinstance(said, dict) else said
        if not isinstance(listed, list):
            raise TransferError("The server's list of exports can't be read.")
        return [_listed_type(each) for each in listed if isinstance(each, dict)]

    def export(
        self,
        type_name: str,
        params: Mapping[str, Any],
        *,
        formats: Sequence[str] = (),
        idempotency_key: str | None = None,
    ) -> JobLook:
        """Submit an export: one job, however often the request has to be sent.

        `formats` are those that are to be written as one file each, too. With an idempotency key
        that was used within a day, the job of then is given.
        """
        body: dict[str, Any] = {"type": type_name, "params": dict(params)}
        if formats:
            body["formats"] = list(formats)
        key = secrets.token_urlsafe(24) if idempotency_key is None else idempotency_key
        if not _KEY.fullmatch(key):
            raise SetupError("An idempotency key is 1 to 255 visible ASCII characters.")
        return _looked(
            self._calls.tell("POST", "/v1/exports", body=body, headers={"Idempotency-Key": key})
        )

    def look(self, job_id: str, *, etag: str | None = None) -> JobLook | None:
        """Look at a job; None if it is unchanged since the look that had this `etag`."""
        said = self._calls.ask(self._path(job_id), etag=etag)
        return None if said.is_unchanged else _looked(said)

    def look_again(self, before: JobLook) -> JobLook | None:
        """Look at a job that was there; one that was deleted since is shown as DELETED."""
        try:
            return self.look(before.job.id, etag=before.etag)
        except TransferError as error:
            if error.facts.get("status") != _NOT_FOUND:
                raise
            return replace(before, job=replace(before.job, state=DELETED))

    def list(
        self, *, kind: str | None = None, state: str | None = None, limit: int
    ) -> Iterator[JobLook]:
        """Give jobs, the newest first, at most `limit`; lazy: holds a page of 100."""
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            said = self._calls.ask(
                "/v1/jobs", kind=kind, state=state, limit=min(limit, _PAGE), cursor=cursor
            )
            listed = said.body.get("jobs") if isinstance(said.body, dict) else None
            if not isinstance(listed, list):
                raise TransferError("The server's list of jobs can't be read.")
            for each in listed[:limit]:
                yield JobLook(job=job_of(each), etag=None, at=said.at, wait_seconds=None)
            limit -= len(listed)
            cursor = _next_cursor(said)
            # A page may hold fewer than were asked for, and still have a next one.
            if limit <= 0 or cursor is None:
                return

    def cancel(self, job_id: str) -> JobLook:
        """Ask a job to end, and give it as it is then; asking again changes nothing."""
        return _looked(self._calls.tell("POST", f"{self._path(job_id)}/cancel"))

    def delete(self, job_id: str) -> None:
        """Remove a job and its files; one that runs is cancelled before."""
        try:
            self._calls.tell("DELETE", self._path(job_id))
        except TransferError as error:
            if error.facts.get("status") != _NOT_FOUND:
                raise
            # An answer that was lost had said so before; else there was none to remove.
            if error.facts.get("tries") == 1:
                raise

    def result(self, job_id: str) -> Result:
        """Say where a job's result can be had, for some minutes."""
        said = self._calls.ask(f"{self._path(job_id)}/result")
        found = said.body if isinstance(said.body, dict) else {}
        downloads, files = found.get("downloads"), found.get("files")
        return Result(
            downloads={
                printable(str(name)): absolute_url(self._calls.origin, url)
                for name, url in (downloads if isinstance(downloads, dict) else {}).items()
            },
            files={
                printable(str(name)): self._file(each)
                for name, each in (files if isinstance(files, dict) else {}).items()
                if isinstance(each, dict)
            },
        )

    def _file(self, said: Mapping[str, object]) -> ResultFile:
        size, digest = said.get("bytes"), said.get("sha256")
        return ResultFile(
            url=absolute_url(self._calls.origin, said.get("url")),
            bytes=size if type(size) is int else None,
            sha256=digest if isinstance(digest, str) else None,
        )

    @staticmethod
    def _path(job_id: str) -> str:
        if job_id_of(job_id) is None:
            raise SetupError(f"“{printable(job_id)}” is no job's id.")
        return f"/v1/jobs/{job_id}"


def absolute_url(origin: str, url: object) -> str:
    """Make a URL that a service tells a whole one; it never leads from https to http.

    One of the service's own host is asked for as the service itself is. Raises TransferError where
    it is no usable URL, or leads elsewhere without TLS.
    """
    try:
        own = httpx.URL(origin)
        absolute = own.join(str(url))
        is_own = absolute.host == own.host and absolute.port in (own.port, None)
        if is_own and (own.scheme, absolute.scheme) == ("https", "http"):
            # What ends TLS in front of a service may not have told it.
            absolute = absolute.copy_with(scheme="https", port=own.port)
        usable_url(str(absolute))
    except (httpx.InvalidURL, SetupError) as error:
        raise TransferError("The server names a result that has no usable URL.") from error
    if own.scheme == "https" and absolute.scheme != "https":
        raise TransferError("The server leads from https to http: not followed.")
    return str(absolute)


def _looked(said: ApiAnswer) -> JobLook:
    etag = said.headers.get("ETag")
    return JobLook(
        job=job_of(said.body),
        etag=strong_etag(etag.removeprefix("W/")) and etag if etag else None,
        at=said.at,
        wait_seconds=said.wait_seconds,
    )


def _listed_type(said: Mapping[str, Any]) -> ListedExportType:
    schema = said.get("params")
    return ListedExportType(
        name=printable(str(said.get("type", ""))),
        title=printable(str(said.get("title", ""))),
        schema=schema if isinstance(schema, dict) else {},
        raw=said,
    )


def _next_cursor(said: ApiAnswer) -> str | None:
    """Find the cursor of the next page in the Link to it (RFC 8288)."""
    found = _LINK_NEXT.search(said.headers.get("Link", ""))
    if found is None:
        return None
    try:
        cursor: str | None = httpx.URL(found[1]).params.get("cursor")
    except httpx.InvalidURL:
        return None
    return cursor
