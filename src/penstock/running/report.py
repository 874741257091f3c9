"""The document that `--json` prints: a run in plain values, for machines."""

from __future__ import annotations

from typing import Any

from penstock.artifacts import ModelEvaluation
from penstock.lineage.records import ArtifactRecord
from penstock.running.events import RunResult, TaskReport
from penstock.sdk.executor import RuntimeArtifact

VERSION = 1
"""Raised when a key changes its meaning or goes away; new keys may come at any time."""


def report(result: RunResult) -> dict[str, Any]:
    """Turn a run's result into one JSON document.

    Returns:
        Plain values only, in a stable order: the run's id, state, exit code, times [s], parameters, every task with
        its outputs, the gates' verdicts, and the metrics of each evaluation.
    """
    return {
        "version": VERSION,
        "run_id": result.run_id,
        "pipeline": result.pipeline,
        "state": str(result.state),
        "exit_code": int(result.exit_code),
        "started": result.started.isoformat(timespec="milliseconds"),
        "seconds": round(result.seconds, 3),
        "parameters": dict(result.parameters),
        "tasks": [task_report(task) for task in result.tasks],
        "verdicts": [
            {"task": task.task, **task.decision.model_dump(mode="json"), "gate": task.decision.gate}
            for task in result.tasks
            if task.decision
        ],
        "metrics": {task.task: found for task in result.tasks if (found := _evaluation(task)) is not None},
    }


def task_report(task: TaskReport) -> dict[str, Any]:
    """One task of the document."""
    rate = task.rows_per_second
    return {
        "task": task.task,
        "component": task.component,
        "state": str(task.state),
        "seconds": round(task.seconds, 3),
        "cpu_seconds": None if task.cpu_seconds is None else round(task.cpu_seconds, 3),
        "peak_memory_bytes": task.peak_memory_bytes,
        "rows": task.rows,
        "rows_per_second": None if rate is None else round(rate, 1),
        "attempt": task.attempt,
        "why": task.why,
        "log": str(task.log) if task.log else None,
        "parameters": dict(task.parameters),
        "outputs": [artifact_report(artifact) for artifact in task.outputs],
    }


def _evaluation(task: TaskReport) -> Any:
    """The metrics, overall and per slice, that a task put out; None when it evaluates nothing."""
    for artifact in task.outputs:
        evaluation = ModelEvaluation(RuntimeArtifact(uri=artifact.uri).local_path())
        if artifact.kind == ModelEvaluation.kind and (evaluation.path / "evaluation.json").exists():
            return evaluation.read_json("evaluation.json")
    return None


def artifact_report(artifact: ArtifactRecord) -> dict[str, Any]:
    """One artifact of the document."""
    return {
        "name": artifact.name,
        "kind": artifact.kind,
        "uri": artifact.uri,
        "digest": artifact.digest,
        "metadata": dict(artifact.metadata),
    }
