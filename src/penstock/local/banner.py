"""The banner of `penstock serve`: where to look, and lines that work when pasted."""

from penstock import __version__
from penstock.web.pages.example import Example, example_of
from penstock.web.resources import Resources

_MOST_TENANTS = 10
_MOST_PROBLEMS = 20


def banner(resources: Resources, *, host: str, port: int) -> str:
    """Say which tenants are served where, how to ask for a slice, and which files are refused."""
    catalog = resources.ports.catalog
    tenants = resources.ports.tenants.all()
    lines = [f"Penstock {__version__} serves", ""]
    first: tuple[str, Example] | None = None
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
            example = example_of(resources, tenant, open_to_all)
            first = None if example is None else (url, example)
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


def _examples(url: str, example: Example) -> list[str]:
    base = f"{url}{example.dataset}"
    return [
        f"  curl -O {base}.csv",
        f"  curl '{base}.csv?{example.query}'",
        f"  curl '{base}.json?{example.query}&_limit=2'",
        f"  curl {url}-/datasets.json",
    ]
