import ast
import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from layers.left_out import lines
from layers.operations import UnknownOperationError, keep_operations, model_of
from tests.function_package import ROOT
from tests.template.test_template_rights import (
    AWS,
    COMMANDS,
    OTHER_NAMES,
    methods,
    operation_names,
    operations,
)

LISTED = ROOT / "layers/web/operations.txt"
BY_BOTOCORE = {"s3:HeadBucket", "sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"}
"""S3RegionRedirectorv2 asks for the first, the providers of a role's credentials for the others."""

STRING = {"type": "string"}
MODEL = {
    "metadata": {"endpointPrefix": "shop-api"},
    "operations": {
        "Buy": {
            "input": {"shape": "Wish"},
            "output": {"shape": "Bought"},
            "errors": [{"shape": "SoldOut"}],
            "documentation": "<p>Buys.</p>",
        },
        "Sell": {"input": {"shape": "Offer"}},
    },
    "shapes": {
        "Wish": {"type": "structure", "members": {"Things": {"shape": "Things"}}},
        "Things": {"type": "list", "member": {"shape": "Thing"}},
        "Thing": {
            "type": "structure",
            "members": {
                "documentation": {"shape": "Text", "documentation": "<p>Of the thing.</p>"},
                "Within": {"shape": "Things"},
            },
        },
        "Bought": {"type": "map", "key": {"shape": "Name"}, "value": {"shape": "Price"}},
        "SoldOut": {"type": "structure", "members": {}, "exception": True},
        "Offer": {"type": "structure", "members": {"At": {"shape": "Price"}}},
        "Unused": STRING,
        **dict.fromkeys(("Text", "Name", "Price"), STRING),
    },
    "documentation": "<p>A shop.</p>",
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """What botocore would know of a shop, of which it has two versions, and of a bank."""
    folder = tmp_path / "data"
    for name in ("shop/2019-01-01", "shop/2020-01-01", "bank/2020-01-01"):
        (folder / name).mkdir(parents=True)
        for file, content in (("service-2", MODEL), ("endpoint-rule-set-1", {"rules": []})):
            (folder / name / f"{file}.json.gz").write_bytes(gzip.compress(_json(content)))
    services: dict[str, Any] = {"shop-api": {"endpoints": {"here": {}}}, "bank": {}}
    partitions = [{"partition": name, "services": services} for name in ("one", "other")]
    (folder / "endpoints.json").write_bytes(_json({"version": 3, "partitions": partitions}))
    return folder


def test_only_what_is_listed_is_kept(data: Path, tmp_path: Path) -> None:
    keep_operations(data, _list(tmp_path, "shop:Buy  # of things\n"))
    kept = sorted(str(each.relative_to(data)) for each in data.rglob("*") if each.is_file())
    newest = "shop/2020-01-01"
    files = [f"{newest}/endpoint-rule-set-1.json", f"{newest}/service-2.json"]
    assert kept == ["endpoints.json", *files]
    model = json.loads((data / newest / "service-2.json").read_bytes())
    assert set(model["operations"]) == {"Buy"}
    partitions = json.loads((data / "endpoints.json").read_bytes())["partitions"]
    assert [list(each["services"]) for each in partitions] == [["shop-api"]] * 2


def test_a_cut_service_is_cut_to_the_same_again(data: Path, tmp_path: Path) -> None:
    keep_operations(data, _list(tmp_path, "shop:Buy\n"))
    once = {file: file.read_bytes() for file in data.rglob("*.json")}
    keep_operations(data, tmp_path / "operations.txt")
    assert {file: file.read_bytes() for file in data.rglob("*.json")} == once


def test_shapes_that_an_operation_reaches_are_kept_without_prose() -> None:
    cut = model_of(MODEL, {"Buy"})
    reached = {"Wish", "Things", "Thing", "Text", "Bought", "Name", "Price", "SoldOut"}
    assert set(cut["shapes"]) == reached
    assert cut["shapes"]["Thing"]["members"]["documentation"] == {"shape": "Text"}
    assert cut["metadata"] == MODEL["metadata"]
    assert "documentation" not in cut
    assert "documentation" not in cut["operations"]["Buy"]


def test_operations_that_nothing_describes_are_all_told_before_anything_is_changed(
    data: Path, tmp_path: Path
) -> None:
    before = sorted(data.rglob("*"))
    with pytest.raises(UnknownOperationError, match="bank:Rob, forge:Hammer, shop:Steal"):
        keep_operations(data, _list(tmp_path, "shop:Buy\nshop:Steal\nbank:Rob\nforge:Hammer\n"))
    assert sorted(data.rglob("*")) == before


def test_the_list_names_what_functions_call_and_what_botocore_does_itself() -> None:
    """A call of a command is left out: no function makes it."""
    called = {
        name
        for path in AWS.rglob("*.py")
        for place, node in methods(ast.parse(path.read_text(encoding="utf-8")))
        if place not in COMMANDS
        for name in operation_names(node)
    }
    listed = list(lines(LISTED))
    assert len(listed) == len(set(listed))
    assert set(listed) >= BY_BOTOCORE
    named = {xform_name(each.partition(":")[2]): each for each in set(listed) - BY_BOTOCORE}
    assert {name: OTHER_NAMES.get(each, each) for name, each in named.items()} == {
        name: operations()[name] for name in called
    }


def test_errors_that_functions_name_are_declared_by_listed_operations() -> None:
    """A client has classes for these alone, and says that it has no other."""
    named = {
        node.attr
        for path in AWS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "exceptions"
    }
    declared = {
        error.name
        for service, _, operation in (line.partition(":") for line in lines(LISTED))
        for error in _model(Loader(), service).operation_model(operation).error_shapes
    }
    assert "ResourceNotFoundException" in named
    assert named <= declared


def test_botocore_reads_of_listed_operations_what_it_reads_of_whole_services(
    tmp_path: Path,
) -> None:
    whole = Path(botocore.__file__).parent / "data"
    services = sorted({line.partition(":")[0] for line in lines(LISTED)})
    for service in services:
        shutil.copytree(whole / service, tmp_path / "data" / service)
    shutil.copy(whole / "endpoints.json", tmp_path / "data")
    keep_operations(tmp_path / "data", LISTED)
    cut = Loader(extra_search_paths=[str(tmp_path / "data")], include_default_search_paths=False)
    for service in services:
        ours, theirs = (_model(loader, service) for loader in (cut, Loader()))
        assert ours.metadata == theirs.metadata
        assert ours.client_context_parameters == theirs.client_context_parameters
        for name in ours.operation_names:
            assert list(_described(ours, name)) == list(_described(theirs, name))
        rules = (
            each.load_service_model(service, "endpoint-rule-set-1") for each in (cut, Loader())
        )
        assert next(rules) == next(rules)


def _list(folder: Path, text: str) -> Path:
    (folder / "operations.txt").write_text(text)
    return folder / "operations.txt"


def _json(content: object) -> bytes:
    return json.dumps(content).encode()


def _model(loader: Loader, service: str) -> ServiceModel:
    return ServiceModel(loader.load_service_model(service, "service-2"), service)


def _described(model: ServiceModel, operation: str) -> Iterator[object]:
    """Give what requests are made of and answers are read by, as botocore sees it."""
    asked = model.operation_model(operation)
    yield asked.http, asked.auth, asked.context_parameters, asked.static_context_parameters
    yield asked.operation_context_parameters, asked.http_checksum, asked.endpoint
    seen: set[str] = set()
    for shape in (asked.input_shape, asked.output_shape, *asked.error_shapes):
        yield from _shapes(shape, seen)


def _shapes(shape: Shape | None, seen: set[str]) -> Iterator[object]:
    if shape is None:
        return
    yield shape.name, shape.type_name, shape.metadata, shape.serialization
    if shape.name in seen:
        return
    seen.add(shape.name)
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            yield name
            yield from _shapes(member, seen)
    elif isinstance(shape, ListShape):
        yield from _shapes(shape.member, seen)
    elif isinstance(shape, MapShape):
        yield from _shapes(shape.key, seen)
        yield from _shapes(shape.value, seen)
