"""Other people's checks: the SAM CLI, cfn-lint and checkov find nothing that isn't answered."""

import re
from pathlib import Path

import pytest
from tests.template.templates import ROOT, TEMPLATES, everything_in, expanded, run, tool

_SKIPPED = re.compile(r"  - (CKV2?_AWS_[0-9]+)(.*)")
_SHORTEST_REASON = 30


def test_sam_finds_the_template_valid() -> None:
    found = run(tool("sam", "sam"), "validate", "--lint", "--template", "template.yaml")
    assert "is a valid SAM Template" in found.stdout


def test_cfn_lint_finds_nothing_in_the_edges_templates() -> None:
    assert run(tool("sam", "cfn-lint")).stdout == ""


def test_cfn_lint_looks_at_every_template_that_sam_does_not() -> None:
    looked_at = re.findall(r"^  - (\S+)$", (ROOT / ".cfnlintrc.yaml").read_text(), re.MULTILINE)
    assert {"template.yaml", *looked_at} == set(TEMPLATES)


def test_cfn_lint_ignores_nothing() -> None:
    assert "ignore" not in (ROOT / ".cfnlintrc.yaml").read_text().replace("Nothing is ignored", "")
    for name in TEMPLATES:
        assert "cfn-lint" not in set(filter(_is_text, everything_in(expanded(name)))), name


def test_checkov_finds_nothing_in_what_cloudformation_gets(tmp_path: Path) -> None:
    expand = run(tool("sam", "python"), "tools/expand.py", "template.yaml")
    stack = tmp_path / "template.json"
    stack.write_text(expand.stdout)
    edges = [name for name in TEMPLATES if name != "template.yaml"]
    found = run(
        tool("checkov", "checkov"), "--config-file", ".checkov.yaml", "-f", str(stack), *edges
    )
    counts = re.search(r"Passed checks: (\d+), Failed checks: 0, Skipped", found.stdout)
    assert counts is not None, found.stdout
    assert int(counts[1]) > 100, "it looked at less than the whole stack"


def test_a_check_that_is_skipped_has_its_reason_beside_it() -> None:
    lines = (ROOT / ".checkov.yaml").read_text(encoding="utf-8").splitlines()
    skipped = [found for line in lines if (found := _SKIPPED.fullmatch(line))]
    assert skipped
    for line in skipped:
        assert line[2].startswith(" # "), line[1]
        assert len(line[2]) > _SHORTEST_REASON, line[1]


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_check_that_is_skipped_for_one_resource_has_its_reason_there(name: str) -> None:
    for logical, resource in expanded(name)["Resources"].items():
        for skipped in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
            assert len(skipped["comment"]) > _SHORTEST_REASON, (logical, skipped["id"])


def _is_text(value: object) -> bool:
    return isinstance(value, str)
