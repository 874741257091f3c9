"""The command line of a container: placeholders and the structures in it."""

from __future__ import annotations

import json

import pytest

from penstock.running.placeholders import container_argv, fill_constant
from penstock.running.work import Container, Work
from penstock.sdk import PenstockError
from penstock.sdk.executor import ExecutorInput

GIVEN = {
    "inputs": {
        "parameterValues": {
            "n": 3,
            "real": 2.0,
            "yes": True,
            "text": 'a "b" {{$}}',
            "many": [1, "a"],
            "deep": {"k": 1},
        },
        "artifacts": {
            "data": {
                "artifacts": [{"name": "data", "uri": "s3://bucket/key", "metadata": {"rows": 5, "kind": "examples"}}]
            },
            "none": {"artifacts": []},
        },
    },
    "outputs": {
        "parameters": {"gate": {"outputFile": "/out/gate"}},
        "artifacts": {"model": {"artifacts": [{"name": "model", "uri": "/runs/1/model"}]}},
        "outputFile": "/out/executor_output.json",
    },
}


def argv(*args: str, command: tuple[str, ...] = ()) -> list[str]:
    work = Work("train", "train", "trainer", Container("img", command, args), {}, {}, {}, {})
    return container_argv(work, ExecutorInput.model_validate(GIVEN))


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("--n={{$.inputs.parameters['n']}}", "--n=3"),
        ('{{$.inputs.parameters["n"]}}', "3"),
        ("{{$.inputs.parameters['real']}}", "2"),
        ("{{$.inputs.parameters['yes']}}", "true"),
        ("{{$.inputs.parameters['many']}}", '[1,"a"]'),
        ("{{$.inputs.parameters['deep']}}", '{"k":1}'),
        ("{{$.inputs.artifacts['data'].uri}}", "s3://bucket/key"),
        ("{{$.inputs.artifacts['data'].path}}", "/s3/bucket/key"),
        ("{{$.inputs.artifacts['data'].name}}", "data"),
        ("{{$.inputs.artifacts['data'].metadata['rows']}}", "5"),
        ("{{$.inputs.artifacts['data'].metadata}}", '{"rows":5,"kind":"examples"}'),
        ("{{$.outputs.artifacts['model'].path}}/x", "/runs/1/model/x"),
        ("{{$.outputs.parameters['gate'].output_file}}", "/out/gate"),
        ("{{$.outputs.output_file}}", "/out/executor_output.json"),
        ("{{n}} {$} {{$.unknown}}", "{{n}} {$} {{$.unknown}}"),
        ("", ""),
    ],
)
def test_placeholders(argument, expected):
    assert argv(argument) == [expected]


def test_the_whole_input_is_json_that_a_component_reads():
    (text,) = argv("{{$}}")
    assert ExecutorInput.parse(text) == ExecutorInput.model_validate(GIVEN)
    assert json.loads(text)["inputs"]["parameterValues"]["n"] == 3


def test_a_value_that_looks_like_a_placeholder_is_left_alone():
    assert argv("{{$.inputs.parameters['text']}}") == ['a "b" {{$}}']


def test_the_command_comes_first_and_is_filled_too():
    assert argv("--x", command=("run", "{{$.inputs.parameters['n']}}")) == ["run", "3", "--x"]


@pytest.mark.parametrize(
    ("structure", "expected"),
    [
        (
            {"Concat": ["a=", "{{$.inputs.parameters['n']}}", ",", "{{$.inputs.parameters['text']}}"]},
            ['a=3,a "b" {{$}}'],
        ),
        ({"IfPresent": {"InputName": "n", "Then": ["--n", "{{$.inputs.parameters['n']}}"]}}, ["--n", "3"]),
        ({"IfPresent": {"InputName": "data", "Then": "yes", "Else": "no"}}, ["yes"]),
        ({"IfPresent": {"InputName": "none", "Then": "yes", "Else": ["no", "no"]}}, ["no", "no"]),
        ({"IfPresent": {"InputName": "missing", "Then": ["--x", "{{$.inputs.parameters['missing']}}"]}}, []),
        (
            {"Concat": ["x", {"IfPresent": {"InputName": "missing", "Then": "a", "Else": {"Concat": ["y", "z"]}}}]},
            ["xyz"],
        ),
    ],
)
def test_structures(structure, expected):
    assert argv(json.dumps(structure)) == expected


def test_json_of_the_program_itself_is_no_structure():
    assert argv('{"Concat": broken', '{"a": 1}') == ['{"Concat": broken', '{"a": 1}']


@pytest.mark.parametrize(
    "argument",
    ["{{$.inputs.parameters['x']}}", "{{$.inputs.artifacts['none'].uri}}", "{{$.outputs.parameters['x'].output_file}}"],
)
def test_an_argument_without_a_value_stops_the_task_with_the_remedy(argument):
    with pytest.raises(PenstockError, match=r"task train: the argument .* has no value\. Wrap it in dsl\.IfPresent"):
        argv(argument)


def test_constants_take_values_and_keep_types():
    values = {"n": 3, "many": [1.0]}
    assert fill_constant("{{$.inputs.parameters['many']}}", values) == [1.0]
    assert fill_constant({"a": ["n={{$.inputs.parameters['n']}}"], "b": 4}, values) == {"a": ["n=3"], "b": 4}
    with pytest.raises(KeyError):
        fill_constant("{{$.inputs.parameters['x']}}", values)
