"""What is refused when compiled.yaml is read: nonsense, and what this machine does not do, by name."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.running.pipeline_spec import ContainerExecutor, Dag, FromTask
from penstock.running.planner import Planner
from penstock.running.spec_reader import parse_pipeline, read_pipeline
from penstock.sdk import BadInput

# ruff: noqa: E501 - one case, one line

NUMBER = {"parameterType": "NUMBER_INTEGER"}
GOOD: dict[str, Any] = {
    "schemaVersion": "2.1.0",
    "sdkVersion": "kfp-2.13.0",
    "pipelineInfo": {"name": "small", "description": "Two tasks."},
    "deploymentSpec": {"executors": {"exec-a": {"container": {"image": "img", "command": ["a"], "args": ["{{$}}"]}}}},
    "components": {
        "comp-a": {
            "executorLabel": "exec-a",
            "inputDefinitions": {"parameters": {"n": {**NUMBER, "defaultValue": 2.0, "isOptional": True}}},
            "outputDefinitions": {"parameters": {"out": NUMBER}},
        }
    },
    "root": {
        "dag": {
            "tasks": {
                "one": {"componentRef": {"name": "comp-a"}, "cachingOptions": {"enableCache": True}},
                "two": {
                    "componentRef": {"name": "comp-a"},
                    "dependentTasks": ["one"],
                    "inputs": {
                        "parameters": {
                            "n": {"taskOutputParameter": {"producerTask": "one", "outputParameterKey": "out"}}
                        }
                    },
                },
            }
        }
    },
}
ONE, TWO = "root.dag.tasks.one", "root.dag.tasks.two"


def changed(path: str, value: Any) -> str:
    """The good pipeline with one value changed, as YAML."""
    document = copy.deepcopy(GOOD)
    *parents, last = path.split("/")
    place = document
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    return yaml.safe_dump(document)


def test_a_good_pipeline_is_read_as_it_is_written():
    spec = parse_pipeline(yaml.safe_dump(GOOD))
    assert (spec.name, spec.description, spec.sdk_version) == ("small", "Two tasks.", "kfp-2.13.0")
    assert isinstance(spec.root.body, Dag)
    one, two = spec.root.body.tasks["one"], spec.root.body.tasks["two"]
    assert (one.cacheable, two.cacheable) == (True, False)
    assert two.parameters["n"].source == FromTask("one", "out")
    assert spec.component(one).parameters["n"].default == 2
    assert spec.component(one).body == ContainerExecutor("img", ("a",), ("{{$}}",))
    assert [path for path, _ in spec.walk()] == ["one", "two"]


def test_the_settings_for_clusters_come_along_as_a_second_document():
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"exec-a": {"nodeSelector": {}}}}}}}
    spec = parse_pipeline(f"{yaml.safe_dump(GOOD)}\n---\n{yaml.safe_dump(platform)}")
    assert spec.platform["kubernetes"]["deploymentSpec"]["executors"] == {"exec-a": {"nodeSelector": {}}}


@pytest.mark.parametrize(
    ("resources", "cores", "size"),
    [
        ({"cpuLimit": 2.0, "memoryLimit": 0.536870912}, 2.0, 512 * 2**20),
        ({"cpuLimit": 2.0, "resourceCpuLimit": "1500m", "memoryLimit": 1.0, "resourceMemoryLimit": "1Gi"}, 1.5, 2**30),
        ({"cpuRequest": 1.0, "accelerator": {"resourceType": "nvidia.com/gpu", "resourceCount": "1"}}, None, None),
    ],
)
def test_limits_of_old_and_new_compilers(resources, cores, size):
    spec = parse_pipeline(changed("deploymentSpec/executors/exec-a/container/resources", resources))
    container = Planner(spec).ready()[0].container
    assert (container.cpu_limit, container.memory_limit_bytes) == (cores, size)


def test_a_limit_that_is_no_quantity_fails_the_task_that_has_it():
    resources = {"resourceCpuLimit": "many"}
    planner = Planner(parse_pipeline(changed("deploymentSpec/executors/exec-a/container/resources", resources)))
    assert planner.done
    assert planner.ended()[0].why == "its CPU limit: 'many' is not a quantity such as '500m' or '512Mi'"


TASK = "root/dag/tasks/one"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("schemaVersion", "1.0.0", "schemaVersion: '1.0.0' is not supported; 2.1.x is"),
        ("pipelineInfo", {}, "pipelineInfo.name: is missing"),
        ("extra", 1, "extra: unknown; this machine does not support it"),
        ("deploymentSpec/executors/exec-a", {"resolver": {}}, "executors.exec-a.resolver: unknown; this machine does not"),
        ("deploymentSpec/executors/exec-a", {"customJob": {}}, "executors.exec-a.customJob: unknown; this machine does not"),
        ("deploymentSpec/executors/exec-a/container/imge", "x", "container.imge: unknown; did you mean 'image'?"),
        ("deploymentSpec/executors/exec-a/container/args", [1], "container.args: must be a list of strings"),
        ("deploymentSpec/executors/exec-a/container/image", 5, "container.image: 5 has the wrong type"),
        ("components/comp-a/executorLabel", "exec-b", "executorLabel: there is no executor 'exec-b'. Did you mean 'exec-a'?"),
        ("components/comp-a/inputDefinitions/parameters/n/parameterType", "TASK_CONFIG", "the type TASK_CONFIG is not supported"),
        ("components/comp-a/inputDefinitions/parameters/n/defaultValue", "x", "parameters.n.defaultValue: 'x' is not a whole"),
        (f"{TASK}/componentRef/name", "comp-b", f"{ONE}.componentRef: there is no component 'comp-b'. Did you mean 'comp-a'?"),
        (f"{TASK}/dependentTasks", ["tow"], f"{ONE}.dependentTasks: there is no task 'tow'. Did you mean 'two'?"),
        (f"{TASK}/dependentTasks", ["two"], "root.dag.tasks: the tasks wait for each other: "),
        (f"{TASK}/dependentTasks", ["one"], "root.dag.tasks: the tasks wait for each other: one <- one"),
        (f"{TASK}/dependentTasks", "two", f"{ONE}.dependentTasks: must be a list of strings"),
        (f"{TASK}/cachingOptions/enableCache", "yes", "enableCache: 'yes' has the wrong type"),
        (f"{TASK}/triggerPolicy", {"strategy": "SOME"}, "strategy: there is no strategy 'SOME'"),
        (f"{TASK}/triggerPolicy", {"condition": "open('/etc')"}, "uses the function open, which is not supported"),
        (f"{TASK}/iteratorPolicy", {"parallelismLimit": "2"}, "parallelismLimit: '2' has the wrong type"),
        (f"{TASK}/parameterIterator", {"itemInput": "n", "items": {"raw": "{}"}}, "items.raw: must be a JSON list"),
        (f"{TASK}/parameterIterator", {"itemInput": "n", "items": {"raw": "[1]"}}, "only a graph is looped over"),
        (f"{TASK}/retryPolicy", {"backoffDuration": "5m"}, "backoffDuration: '5m' is not a duration such as '60s'"),
        (f"{TASK}/inputs/parameters", {"n": {"runtimeValue": {"constant": "x"}}}, "parameters.n: 'x' is not a whole number"),
        (f"{TASK}/inputs/parameters", {"n": {"runtimeValue": {}}}, "runtimeValue.constant: is missing"),
        (f"{TASK}/inputs/parameters", {"n": {}}, "parameters.n: needs one of componentInputParameter, runtimeValue"),
        (f"{TASK}/inputs/parameters", {"n": {"componentInputParameter": "m"}}, "there is no input parameter 'm'"),
        (f"{TASK}/inputs/parameters", {"n": {"taskFinalStatus": {"producerTask": "three"}}}, "there is no task 'three'"),
        (f"{TASK}/inputs/artifacts", {"a": {"componentInputArtifact": "b"}}, "there is no input artifact 'a'"),
        ("root/dag/tasks/two/inputs/parameters/n/taskOutputParameter/outputParameterKey", "otu",
         f"{TWO}.inputs.parameters.n: there is no output 'otu' of task 'one'. Did you mean 'out'?"),
        ("root/dag/outputs", {"parameters": {"x": {"valueFromParameter": {"producerSubtask": "one", "outputParameterKey": "y"}}}},
         "root.dag.outputs.parameters.x: there is no output 'y' of task 'one'"),
        ("root/dag/outputs", {"parameters": {"x": {"valueFromOneof": {"parameterSelectors": []}}}}, "parameterSelectors: is empty"),
        (f"{TASK}/inputs/parameters", {"n": {"runtimeValue": {"constant": "{{$.pipeline_region}}"}}},
         "parameters.n: the placeholder {{$.pipeline_region}} is not supported"),
        ("deploymentSpec/executors/exec-a/container/args", ["-n={{$.inputs.parameters['m']}}"], "comp-a.inputs: there is no parameter 'm'"),
        ("deploymentSpec/executors/exec-a/container/args", ["{{$.outputs.artifacts['m'].uri}}"], "comp-a.outputs: there is no artifact 'm'"),
        ("root", {"executorLabel": "exec-a"}, "root: must be a graph of tasks"),
        ("root/dag", {}, "root.dag.tasks: is missing"),
        ("root/dag/tasks/one", None, "componentRef: is missing"),
        ("components/comp-b", {"dag": {"tasks": {"t": {"componentRef": {"name": "comp-b"}}}}},
         "components: the components wait for each other: comp-b <- comp-b"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_by_file_and_key(path, value, message):
    with pytest.raises(BadInput) as error:
        parse_pipeline(changed(path, value), "here/compiled.yaml")
    assert str(error.value).startswith("here/compiled.yaml: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a compiled pipeline"),
        ("just text", "not a compiled pipeline"),
        ("[1, 2]", "not a compiled pipeline"),
        ("a: 1", "not a compiled pipeline: it has no 'root'. Make one with `penstock compile`"),
        ("root: [", "line 2: did not find"),
        ("root: " + "[" * 100_000, "line 1: is nested too deeply"),
        ("a: &x [1]\nroot: [*x, *x]", "line 2: aliases are not used here"),
        ("? [a]\n: b\nroot: 1", "line 1: a key must be a plain name"),
        ("root: 2013-99-99", "not YAML: month must be in 1..12"),
        ("root: 1\nroot: 2", "line 2: the key 'root' is there twice"),
        ("root:\n  dag: {a: 1, b: 2, a: 3}", "line 2: the key 'a' is there twice"),
        ("root: !!python/object/apply:os.system ['true']", "line 1: could not determine a constructor"),
        ("root: 1\n---\na: 1\n---\nb: 2", "one document, or two"),
        ("root: 1\nschemaVersion: 2.1.0\ncomponents: 5\npipelineInfo: {name: a}", "components: must be a mapping"),
    ],
)
def test_what_is_no_pipeline_is_told_in_one_line(text, message):
    with pytest.raises(BadInput) as error:
        parse_pipeline(text)
    assert message in str(error.value)


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path):
    with pytest.raises(BadInput, match=r"none\.yaml: cannot be read: No such file"):
        read_pipeline(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00root")
    with pytest.raises(BadInput, match="it is not UTF-8 text"):
        read_pipeline(tmp_path / "binary.yaml")


def test_any_one_value_replaced_is_read_or_refused_in_one_line():
    """Walk over the whole document and put nonsense into every place, one at a time."""

    def places(node: Any, path: tuple[Any, ...] = ()):
        yield path
        for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
            yield from places(value, (*path, key))

    def replaced(node: Any, path: tuple[Any, ...], value: Any) -> Any:
        if not path:
            return value
        fresh = copy.copy(node)
        fresh[path[0]] = replaced(node[path[0]], path[1:], value)
        return fresh

    tried = 0
    for path in places(GOOD):
        for nonsense in (None, 7, "x", [], {}, [1], {"a": {"b": 1}}, True):
            tried += 1
            _read_or_refused(lambda p=path, n=nonsense: yaml.safe_dump(replaced(GOOD, p, n)))
    assert tried > 350


def _read_or_refused(text: Callable[[], str]) -> None:
    try:
        parse_pipeline(text())
    except BadInput as error:
        assert "\n" not in str(error)
