"""A manifest: which files a version of a dataset, or the result of a job, consists of."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt


class Part(BaseModel):
    """One file of a version."""

    model_config = ConfigDict(frozen=True)

    name: Annotated[str, Field(pattern=r"^part-[A-Za-z0-9_-]{1,100}\.parquet$")]
    size_bytes: NonNegativeInt
    rows: NonNegativeInt | None = None
    sha256: str | None = None
    """Both of results of jobs alone: in base16, of the file as it is stored."""


class BesideFile(BaseModel):
    """A file that stands beside the parts of a result, such as the same rows in another format."""

    model_config = ConfigDict(frozen=True)

    name: Annotated[str, Field(pattern=r"^file-[A-Za-z0-9_-]{1,120}\.[a-z0-9]{1,16}$")]
    size_bytes: NonNegativeInt
    rows: NonNegativeInt
    sha256: str


class Manifest(BaseModel):
    """What a version consists of; its rows are those of its parts, in this order."""

    model_config = ConfigDict(frozen=True)

    version: str
    published: AwareDatetime
    parts: Annotated[tuple[Part, ...], Field(min_length=1)]
    owner: str | None = None
    files: tuple[BesideFile, ...] = ()
