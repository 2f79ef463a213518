"""Where a stack leads a request: which origin its edge asks, and whether the gateway takes it."""

import re

from tests.template.templates import Template, expanded


def origin_of(path: str, *, method: str = "GET") -> str:
    """Name the origin that the edge asks for a path: that of the first behaviour that fits."""
    config: Template = expanded("template.yaml")["Resources"]["Distribution"]["Properties"][
        "DistributionConfig"
    ]
    ordered = [(each["PathPattern"], each) for each in config["CacheBehaviors"]]
    for pattern, behaviour in [*ordered, ("*", config["DefaultCacheBehavior"])]:
        if re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), path):
            assert method in behaviour["AllowedMethods"], (method, path)
            target = behaviour["TargetOriginId"]
            return str(target["Fn::If"][2] if isinstance(target, dict) else target)
    raise AssertionError(path)


def gateway_takes(path: str) -> bool:
    """Whether a route of the gateway leads a path to its function; any other one is a 404 there."""
    body = expanded("template.yaml")["Resources"]["Api"]["Properties"]["Body"]
    patterns = (re.sub(r"\\\{\w+\\\+\\\}", ".+", re.escape(route)) for route in body["paths"])
    return any(re.fullmatch(pattern, path) for pattern in patterns)
