"""A function's settings are read from its template, and what only a stack has is asked for."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from penstock.aws.invoke.cloudformation import NO_VALUE, Template, UnresolvedError, read_document
from penstock.aws.invoke.functions import Function, read_function, read_variables
from penstock.errors import SetupError

TEMPLATE = """
Parameters:
  Stage: { Type: String, Default: dev }
  Seconds: { Type: Number, Default: 120 }
  Bucket: { Type: String, Default: "" }
  Owner: { Type: String }
Conditions:
  MakesBucket: !Equals [!Ref Bucket, ""]
  IsProd: !Equals [!Ref Stage, prod]
  Both: !And [!Condition MakesBucket, !Not [!Condition IsProd]]
Mappings:
  Sizes: { prod: { megabytes: 2048 }, dev: { megabytes: 512 } }
Globals:
  Function:
    Timeout: 7
    Environment: { Variables: { SHARED: all, LEVEL: INFO } }
Resources:
  Store: { Type: AWS::S3::Bucket }
  Streaming:
    Type: AWS::Serverless::Function
    Properties:
      Handler: !If [Both, module.function, module.other]
      Timeout: !Ref Seconds
      MemorySize: !FindInMap [Sizes, !Ref Stage, megabytes]
      Environment:
        Variables:
          LEVEL: !Sub "${Stage}-${Size}-${!kept}-${AWS::Region}"
          BUCKET: !If [MakesBucket, !Ref Store, !Ref Bucket]
          OWNER: !Ref Owner
          LEFT_OUT: !If [IsProd, set, !Ref "AWS::NoValue"]
          TRUSTED: true
          SIZE: 1000
  Waiting: { Type: AWS::Lambda::Function, Properties: { Timeout: !GetAtt Store.Seconds } }
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE.replace("-${Size}", ""))
    return path


def read(template: Path, name: str = "Streaming", **parameters: str) -> Function:
    return read_function(template, name, parameters=parameters, inherited={})


def test_a_functions_settings_are_its_own_over_those_of_all(template: Path) -> None:
    function = read(template)
    assert (function.handler, function.seconds) == ("module.function", 120)
    assert function.memory_megabytes == 512
    assert function.variables == {
        "SHARED": "all",
        "LEVEL": "dev-${kept}-eu-west-2",
        "TRUSTED": "true",
        "SIZE": "1000",
    }


def test_parameters_take_the_place_of_their_defaults(template: Path) -> None:
    function = read(template, Stage="prod", Seconds="9", Bucket="mine", Owner="me")
    assert (function.seconds, function.memory_megabytes) == (9, 2048)
    assert function.handler == "module.other"
    assert function.missing == {}
    assert function.variables["BUCKET"] == "mine"
    assert function.variables["LEFT_OUT"] == "set"


def test_what_only_a_stack_has_is_named_with_the_way_to_give_it(template: Path) -> None:
    function = read(template)
    with pytest.raises(SetupError) as caught:
        function.environment(inherited={"PATH": "/bin"}, given={})
    said = caught.value.detail
    assert "BUCKET (the resource Store)" in said
    assert "OWNER (the parameter Owner, which has no default)" in said
    assert '{"Streaming": {"BUCKET": "…", "OWNER": "…"}}' in said


def test_what_is_given_comes_first_then_the_environment_then_the_template(template: Path) -> None:
    made = read(template).environment(
        inherited={"PATH": "/bin", "BUCKET": "inherited", "OWNER": "inherited", "LEVEL": "DEBUG"},
        given={"BUCKET": "given"},
    )
    assert (made["BUCKET"], made["OWNER"], made["LEVEL"]) == ("given", "inherited", "DEBUG")
    assert made["SHARED"] == "all"
    assert made["PATH"] == "/bin"
    assert made["_HANDLER"] == "module.function"
    assert made["AWS_LAMBDA_FUNCTION_NAME"] == "Streaming"
    assert made["AWS_REGION"] == "eu-west-2"


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("Nobody", {}, "has no function Nobody; it has: Streaming, Waiting"),
        ("Store", {}, "has no function Store"),
        ("Streaming", {"Stages": "prod"}, "has no parameter Stages; it has: Bucket, Owner"),
        ("Waiting", {}, "can't be run here: it depends on the resource's Store.Seconds"),
    ],
)
def test_what_is_not_there_is_a_clear_error(
    template: Path, name: str, parameters: dict[str, str], said: str
) -> None:
    with pytest.raises(SetupError, match=said):
        read(template, name, **parameters)


@pytest.mark.parametrize("text", ["", "- 1", "a: [", "a: !Ref", "\x00"])
def test_a_file_that_is_no_template_is_a_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(text)
    with pytest.raises(SetupError, match=r"template\.yaml|has no function"):
        read(path)


def test_a_missing_template_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="can't be read: No such file"):
        read(tmp_path / "none.yaml")


def resolved(value: Any, **parameters: str) -> Any:
    document = yaml.safe_load(
        "{Parameters: {A: {Default: a}, N: {Default: 3}}, Resources: {R: {}},"
        " Conditions: {Holds: {'Fn::Equals': [1, '1']}}}"
    )
    return Template(
        document, parameters=parameters, pseudo_parameters={"AWS::Region": "eu-west-2"}
    ).resolve(value)


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ({"Ref": "A"}, "a"),
        ({"Ref": "AWS::NoValue"}, NO_VALUE),
        ({"Fn::Sub": "${A}-${AWS::Region}-${!A}"}, "a-eu-west-2-${A}"),
        ({"Fn::Sub": ["${A}-${B}", {"B": {"Ref": "N"}}]}, "a-3"),
        ({"Fn::Join": ["-", ["x", {"Ref": "A"}, {"Ref": "AWS::NoValue"}]]}, "x-a"),
        ({"Fn::Select": ["1", {"Fn::Split": [",", "x,y"]}]}, "y"),
        ({"Fn::If": ["Holds", 1, 2]}, 1),
        ({"Fn::Or": [{"Condition": "Holds"}]}, True),
        ({"a": [{"Ref": "A"}, {"b": {"Ref": "AWS::NoValue"}}]}, {"a": ["a", {}]}),
    ],
)
def test_functions_give_their_values(value: object, meant: object) -> None:
    assert resolved(value) == meant


@pytest.mark.parametrize("value", [{"Ref": "R"}, {"Fn::GetAtt": "R.Arn"}, {"Fn::Sub": "${R.Arn}"}])
def test_what_only_a_stack_has_is_not_made_up(value: object) -> None:
    with pytest.raises(UnresolvedError, match="R"):
        resolved(value)


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "Nobody"},
        {"Fn::GetAtt": ["Nobody", "Arn"]},
        {"Fn::If": ["Nobody", 1, 2]},
        {"Fn::If": ["Holds"]},
        {"Fn::And": ["x"]},
        {"Fn::FindInMap": ["x"]},
        {"Fn::Select": [9, ["x"]]},
        {"Fn::ImportValue": "x"},
    ],
)
def test_a_misspelled_function_is_a_clear_error(value: object) -> None:
    with pytest.raises(SetupError):
        resolved(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(value=json_values)
def test_a_value_without_functions_stays_as_it_is(value: object) -> None:
    try:
        assert resolved(value) == value
    except SetupError:
        assert any(mark in json.dumps(value) for mark in ("Fn::", "Ref", "Condition"))


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ('{"F": {"A": "1"}}', {"A": "1"}),
        ('{"Parameters": {"A": "1", "B": true}, "F": {"A": 2}}', {"A": "2", "B": "true"}),
        ("{}", {}),
    ],
)
def test_files_of_variables_are_those_of_sam(
    tmp_path: Path, text: str, variables: dict[str, str]
) -> None:
    path = tmp_path / "variables.json"
    path.write_text(text)
    assert read_variables(path, "F") == variables


@pytest.mark.parametrize("text", ["", "[]", '{"F": 1}', '{"F": ["A"]}'])
def test_a_file_of_another_form_is_a_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "variables.json"
    path.write_text(text)
    with pytest.raises(SetupError, match=r"variables\.json"):
        read_variables(path, "F")


def test_the_stacks_own_template_can_be_read() -> None:
    path = Path(__file__).parents[4] / "template.yaml"
    assert "Resources" in read_document(path)
    given_names = {"ExistingBucketName": "mine", "ExistingKeysTable": "keys"}
    function = read_function(path, "DownloadFunction", parameters=given_names, inherited={})
    assert function.handler == "penstock.aws.handlers.download"
    assert function.variables["AWS_LAMBDA_EXEC_WRAPPER"] == "/opt/penstock-stream"
    assert set(function.missing) == {"PENSTOCK_RECEIPTS_TABLE"}
