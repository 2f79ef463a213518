"""The banner of `penstock serve`: where to look, and lines that work when pasted."""

from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from penstock import __version__
from penstock.model.dataset import Dataset
from penstock.web.resources import Resources

_MOST_TENANTS = 10
_MOST_PROBLEMS = 20
_SHORT_TEXT = 20


def banner(resources: Resources, *, host: str, port: int) -> str:
    """Say which tenants are served where, how to ask for a slice, and which files are refused."""
    catalog = resources.ports.catalog
    tenants = resources.ports.tenants.all()
    lines = [f"Penstock {__version__} serves", ""]
    first: tuple[str, Dataset] | None = None
    problems: list[str] = []
    for tenant in tenants[:_MOST_TENANTS]:
        name = tenant.hosts[0] if tenant.hosts else host
        url = f"http://{name}:{port}/"
        entries = catalog.entries(tenant.id)
        good = [entry for entry in entries if entry.problem is None]
        problems += [f"{entry.name}: {entry.problem}" for entry in entries if entry.problem]
        count = "1 dataset" if len(good) == 1 else f"{len(good)} datasets"
        lines.append(f"  {url:<36} {tenant.title or tenant.id}, {count}")
        open_to_all = [entry for entry in good if not entry.private]
        if first is None and open_to_all:
            largest = max(open_to_all, key=lambda entry: entry.rows)
            first = (url, catalog.dataset(tenant.id, largest.name))
    if len(tenants) > _MOST_TENANTS:
        lines.append(f"  … and {len(tenants) - _MOST_TENANTS} more tenants")
    if not tenants:
        lines.append("  no tenants yet: list them in tenants.json in the home folder")
    if first is not None:
        lines += ["", *_examples(*first)]
    lines += [f"  not served: {problem}" for problem in problems[:_MOST_PROBLEMS]]
    if len(problems) > _MOST_PROBLEMS:
        lines.append(f"  not served: {len(problems) - _MOST_PROBLEMS} more")
    return "\n".join([*lines, "", "Ctrl-C ends it."])


def _examples(url: str, dataset: Dataset) -> list[str]:
    base = f"{url}{dataset.name}"
    shown = [f"  curl -O {base}.csv"]
    if chosen := _telling_value(dataset):
        column, value = chosen
        query = f"{quote(column, safe='-_.~')}={quote(value, safe='-_.~')}"
        shown.append(f"  curl '{base}.csv?{query}'")
        shown.append(f"  curl '{base}.json?{query}&_limit=2'")
    return [*shown, f"  curl {url}-/datasets.json"]


def _telling_value(dataset: Dataset) -> tuple[str, str] | None:
    """Choose a filter for an example, from the footer alone: a value that many rows may share.

    That is the least value of a whole-number column whose values span less than there are rows, or
    else of a column of short text.
    """
    try:
        footer = pq.read_metadata(dataset.files[0].location)
    except (pa.ArrowException, OSError):
        return None
    texts = []
    for index, column in enumerate(dataset.columns):
        if footer.num_row_groups == 0 or footer.row_group(0).num_columns != len(dataset.columns):
            return None
        stats = [
            footer.row_group(group).column(index).statistics
            for group in range(footer.num_row_groups)
        ]
        if any(each is None or not each.has_min_max for each in stats):
            continue
        least, greatest = stats[0].min, max(each.max for each in stats)
        if column.kind == "integer" and greatest - least < dataset.rows // 2:
            return column.name, str(least)
        if column.kind == "text" and least and len(least) <= _SHORT_TEXT:
            texts.append((column.name, str(least)))
    return texts[-1] if texts else None
