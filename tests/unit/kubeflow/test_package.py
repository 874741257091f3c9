"""What is read of a compiled pipeline, and of a run of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.kubeflow.following import closed_gates, ending_of, exit_code, tasks_of
from penstock.kubeflow.package import Toleration, Wish, read_package
from penstock.kubeflow.records import Run, RunState
from penstock.lineage.records import ExecutionRecord, RunRecord
from penstock.sdk import BadInput, ExitCode

COMPILED = Path("pipelines/flights/compiled.yaml").read_text(encoding="utf-8")
ON_GPU = """\
pipelineInfo: {name: trains}
components: {comp-train: {executorLabel: exec-train}, comp-read: {executorLabel: exec-read}}
deploymentSpec:
  executors:
    exec-read: {container: {image: a}}
    exec-train: {container: {image: a, resources: {accelerator: {resourceType: nvidia.com/gpu, resourceCount: '2'}}}}
root:
  dag:
    tasks:
      read: {componentRef: {name: comp-read}}
      train: {componentRef: {name: comp-train}, taskInfo: {name: train it}}
---
platforms:
  kubernetes:
    deploymentSpec:
      executors:
        exec-train:
          nodeSelector: {labels: {pool: gpu, zone: '{{$.inputs.parameters[''zone'']}}'}}
          tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]
"""


def test_the_head_of_a_compiled_pipeline_does_not_make_a_version() -> None:
    one = read_package(COMPILED, "compiled.yaml")
    other = read_package(COMPILED.replace("# Will a flight", "# May a flight"), "compiled.yaml")
    third = read_package(COMPILED.replace("name: flights", "name: flight"), "compiled.yaml")
    assert one.content != other.content
    assert one.version == other.version != third.version
    assert (one.name, third.name) == ("flights", "flight")


def test_gates_and_names_come_from_the_wiring() -> None:
    package = read_package(COMPILED, "compiled.yaml")
    assert package.gates == {"condition-1": "validate", "condition-2": "evaluate", "condition-3": "prove"}
    assert package.tasks["condition-2"] == "evaluate is open"


def test_what_a_task_wants_of_a_node_is_read_from_both_documents() -> None:
    tolerations = (Toleration("nvidia.com/gpu", "Exists", "", "NoSchedule"),)
    assert read_package(ON_GPU, "x").wishes == (Wish("train it", {"pool": "gpu"}, tolerations, "nvidia.com/gpu", 2),)


@pytest.mark.parametrize("text", ["", "a: 1", "- 1", "a: [", "pipelineInfo: {name: x}\nroot: 3\n"])
def test_what_is_no_compiled_pipeline_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"here.yaml is no compiled pipeline. Compile it: penstock compile"):
        read_package(text, "here.yaml")


def node(name: str, state: str, **more: object) -> dict[str, object]:
    return {"task_id": more.pop("id", name), "display_name": name, "state": state, **more}


def run(state: str, *nodes: dict[str, object]) -> Run:
    return Run.model_validate({"run_id": "r", "state": state, "run_details": {"task_details": nodes}})


def test_the_engines_own_nodes_are_no_tasks() -> None:
    began, ended, never = "2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z", "0001-01-01T00:00:00Z"
    found = tasks_of(
        run(
            "RUNNING",
            node("flights-jn7sk", "RUNNING", child_tasks=[{"pod_name": "flights-jn7sk-1"}]),
            node("root", "RUNNING", child_tasks=[{"pod_name": "flights-jn7sk-3"}]),
            node("root-driver", "SUCCEEDED"),
            node("train", "RUNNING", start_time=began, end_time=never, child_tasks=[{"pod_name": "flights-jn7sk-5"}]),
            node("train-driver", "SUCCEEDED"),
            node("executor", "RUNNING"),
            node("ingest", "SUCCEEDED", start_time="2025-12-31T00:00:00Z", end_time=ended),
        )
    )
    assert [(task.name, task.state, task.seconds) for task in found] == [
        ("ingest", RunState.SUCCEEDED, 86490.0),
        ("train", RunState.RUNNING, None),
    ]


@pytest.mark.parametrize(
    ("state", "gate", "closed", "code"),
    [
        ("SUCCEEDED", "SUCCEEDED", [], ExitCode.OK),
        ("SUCCEEDED", "SKIPPED", ["evaluate"], ExitCode.GATE_CLOSED),
        ("FAILED", "SKIPPED", ["evaluate"], ExitCode.ERROR),
        ("CANCELED", "PENDING", [], ExitCode.ERROR),
    ],
)
def test_a_gate_that_said_no_is_seen_in_what_was_skipped(
    state: str, gate: str, closed: list[str], code: ExitCode
) -> None:
    found = run(state, node("condition-1", "SUCCEEDED"), node("condition-2", gate))
    assert closed_gates(found, read_package(COMPILED, "compiled.yaml")) == closed
    assert exit_code(found, closed) is code


def execution(task: str, verdict: str, **more: object) -> ExecutionRecord:
    consequence = "proceed" if verdict == "Successful" else "stop"
    about = {"run_id": "r", "pipeline": "p", "component": "c", "state": "complete", "started": datetime(2026, 1, 1)}
    decision = {"verdict": verdict, "consequence": consequence}
    return ExecutionRecord.model_validate({**about, "task": task, "decision": decision, **more})


@pytest.mark.parametrize(
    ("state", "executions", "closed", "code"),
    [
        ("SUCCEEDED", [execution("evaluate", "Successful")], (), ExitCode.OK),
        ("SUCCEEDED", [execution("evaluate", "Successful"), execution("prove", "Failed")], ("prove",), 3),
        ("SUCCEEDED", [execution("evaluate", "Inconclusive", state="cached")], ("evaluate",), 3),
        ("SUCCEEDED", [execution("evaluate", "Failed"), execution("evaluate", "Successful", attempt=2)], (), 0),
        ("SUCCEEDED", [execution("a", "Failed", place="1"), execution("a", "Successful", place="2")], ("a",), 3),
        ("FAILED", [execution("evaluate", "Failed")], ("evaluate",), ExitCode.ERROR),
        ("SUCCEEDED", [], (), ExitCode.OK),
    ],
)
def test_recorded_verdicts_count_before_what_was_skipped(
    state: str, executions: list[ExecutionRecord], closed: tuple[str, ...], code: int
) -> None:
    about = {"run_id": "r", "pipeline": "p", "pipeline_digest": "", "penstock_version": "", "state": "complete"}
    recorded = RunRecord(**about, started=datetime(2026, 1, 1), executions=tuple(executions))
    skipped = run(state, node("condition-1", "SUCCEEDED"), node("condition-2", "SKIPPED"))
    found = ending_of(skipped, read_package(COMPILED, "compiled.yaml"), recorded)
    assert (found.closed, found.code) == (closed, code)
    assert {task for task, _ in found.decisions} == {e.task for e in executions}


def test_what_a_newer_server_says_is_understood_as_far_as_it_goes() -> None:
    found = Run.model_validate(
        {"run_id": "r", "state": "HIBERNATING", "new": {"a": 1}, "created_at": "2026-01-01T00:00:00Z",
         "finished_at": "1970-01-01T00:00:00Z"}
    )  # fmt: skip
    assert (found.state, found.finished_at) == (RunState.UNKNOWN, None)
    assert found.seconds() is None
    assert found.seconds(datetime(2026, 1, 1, 0, 1, tzinfo=UTC)) == 60.0
