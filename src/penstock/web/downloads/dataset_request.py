"""Dataset requests: a request's facts, and the dataset, format and query that it opens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from penstock import formats
from penstock.errors import DatasetDamagedError, UnknownDatasetError, VersionGoneError
from penstock.model.dataset import Dataset
from penstock.model.format import Format
from penstock.model.query import Query
from penstock.query import CursorCodec, claim_of, pairs_of, parse, version_of
from penstock.query.did_you_mean import near
from penstock.web.front.identity import Asker, check_signature, owns, require_visible
from penstock.web.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRequest:
    """A request for something of a dataset; header names are lower-case."""

    asker: Asker
    name: str
    """As it stands in the path: a dataset's, or `exports/{job_id}`."""
    extension: str
    query_string: bytes
    headers: Mapping[str, str]
    is_head: bool = False
    is_http10: bool = False
    wire_bytes: int | None = None
    """What the connection takes at most; None is unlimited."""
    job_id: str | None = None
    """Set where the dataset is the result of an export."""

    @property
    def tenant(self) -> str:
        """The id of the tenant whose host was asked."""
        return self.asker.tenant.id


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedDataset:
    """One snapshot of a dataset, a format, and the query that was parsed against them."""

    dataset: Dataset
    written: Format
    query: Query
    cursors: CursorCodec


def open_dataset(
    resources: Resources,
    request: DatasetRequest,
    *,
    version: str | None = None,
    signed: bool = False,
) -> Dataset:
    """Give the dataset that was asked for, if this asker may have it.

    Raises UnknownDatasetError with near names of what the asker may see, VersionGoneError and
    DatasetDamagedError.
    """
    if request.job_id is not None:
        return _open_result(resources, request, request.job_id, version=version, signed=signed)
    catalog = resources.ports.catalog
    try:
        dataset = catalog.dataset(request.tenant, request.name)
        require_visible(request.name, private=dataset.private, asker=request.asker, signed=signed)
    except DatasetDamagedError:
        # Even that it is damaged is told only to those who may have it.
        private = request.name in catalog.private(request.tenant)
        require_visible(request.name, private=private, asker=request.asker, signed=signed)
        raise
    except UnknownDatasetError:
        visible = catalog.names(request.tenant)
        if not request.asker.may_see_private:
            hidden = catalog.private(request.tenant)
            visible = [name for name in visible if name not in hidden]
        raise UnknownDatasetError(request.name, did_you_mean=near(request.name, visible)) from None
    if version is None or version == dataset.version:
        return dataset
    older = catalog.dataset(request.tenant, request.name, version)
    # Whoever may not see the dataset today may not see what it was before.
    return replace(older, private=dataset.private or older.private)


def open_download(resources: Resources, request: DatasetRequest) -> OpenedDataset:
    """Open the dataset and parse the query against it.

    Raises UnknownFormatError, QueryError, BadSignatureError and what `open_dataset` raises.
    """
    written = formats.named(request.extension)
    pairs = pairs_of(request.query_string)
    signed = is_signed(resources, request, pairs)
    dataset = open_dataset(resources, request, version=version_of(pairs), signed=signed)
    cursors = CursorCodec(
        resources.ports.keys.signing_keys(request.tenant),
        request.tenant,
        dataset.name,
        dataset.version,
    )
    query = parse(
        pairs,
        dataset,
        limits=resources.limits,
        cursor=cursors,
        format_name=written.extension,
    )
    return OpenedDataset(dataset=dataset, written=written, query=query, cursors=cursors)


def is_signed(
    resources: Resources, request: DatasetRequest, pairs: Sequence[tuple[str, str]]
) -> bool:
    """Whether the URL is signed for this dataset; a signature that doesn't fit is no URL at all.

    Raises BadSignatureError, and what `claim_of` raises.
    """
    claim = claim_of(pairs)
    if claim is None:
        return False
    check_signature(
        claim,
        resources.ports.keys,
        tenant=request.tenant,
        path=f"/{request.name}",
        now=resources.now(),
    )
    return True


def _open_result(
    resources: Resources, request: DatasetRequest, job_id: str, *, version: str | None, signed: bool
) -> Dataset:
    """Give the result of an export to its owner, an admin, or who has a signed URL."""
    try:
        dataset = resources.ports.exported.export(request.tenant, job_id)
    except DatasetDamagedError:
        if signed or owns(request.asker, None):
            raise
        raise UnknownDatasetError(request.name) from None
    if not (signed or owns(request.asker, dataset.owner)):
        raise UnknownDatasetError(request.name)
    if version not in (None, dataset.version):
        raise VersionGoneError(str(version), current=dataset.version)
    return dataset
