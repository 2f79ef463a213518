"""Artifacts: the files of a job's result."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One file of a result; `part` is its name within the job's folder."""

    part: str
    rows: int
    bytes: int
    sha256: str
