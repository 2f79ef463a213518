import ast
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from layers.left_out import lines
from tests.function_package import (
    MOST_BYTES,
    ROOT,
    FunctionPackage,
    build,
    functions,
    layers_of,
    unpacked_bytes,
)
from tests.stand_ins import ACCESS_KEY, REGION, SECRET_KEY, StandIn

from penstock.formats import all_formats

_IMPORT_HANDLERS = """
import importlib, json
for handler in json.loads(sys.argv[1]):
    module, _, name = handler.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name)), handler
"""

_DOWNLOAD_ALONE = """
import json
from penstock.lean import leave_out_unused
leave_out_unused()
import penstock.aws.runtime.loop, penstock.aws.handlers
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

_IMPORT_ALL = """
import importlib, pkgutil, penstock
for module in pkgutil.walk_packages(penstock.__path__, "penstock."):
    importlib.import_module(module.name)
outside = [
    name for name, module in sys.modules.items()
    if "-packages" in (getattr(module, "__file__", None) or "")
]
print(outside, "numpy" in sys.modules)
"""

_IMPORT = """
import importlib, json
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
"""

_OPERATIONS = """
import json
import botocore.session
session = botocore.session.Session()
found = []
for service in session.get_available_services():
    client = session.create_client(
        service, region_name="eu-west-2", aws_access_key_id="id", aws_secret_access_key="secret"
    )
    found += [f"{service}:{name}" for name in client.meta.method_to_api_mapping.values()]
print(json.dumps(sorted(found)))
"""

_CALLS = """
import json
import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

def example(shape):
    if shape.type_name == "structure":
        return {name: example(shape.members[name]) for name in shape.required_members}
    made = {"list": list, "map": dict, "integer": int, "long": int, "boolean": bool}
    return made.get(shape.type_name, lambda: "an-example")()

session = botocore.session.Session()
config = Config(
    parameter_validation=False,
    retries={"total_max_attempts": 1},
    s3={"addressing_style": "path"},
)
codes = {}
for each in json.loads(sys.argv[1]):
    service, _, operation = each.partition(":")
    client = session.create_client(service, config=config)
    wanted = example(client.meta.service_model.operation_model(operation).input_shape)
    try:
        answer = getattr(client, xform_name(operation))(**wanted)
    except ClientError as refused:
        answer = refused.response
    codes[each] = answer.get("Error", {}).get("Code", "")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] < 500, (each, answer)
print(json.dumps(codes))
"""

_UNDERSTOOD = {
    "",
    "404",
    "AWS.SimpleQueueService.NonExistentQueue",
    "InvalidArn",
    "InvalidRequestException",
    "NoSuchBucket",
    "NoSuchDistribution",
    "NoSuchKey",
    "NoSuchUpload",
    "ParameterNotFound",
    "ResourceNotFoundException",
    "ValidationException",
}
"""No error, and those of who knows the operation but has nothing that is called as in `_CALLS`."""

_LOAD_HTTPFS = """
from pathlib import Path
import duckdb, duckdb_extension_httpfs
(file,) = Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension")
connection = duckdb.connect()
connection.execute(f"LOAD '{file}'")
connection.execute("CREATE SECRET (TYPE s3, KEY_ID 'id', SECRET 'secret', REGION 'eu-west-2')")
loaded = "SELECT loaded FROM duckdb_extensions() WHERE extension_name = 'httpfs'"
print(connection.execute(loaded).fetchone())
"""

_LOAD_DRIVERS = """
import ctypes
import adbc_driver_postgresql, psycopg
ctypes.CDLL(adbc_driver_postgresql._driver_path())
print(psycopg.pq.__impl__)
"""

_WRITE_SLICES = """
sys.path.append(sys.argv[2])
from tests.layers import write_slices
write_slices.main(write_slices.Path(sys.argv[1]))
"""


def test_every_handler_of_the_template_is_imported(package: FunctionPackage) -> None:
    """Each with the layers that its function has, and no others."""
    for function in functions().values():
        handlers = _handlers(function["Handler"])
        named = json.dumps([name for name in handlers if "/" not in name])
        package.run(_IMPORT_HANDLERS, named, layers=layers_of(function))
        for program in (name for name in handlers if "/" in name):
            assert os.access(package.code / program, os.X_OK), program
    assert functions()


def test_a_download_does_not_wait_for_what_only_others_need(package: FunctionPackage) -> None:
    loaded = set(json.loads(package.run(_DOWNLOAD_ALONE)))
    assert {"botocore", "duckdb", "penstock", "pyarrow", "starlette"} <= loaded
    others = {"aws_lambda_powertools", "aws_xray_sdk", "fastapi", "jinja2", "mangum", "sqlglot"}
    assert not loaded & others


def test_every_module_of_a_function_is_imported_from_its_package(package: FunctionPackage) -> None:
    assert package.run(_IMPORT_ALL).strip() == "[] False"


def test_what_functions_import_late_is_there_too(package: FunctionPackage) -> None:
    others = sys.stdlib_module_names | {"penstock", "pandas"}
    wanted = {name for name in _imported(package.code) if name.partition(".")[0] not in others}
    assert {"sqlglot", "uvloop"} <= wanted
    package.run(_IMPORT, json.dumps(sorted(wanted)))


def test_clients_know_the_listed_operations_and_no_others(package: FunctionPackage) -> None:
    assert json.loads(package.run(_OPERATIONS)) == _listed_operations()


def test_services_understand_every_listed_operation(
    package: FunctionPackage, s3_server: StandIn, aws_server: StandIn
) -> None:
    variables = {
        "AWS_ENDPOINT_URL": aws_server.endpoint,
        "AWS_ENDPOINT_URL_S3": s3_server.endpoint,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
    }
    listed = _listed_operations()
    codes = json.loads(package.run(_CALLS, json.dumps(listed), variables=variables))
    assert list(codes) == listed
    assert set(codes.values()) <= _UNDERSTOOD


def test_the_engine_reads_object_stores(package: FunctionPackage) -> None:
    assert package.run(_LOAD_HTTPFS).strip() == "(True,)"


def test_drivers_of_databases_are_whole(package: FunctionPackage) -> None:
    assert package.run(_LOAD_DRIVERS).strip() == "binary"


def test_every_format_writes_a_slice(package: FunctionPackage, tmp_path: Path) -> None:
    rows = json.loads(package.run(_WRITE_SLICES, str(tmp_path), str(ROOT)))
    assert rows == dict.fromkeys(all_formats(), 2)


def test_modules_are_compiled_beforehand(package: FunctionPackage) -> None:
    tag = sys.implementation.cache_tag
    for root in map(Path, package.path):
        for source in root.rglob("*.py"):
            assert (source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc").exists()


def test_layers_do_not_overlap(package: FunctionPackage) -> None:
    files = [
        file.relative_to(layer)
        for layer in package.layers.values()
        for file in layer.rglob("*")
        if not file.is_dir()
    ]
    assert len(files) == len(set(files))


def test_each_function_fits_with_its_layers(package: FunctionPackage) -> None:
    sizes = {name: unpacked_bytes(layer) for name, layer in package.layers.items()}
    code = unpacked_bytes(package.code)
    for name, properties in functions().items():
        whole = code + sum(sizes[layer] for layer in layers_of(properties))
        assert whole <= MOST_BYTES, f"{name}: {whole / 2**20:.1f} MiB"
    assert code + sum(sizes.values()) <= MOST_BYTES


def test_the_same_source_gives_the_same_package(tmp_path: Path) -> None:
    build("build-DownloadFunction", tmp_path / "once")
    build("build-ApiFunction", tmp_path / "again")
    assert _contents(tmp_path / "once") == _contents(tmp_path / "again")


def _listed_operations() -> list[str]:
    return sorted(lines(ROOT / "layers/web/operations.txt"))


def _contents(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }


def _handlers(given: str | dict[str, list[str]]) -> list[str]:
    """Give the handler, or both of a condition."""
    return [given] if isinstance(given, str) else given["Fn::If"][1:]


def _imported(folder: Path) -> Iterator[str]:
    """Name what the modules of a folder import anywhere in their bodies."""
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
                yield node.module
