"""Following a run until it ends, and what it came to."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from penstock.artifacts import Decision
from penstock.kubeflow.api import Kubeflow
from penstock.kubeflow.package import Package, read_package
from penstock.kubeflow.records import Run, RunState
from penstock.kubeflow.sending import Refused, Unreachable
from penstock.lineage.records import RunRecord, last_attempts
from penstock.sdk import BadInput, ExitCode, PenstockError

FIRST_SECONDS, LAST_SECONDS = 1.0, 10.0
"""How long to wait between two looks: a second at first, longer and longer."""
_HELPERS = re.compile(r"(.*-driver|executor|root|iteration-(driver|item)-?\d*|.*\(\d+:.*\)|.*\.onExit)")
"""Nodes that are the engine's own: drivers, the pods inside tasks, the graph of the whole."""
_LOG_LINES = 30


@dataclass(frozen=True)
class TaskView:
    """A task of a run as people see it."""

    id: str
    key: str
    """What the cluster calls it."""
    name: str
    state: RunState
    seconds: float | None


@dataclass(frozen=True)
class Failure:
    """Why a task failed, as the workflow engine has it."""

    why: str
    """In one line."""
    pods: tuple[str, ...]
    """What its pod may be called, the likeliest first."""


def follow(kubeflow: Kubeflow, run_id: str, *, sleep: Callable[[float], None] = time.sleep) -> Iterator[Run]:
    """Look at a run again and again until it has ended.

    Args:
        kubeflow: The API server; give it much patience.
        run_id: The run.
        sleep: Waits [s].

    Yields:
        The run as it is, the ended one last.

    Raises:
        PenstockError: The server cannot be reached any more, or lets us in no longer. The run goes on (operator).
    """
    wait = FIRST_SECONDS
    while True:
        try:
            run = kubeflow.run(run_id)
        except (Unreachable, Refused) as error:
            raise PenstockError(f"the run {run_id} goes on, but cannot be watched: {error}") from None
        yield run
        if run.state.ended:
            return
        sleep(wait)
        wait = min(LAST_SECONDS, wait * 1.2)


def tasks_of(run: Run, names: Mapping[str, str] | None = None) -> list[TaskView]:
    """The tasks of a run, without the engine's own nodes, in the order in which they began.

    Args:
        run: The run.
        names: What people call the tasks, by the names that the cluster knows; as the cluster calls them if None.
    """
    details = run.run_details.task_details
    whole = {child.pod_name.rpartition("-")[0] for task in details for child in task.child_tasks}
    found = []
    for task in sorted(details, key=lambda t: (t.start_time is None, t.start_time, t.display_name, t.task_id)):
        key = task.display_name
        if _HELPERS.fullmatch(key) or not key or key in whole or (names is not None and key not in names):
            continue
        seconds = (task.end_time - task.start_time).total_seconds() if task.end_time and task.start_time else None
        found.append(TaskView(task.task_id, key, (names or {}).get(key, key), task.state, seconds))
    return found


def failures_of(kubeflow: Kubeflow, run_id: str) -> dict[str, Failure]:
    """Why tasks failed, by the cluster's names of them; what is not told is not in it.

    Args:
        kubeflow: The API server.
        run_id: The run.
    """
    engine = kubeflow.engine_nodes(run_id)
    nodes: dict[str, dict[str, Any]] = engine.get("nodes") or {}
    found = {}
    for id_, node in sorted(nodes.items()):
        if node.get("type") != "Pod" or node.get("phase") not in ("Failed", "Error"):
            continue
        driver = str(node.get("displayName") or "").removesuffix("-driver")
        around = nodes.get(str(node.get("boundaryID") or ""), {})
        key = driver if driver != node.get("displayName") else str(around.get("displayName") or driver)
        # Argo's second naming of pods: the workflow, the template, and the hash that the node's id ends with.
        second = f"{engine['name']}-{node.get('templateName', '')}-{id_.rpartition('-')[2]}"
        found[key] = Failure(" ".join(str(node.get("message") or "").split()), (second, id_))
    return found


def package_of(kubeflow: Kubeflow, run: Run) -> Package | None:
    """What a run runs, from the version that it was started with; None where that is gone."""
    of = run.pipeline_version_reference
    if not of.pipeline_version_id:
        return None
    try:
        spec = kubeflow.version(of.pipeline_id, of.pipeline_version_id).pipeline_spec
        documents = [spec["pipeline_spec"], spec["platform_spec"]] if "pipeline_spec" in spec else [spec]
        return read_package(yaml.safe_dump_all(documents), run.display_name)
    except BadInput:  # the version was deleted, or was not made by a kfp that is known
        return None


def closed_gates(run: Run, package: Package) -> list[str]:
    """The gates that said no: those with a graph behind them that was skipped.

    The verdict itself is in the lineage and in the task's outputs; the engine only shows what it did not do.
    """
    states = {task.display_name: task.state for task in run.run_details.task_details}
    return sorted({gate for graph, gate in package.gates.items() if states.get(graph) is RunState.SKIPPED})


@dataclass(frozen=True)
class Ending:
    """What a run that has ended came to."""

    code: ExitCode
    """How a command ends that waited for it."""
    closed: tuple[str, ...]
    """The gates that said no, sorted."""
    decisions: tuple[tuple[str, Decision], ...] = ()
    """What each gate has recorded, by its task; empty where the lineage was not asked."""


def ending_of(run: Run, package: Package | None, recorded: RunRecord | None = None) -> Ending:
    """Tell what a run came to: by the verdicts in the lineage, or else by what was skipped behind gates.

    Args:
        run: The run; it has ended.
        package: What it ran; None where that is not known.
        recorded: What the lineage has of it; None where it was not asked.
    """
    if recorded is None:
        closed = closed_gates(run, package) if package else []
        return Ending(exit_code(run, closed), tuple(closed))
    decisions = tuple((e.task, e.decision) for e in last_attempts(recorded.executions) if e.decision)
    closed = sorted({task for task, decision in decisions if decision.gate == "closed"})
    return Ending(exit_code(run, closed), tuple(closed), decisions)


def exit_code(run: Run, closed: Sequence[str]) -> ExitCode:
    """How a command ends that waited for a run."""
    if run.state is not RunState.SUCCEEDED:
        return ExitCode.ERROR
    return ExitCode.GATE_CLOSED if closed else ExitCode.OK


def last_lines(kubeflow: Kubeflow, run: Run, failure: Failure) -> list[str]:
    """The end of a failed task's log; a line that says why there is none where it cannot be had."""
    reason = "its pod is not known"
    for pod in failure.pods:
        try:
            return kubeflow.log(run.run_id, pod).splitlines()[-_LOG_LINES:]
        except PenstockError as error:
            reason = error.message
    return [f"its log cannot be had: {reason}"]
