"""What every pipeline must be, found by discovery."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format
from kfp import components
from kfp.pipeline_spec import pipeline_spec_pb2

from penstock.authoring import documents
from penstock.authoring.compiling import check_compiled, compile_for, compile_whole
from penstock.authoring.config import read_config
from penstock.authoring.discovery import find_components, find_pipelines
from penstock.profiles.cluster import ClusterProfile
from penstock.profiles.reading import OVERLAYS, PROFILE_FILE, read_profile
from penstock.running.spec_reader import parse_pipeline

ROOT = Path(__file__).parents[2]
FOLDERS = find_pipelines(ROOT)
PROFILES = sorted((ROOT / OVERLAYS).glob(f"*/{PROFILE_FILE}"))
EACH = pytest.mark.parametrize("folder", FOLDERS.values(), ids=FOLDERS)
COMPILE = "import sys, pathlib; from penstock.authoring.compiling import compile_pipeline as c\n"
COMPILE += "sys.stdout.write(c(pathlib.Path(sys.argv[1])))"


def test_there_are_pipelines() -> None:
    assert FOLDERS


@EACH
def test_its_compiled_form_is_up_to_date(folder: Path) -> None:
    assert check_compiled(folder) == "", "run ci/generate"


@EACH
def test_another_process_compiles_the_same_bytes(folder: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", COMPILE, str(folder)],
        cwd="/",
        env={**os.environ, "PYTHONHASHSEED": "1", "LC_ALL": "C"},
        capture_output=True,
        check=True,
        timeout=120,
    )
    assert ran.stdout == compile_whole(folder).text.encode()


@EACH
def test_kfp_reads_it(folder: Path) -> None:
    path = folder / "compiled.yaml"
    loaded = components.load_component_from_file(str(path))
    message = json_format.ParseDict(yaml.safe_load(path.read_text()), pipeline_spec_pb2.PipelineSpec())
    assert loaded.name == message.pipeline_info.name == folder.name.replace("_", "-")
    assert message.pipeline_info.description


@EACH
def test_its_containers_run_components_of_this_project(folder: Path) -> None:
    spec = yaml.safe_load((folder / "compiled.yaml").read_text())
    containers = [executor["container"] for executor in spec["deploymentSpec"]["executors"].values()]
    known = {component.module for component in find_components(ROOT).values()}
    assert {container["command"][-1] for container in containers} <= known
    assert all(container["args"] == ["{{$}}"] for container in containers)


@EACH
def test_what_a_run_may_set_has_type_and_description_and_can_be_left_out(folder: Path) -> None:
    spec = yaml.safe_load((folder / "compiled.yaml").read_text())
    inputs = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    settable = compile_whole(folder).run_parameters
    assert set(inputs) == {item.name for item in settable.values()}
    defaults = {item.name: item.parameter.default for item in settable.values()}
    for name, item in inputs.items():
        assert item["parameterType"]
        assert item.get("defaultValue") == defaults[name], name
        assert item["isOptional"], name
        assert item["description"].split(": ", 1)[1], name


@EACH
def test_a_run_can_be_started_with_nothing_but_defaults(folder: Path) -> None:
    """By a person who opens Kubeflow's form and presses Start: each default is of its type; what is none may be."""
    spec = parse_pipeline((folder / "compiled.yaml").read_text())
    compiled = compile_whole(folder)
    for item in compiled.run_parameters.values():
        declared = spec.parameters[item.name]
        assert declared.optional
        if declared.default is None:
            assert compiled.components[item.task].params.model_fields[item.parameter.name].default is None, item.name


@pytest.mark.parametrize("overlay", PROFILES, ids=lambda path: path.parent.name)
@EACH
def test_it_compiles_for_every_cluster_of_the_project(folder: Path, overlay: Path) -> None:
    profile = read_profile(overlay)
    assert isinstance(profile, ClusterProfile)
    compiled = compile_for(folder, profile)
    json_format.ParseDict(compiled.documents[0], pipeline_spec_pb2.PipelineSpec())
    executors = compiled.documents[0]["deploymentSpec"]["executors"]
    images = {image for pool in profile.node_pools.values() for image in pool.images.values()}
    images |= set(profile.images.values())
    assert {executor["container"]["image"] for executor in executors.values()} <= images
    assert parse_pipeline(compiled.text).name == compiled.name


@EACH
def test_it_is_wiring_only(folder: Path) -> None:
    """Values live in pipeline.yaml; a pipeline.py computes nothing and reads nothing."""
    tree = ast.parse((folder / "pipeline.py").read_text(encoding="utf-8"))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    allowed = tuple(f"components.{name}.spec" for name in find_components(ROOT))
    assert all(name in allowed or name.startswith(("penstock.authoring", "pipelines.")) for name in imported), imported


@EACH
def test_its_readme_shows_what_a_run_may_set(folder: Path) -> None:
    readme = (folder / "README.md").read_text(encoding="utf-8")
    table = documents.run_parameter_table(compile_whole(folder).run_parameters.values())
    assert documents.with_section(readme, "run parameters", table) == readme, "run ci/generate"
    for task in compile_whole(folder).components:
        assert f"`{task}`" in readme, f"the README does not speak of the task {task}"


@EACH
def test_values_arrive_at_the_component_as_they_were_written(folder: Path) -> None:
    """Through KFP's numbers, mappings without order and defaults, every task gets the parameters of pipeline.yaml."""
    spec = yaml.safe_load((folder / "compiled.yaml").read_text())
    defaults = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    graphs = [spec["root"]["dag"], *(item["dag"] for item in spec["components"].values() if "dag" in item)]
    tasks = {task["taskInfo"]["name"]: task for graph in graphs for task in graph["tasks"].values()}
    config = read_config(folder)
    for name, component in compile_whole(folder).components.items():
        arrived = {}
        for key, source in tasks[name].get("inputs", {}).get("parameters", {}).items():
            if "runtimeValue" in source:
                arrived[key] = source["runtimeValue"]["constant"]
            else:
                settable = defaults[source["componentInputParameter"].removeprefix("pipelinechannel--")]
                arrived |= {key: settable["defaultValue"]} if "defaultValue" in settable else {}
        written = component.params.model_validate(config.values(name, component))
        assert component.params.parse(arrived, name) == written


def test_the_example_in_the_guide_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = (ROOT / "pipelines" / "README.md").read_text(encoding="utf-8")
    folder = tmp_path / "pipelines" / "example"
    folder.mkdir(parents=True)
    (folder / "pipeline.py").write_text(guide.split("```python\n")[1].split("```", maxsplit=1)[0])
    flights = yaml.safe_load((ROOT / "pipelines" / "flights" / "pipeline.yaml").read_text())["tasks"]
    values = {"name": "example", "description": "As in the guide.", "tasks": {}}
    values["tasks"] = {task: flights[task] for task in ("ingest", "validate", "transform")}
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(values))
    (folder / "schema.pbtxt").write_text("")
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert list(compile_whole(folder).components) == ["ingest", "validate", "transform"]
