# ruff: noqa: INP001 - a program that is run by its path
"""Write template.yaml as CloudFormation gets it, with SAM's resources expanded, as JSON.

Runs in the venv of the SAM CLI: `.tools/sam/bin/python tools/expand.py template.yaml`, and asks
nobody anything.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

_PLACES = ("CodeUri", "ContentUri", "Location")
_UPLOADED = "s3://uploaded/by-sam-deploy"


class _NoPolicies:
    """The translator asks for managed policies by name; the template has its own alone."""

    def load(self) -> dict[str, str]:
        return {}


def expanded(template: dict[str, Any], *, region: str) -> dict[str, Any]:
    """Give the template that CloudFormation makes of this one in a Region, parameters open."""
    os.environ["AWS_DEFAULT_REGION"] = region
    from samtranslator.translator.transform import transform  # noqa: PLC0415 - looks at the Region

    uploaded = [template.get("Globals", {}).get("Function", {})]
    uploaded += [each["Properties"] for each in template["Resources"].values()]
    for properties in uploaded:
        properties.update({place: _UPLOADED for place in _PLACES if place in properties})
    made: dict[str, Any] = transform(template, {}, _NoPolicies())
    return made


def main() -> None:
    """Print the expanded template that the command line names."""
    from samtranslator.yaml_helper import yaml_parse  # noqa: PLC0415 - the other venv's

    template = yaml_parse(Path(sys.argv[1]).read_text(encoding="utf-8"))
    json.dump(expanded(template, region="eu-west-2"), sys.stdout, indent=2)


if __name__ == "__main__":
    main()
