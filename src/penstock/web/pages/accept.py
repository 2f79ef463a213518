"""Accept: whether a client would rather have a page than JSON (RFC 9110, section 12.5.1)."""

_HTML = "text/html"
_JSON = "application/json"


def wants_html(accept: str | None) -> bool:
    """Whether HTML is asked for by its name, and JSON isn't liked better.

    `*/*`, which is what curl sends, asks for nothing by name. A weight that isn't a number counts
    as none.
    """
    if accept is None:
        return False
    weights = _weights(accept)
    html = weights.get(_HTML, 0.0)
    json = next((weights[name] for name in (_JSON, "application/*", "*/*") if name in weights), 0.0)
    return html > 0 and html >= json


def _weights(accept: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in accept.lower().split(","):
        name, *parameters = (each.strip() for each in part.split(";"))
        weights[name] = max(_quality(parameters), weights.get(name, 0.0))
    return weights


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return 0.0
            return quality if 0 <= quality <= 1 else 0.0
    return 1.0
