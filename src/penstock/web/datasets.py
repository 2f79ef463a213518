"""Datasets: their list, columns, statistics and row counts as JSON, and receipts of downloads."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace

from penstock import formats
from penstock.errors import UnknownReceiptError
from penstock.model.dataset import Dataset, DatasetEntry
from penstock.query import column_operators, pairs_of, refuse_all_but_signature
from penstock.reading.counting import count_rows, page_rows
from penstock.reading.engine import Allowance
from penstock.reading.estimate import weigh
from penstock.reading.result_names import EXPORTS
from penstock.reading.stats import column_stats
from penstock.web.answers import Answer, cache_control, public_headers
from penstock.web.downloads.dataset_request import (
    DatasetRequest,
    is_signed,
    open_dataset,
    open_download,
)
from penstock.web.front.identity import Asker, owns
from penstock.web.http.conditional import entity_tag, is_held
from penstock.web.resources import Resources


def visible_entries(resources: Resources, asker: Asker) -> list[DatasetEntry]:
    """List the datasets that an asker may see, by name."""
    entries = resources.ports.catalog.entries(asker.tenant.id)
    return [entry for entry in entries if not entry.private or asker.may_see_private]


def datasets(resources: Resources, asker: Asker) -> Answer:
    """Answer `/-/datasets.json`."""
    listed = []
    for entry in visible_entries(resources, asker):
        described: dict[str, object] = {
            "name": entry.name,
            "private": entry.private,
            "schema": f"/{entry.name}/-/schema.json",
        }
        if entry.problem is None:
            described |= {
                "rows": entry.rows,
                "size_bytes": entry.size_bytes,
                "version": entry.version,
                "modified": entry.modified.isoformat(),
                "downloads": {
                    name: f"/{entry.name}.{each.extension}"
                    for name, each in formats.all_formats().items()
                },
            }
        else:
            described["problem"] = entry.problem
        listed.append(described)
    return _json(
        {"tenant": asker.tenant.id, "title": asker.tenant.title, "datasets": listed},
        private=asker.key is not None,
    )


def home(resources: Resources, asker: Asker) -> Answer:
    """Answer `/` as JSON: the list of datasets; a browser gets a page there instead."""
    listed = datasets(resources, asker)
    return replace(listed, headers=listed.headers | {"vary": "Accept"})


def schema(resources: Resources, request: DatasetRequest) -> Answer:
    """Answer `/{dataset}/-/schema.json`."""
    dataset = _opened(resources, request)
    described = {
        "dataset": dataset.name,
        "version": dataset.version,
        "modified": dataset.modified.isoformat(),
        "rows": dataset.rows,
        "private": dataset.private,
        "columns": [
            {
                "name": column.name,
                "kind": column.kind,
                "type": column.type_name,
                "operators": list(column_operators(column)),
            }
            for column in dataset.columns
        ],
    }
    return _of_version(request, dataset.version, "schema", described, private=dataset.private)


def stats(resources: Resources, request: DatasetRequest, *, allowance: Allowance) -> Answer:
    """Answer `/{dataset}/-/stats.json`."""
    dataset = _opened(resources, request)
    tag = entity_tag(request.tenant, dataset.name, dataset.version, "stats")
    if is_held(request.headers.get("if-none-match"), etag=tag):
        return _unchanged(tag, private=dataset.private)
    profiled = column_stats(resources.reader, dataset, allowance=allowance)
    described = {
        "dataset": dataset.name,
        "version": dataset.version,
        "rows": {"value": dataset.rows, "exact": True},
        "columns": [
            {
                "name": each.name,
                "type": each.type_name,
                "nulls": {"value": each.nulls, "exact": True},
                "distinct": {"value": each.distinct, "exact": False},
                "min": {"value": each.least, "exact": True},
                "max": {"value": each.greatest, "exact": True},
            }
            for each in profiled
        ],
    }
    return _of_version(request, dataset.version, "stats", described, private=dataset.private)


def count(resources: Resources, request: DatasetRequest, *, allowance: Allowance) -> Answer:
    """Answer `/{dataset}/-/count.json?filters`."""
    opened = open_download(resources, request)
    dataset, wanted = opened.dataset, opened.query.slice
    rows = page_rows(count_rows(resources.reader, dataset, wanted, allowance=allowance), wanted)
    weights = {
        name: round(
            rows
            * weigh(
                resources.reader,
                dataset,
                wanted,
                written=written,
                style=opened.query.style,
                allowance=allowance,
            ).encoded
        )
        for name, written in formats.all_formats().items()
    }
    described = {
        "dataset": dataset.name,
        "version": dataset.version,
        "rows": rows,
        "bytes_estimate": weights,
    }
    return _of_version(
        request,
        dataset.version,
        f"count?{opened.query.canonical}",
        described,
        private=dataset.private,
    )


def receipt(resources: Resources, asker: Asker, receipt_id: str) -> Answer:
    """Answer `/-/receipts/{id}`; the receipt of a private dataset is one for its readers alone.

    That of an export's result is for its user and for admins.

    Raises UnknownReceiptError.
    """
    found = resources.ports.receipts.get(asker.tenant.id, receipt_id)
    is_result = found.dataset.startswith(f"{EXPORTS}/")
    may_see = owns(asker, found.owner) if is_result else asker.may_see_private
    if found.private and not may_see:
        raise UnknownReceiptError
    described = asdict(found)
    del described["tenant"], described["owner"]
    for name in ("started", "ended"):
        moment = described[name]
        described[name] = None if moment is None else moment.isoformat()
    # It changes when the download ends, so nobody may keep it.
    return _json(described, private=found.private, cached="no-store")


def _opened(resources: Resources, request: DatasetRequest) -> Dataset:
    """Open the dataset; the query may hold a signature, and nothing else."""
    pairs = pairs_of(request.query_string)
    refuse_all_but_signature(pairs)
    signed = is_signed(resources, request, pairs)
    return open_dataset(resources, request, signed=signed)


def _of_version(
    request: DatasetRequest,
    version: str,
    what: str,
    described: Mapping[str, object],
    *,
    private: bool,
) -> Answer:
    tag = entity_tag(request.tenant, request.name, version, what)
    if is_held(request.headers.get("if-none-match"), etag=tag):
        return _unchanged(tag, private=private)
    return _json(described, private=private, more={"etag": tag})


def _unchanged(tag: str, *, private: bool) -> Answer:
    headers = {"etag": tag, "cache-control": cache_control(private=private, whole=False)}
    return Answer(status=304, headers=headers | public_headers(private=private))


def _json(
    described: Mapping[str, object],
    *,
    private: bool,
    cached: str | None = None,
    more: Mapping[str, str] | None = None,
) -> Answer:
    return Answer(
        status=200,
        headers={
            "content-type": "application/json",
            "cache-control": cached or cache_control(private=private, whole=False),
            "x-content-type-options": "nosniff",
            **(more or {}),
        }
        | public_headers(private=private),
        body=json.dumps(described, ensure_ascii=False, indent=1).encode() + b"\n",
    )
