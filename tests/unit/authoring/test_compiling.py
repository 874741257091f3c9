"""From a folder to compiled.yaml: what is in it, and that it is always the same bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp import components
from kfp.pipeline_spec import pipeline_spec_pb2

from penstock.authoring.compiling import check_compiled, compile_pipeline, compile_whole, write_compiled
from penstock.authoring.freshness import check_seal
from penstock.sdk import BadInput
from penstock.strict_yaml import read_yaml

GOLDEN = Path(__file__).parents[2] / "golden" / "small_pipeline.yaml"


def plain(text: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def test_a_small_pipeline_compiles_to_the_golden_text(write_pipeline: Any) -> None:
    images = {"runtime": "example.com/runtime:1", "serving": "example.com/serving:1"}
    assert compile_pipeline(write_pipeline(), images) == GOLDEN.read_text()


def test_what_is_compiled_is_sealed(write_pipeline: Any) -> None:
    folder = write_pipeline()
    assert write_compiled(folder)
    check_seal(folder / "compiled.yaml")
    text = (folder / "compiled.yaml").read_text()
    (folder / "compiled.yaml").write_text(text.replace("defaultValue: 7", "defaultValue: 8"))
    with pytest.raises(BadInput, match="edited by hand"):
        check_seal(folder / "compiled.yaml")
    assert write_compiled(folder)
    assert (folder / "compiled.yaml").read_text() == text


def test_kfp_itself_reads_it(write_pipeline: Any, tmp_path: Path) -> None:
    text = compile_pipeline(write_pipeline())
    (tmp_path / "compiled.yaml").write_text(text)
    loaded = components.load_component_from_file(str(tmp_path / "compiled.yaml"))
    assert loaded.name == "small"
    message = json_format.ParseDict(plain(text), pipeline_spec_pb2.PipelineSpec())
    assert sorted(message.root.dag.tasks) == ["condition-1", "judge", "read", "train"]


def test_tasks_have_our_names(write_pipeline: Any) -> None:
    spec = plain(compile_pipeline(write_pipeline()))
    inside = spec["components"]["comp-condition-1"]["dag"]["tasks"]
    assert inside["train-again"]["taskInfo"]["name"] == "train_again"
    assert spec["root"]["dag"]["tasks"]["train"]["taskInfo"]["name"] == "train"


def test_a_gate_is_a_condition_on_its_output(write_pipeline: Any) -> None:
    gate = plain(compile_pipeline(write_pipeline()))["root"]["dag"]["tasks"]["condition-1"]
    assert gate["triggerPolicy"]["condition"] == "inputs.parameter_values['pipelinechannel--judge-gate'] == 'open'"
    assert gate["taskInfo"]["name"] == "judge is open"


def test_what_a_run_may_set_is_a_parameter_with_the_pipelines_default(write_pipeline: Any) -> None:
    spec = plain(compile_pipeline(write_pipeline()))
    assert spec["root"]["inputDefinitions"]["parameters"] == {
        "train_epochs": {
            "parameterType": "NUMBER_INTEGER",
            "defaultValue": 7,
            "isOptional": True,
            "description": "train.epochs: Passes over the data: more is slower.",
        },
        "train_limit": {
            "parameterType": "NUMBER_INTEGER",
            "isOptional": True,
            "description": "train.limit: Most steps; none: all.",
        },
        "train_units": {
            "parameterType": "LIST",
            "defaultValue": [64, 32],
            "isOptional": True,
            "description": "train.units: Width of each layer. (list of integer)",
        },
    }
    given = spec["root"]["dag"]["tasks"]["train"]["inputs"]["parameters"]
    assert given == {
        "epochs": {"componentInputParameter": "train_epochs"},
        "limit": {"componentInputParameter": "train_limit"},
        "units": {"componentInputParameter": "train_units"},
        "rate": {"runtimeValue": {"constant": 0.01}},
    }
    assert list(compile_whole(write_pipeline()).run_parameters) == ["train.epochs", "train.limit", "train.units"]


def test_a_run_parameter_says_what_it_may_be(write_pipeline: Any) -> None:
    values = (
        "name: small\ndescription: Small.\nrun_may_set: [train.kind, train.notes]\ntasks: {judge: {min_auc: 0.5}}\n"
    )
    spec = plain(compile_pipeline(write_pipeline(values=values)))
    assert spec["root"]["inputDefinitions"]["parameters"] == {
        "train_kind": {
            "parameterType": "STRING",
            "defaultValue": "deep",
            "isOptional": True,
            "description": 'train.kind: Which model. ("linear" or "deep")',
        },
        "train_notes": {
            "parameterType": "STRING",
            "defaultValue": "",
            "isOptional": True,
            "description": "train.notes: string",
        },
    }


def test_execution_settings_arrive(write_pipeline: Any) -> None:
    spec = plain(compile_pipeline(write_pipeline()))
    task = spec["root"]["dag"]["tasks"]["train"]
    assert task["retryPolicy"] == {
        "maxRetryCount": 2,
        "backoffDuration": "10s",
        "backoffFactor": 2,
        "backoffMaxDuration": "3600s",
    }
    assert task["cachingOptions"] == {}
    assert spec["root"]["dag"]["tasks"]["read"]["cachingOptions"] == {"enableCache": True}
    resources = spec["deploymentSpec"]["executors"]["exec-train"]["container"]["resources"]
    assert resources["resourceCpuLimit"] == "2"
    assert resources["resourceMemoryLimit"] == "4Gi"


def test_another_process_with_another_hash_seed_compiles_the_same_bytes(write_pipeline: Any) -> None:
    folder = write_pipeline()
    code = "import sys, pathlib; from penstock.authoring.compiling import compile_pipeline as c; "
    code += "sys.stdout.write(c(pathlib.Path(sys.argv[1])))"
    settings = {
        **os.environ,
        "PYTHONHASHSEED": "7",
        "KFP_DISABLE_EXECUTION_CACHING_BY_DEFAULT": "1",
        "TZ": "Asia/Tokyo",
    }
    ran = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True, cwd="/", env=settings
    )
    assert ran.stdout == compile_pipeline(folder)


def test_writing_and_checking(write_pipeline: Any) -> None:
    folder = write_pipeline()
    assert "+sdkVersion: kfp-2.13.0" in check_compiled(folder)
    assert write_compiled(folder) is True
    assert write_compiled(folder) is False
    assert check_compiled(folder) == ""
    path = folder / "pipeline.yaml"
    path.write_text(path.read_text().replace("epochs: 7", "epochs: 8"))
    assert [line for line in check_compiled(folder).splitlines() if line[0] in "+-" and line[1] == " "] == [
        "-        defaultValue: 7",
        "+        defaultValue: 8",
    ]


def test_bad_values_leave_the_compiled_file_alone(write_pipeline: Any) -> None:
    folder = write_pipeline()
    write_compiled(folder)
    before = (folder / "compiled.yaml").read_bytes()
    write_pipeline(values="name: small\ndescription: Small.\ntasks: {judge: {min_auk: 1}}\n")
    with pytest.raises(BadInput, match=r"min_auk: unknown key; did you mean 'min_auc'"):
        write_compiled(folder)
    assert (folder / "compiled.yaml").read_bytes() == before


def test_a_text_of_several_lines_stands_as_a_block(write_pipeline: Any) -> None:
    folder = write_pipeline(
        values="name: small\ndescription: Small.\ntasks:\n  judge: {min_auc: 0.5}\n"
        "  train: {notes: {file: notes.txt}}\n"
    )
    (folder / "notes.txt").write_text("one\n  two: {{$}} # three\n\nfour\n")
    text = compile_pipeline(folder)
    assert "constant: |\n" in text
    task = plain(text)["root"]["dag"]["tasks"]["train"]
    assert task["inputs"]["parameters"]["notes"]["runtimeValue"]["constant"] == "one\n  two: {{$}} # three\n\nfour\n"


@pytest.mark.parametrize(
    "notes", ["1e-3", "NO", "0o17", "2013-10-01", "12:30", "null", "", "a: b", "#x", "x\n", "\nx", " y"]
)
def test_a_text_stays_a_text_to_every_reader_of_yaml(write_pipeline: Any, tmp_path: Path, notes: str) -> None:
    tasks = {"judge": {"min_auc": 0.5}, "train": {"notes": notes}}
    folder = write_pipeline(values=f"name: small\ndescription: Small.\ntasks: {json.dumps(tasks)}\n")
    path = tmp_path / "compiled.yaml"
    path.write_text(compile_pipeline(folder))
    for spec in (plain(path.read_text()), read_yaml(path).value):
        given = spec["root"]["dag"]["tasks"]["train"]["inputs"]["parameters"]["notes"]
        assert given["runtimeValue"]["constant"] == notes


def test_settings_for_kubernetes_alone_are_a_second_document(write_pipeline: Any) -> None:
    build = (
        "\nfrom kfp import kubernetes\ndef build(p: Pipeline) -> None:\n"
        "    kubernetes.add_node_selector(p.task('read', READ).kfp, 'disk', 'fast')\n"
    )
    text = compile_pipeline(write_pipeline(build=build, values="name: small\ndescription: Small.\n"))
    _, platform = yaml.safe_load_all(text)
    assert platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"] == {
        "exec-read": {"nodeSelector": {"labels": {"disk": "fast"}}}
    }
