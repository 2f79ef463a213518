"""Visitor caps: how large what is exported without a key may be."""

from penstock import formats
from penstock.errors import ResponseTooLargeError
from penstock.exports.check import FORMATS, CheckedExport
from penstock.exports.slice_query import SliceParameters, read_query
from penstock.model.format import Style
from penstock.reading.counting import count_rows, page_rows
from penstock.reading.engine import Allowance
from penstock.reading.estimate import weigh
from penstock.web.front.identity import Asker
from penstock.web.jobs.access import opener
from penstock.web.resources import Resources

_COUNT_SECONDS = 2.0


def refuse_too_large(resources: Resources, asker: Asker, checked: CheckedExport) -> None:
    """Return if a slice is within what the tenant lets visitors export.

    Its rows are counted, and a sample of them weighed, where a cap may be crossed.

    Raises ResponseTooLargeError, QueryTimeoutError where the count takes more than 2 s, and what
    opening the dataset raises.
    """
    caps = asker.tenant.caps
    if caps.anonymous_export_rows is None and caps.anonymous_export_bytes is None:
        return
    params = dict(checked.params)
    extensions = params.pop(FORMATS, [])
    given = SliceParameters.model_validate(params)
    dataset = opener(resources, asker)(given.dataset, checked.dataset_version)
    query = read_query(
        given.query,
        dataset,
        extensions,
        signing_keys=lambda: resources.ports.keys.signing_keys(asker.tenant.id),
        filters=resources.limits.filters,
    )
    allowance = Allowance(seconds=_COUNT_SECONDS)
    rows = page_rows(
        count_rows(resources.reader, dataset, query.wanted, allowance=allowance), query.wanted
    )
    _refuse_above(caps.anonymous_export_rows, rows, unit="rows")
    if caps.anonymous_export_bytes is None:
        return
    for extension in extensions or ["csv"]:
        weight = weigh(
            resources.reader,
            dataset,
            query.wanted,
            written=formats.named(extension),
            style=query.styles.get(extension, Style()),
            allowance=allowance,
        )
        _refuse_above(caps.anonymous_export_bytes, round(rows * weight.encoded), unit="bytes")


def _refuse_above(cap: int | None, found: int, *, unit: str) -> None:
    if cap is not None and found > cap:
        raise ResponseTooLargeError(limit=cap, estimated=found, unit=unit)
