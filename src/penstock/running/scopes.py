"""Where a run stands: graphs that were started, the tasks in them, and the values that they see.

A graph may be started many times (once for each item of a loop, once for each task that uses it): every start is a
`Scope` with values of its own. State only; what follows from it is for the planner to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from penstock.running.pipeline_spec import Component, Dag, FromTask, Task
from penstock.running.work import Fate, Outputs
from penstock.sdk.executor import RuntimeArtifact

Kind = Literal["parameters", "artifacts"]


class Node:
    """One task of one scope."""

    __slots__ = ("children", "fate", "id", "outputs", "pending", "scope", "started", "task", "waiting", "why")

    def __init__(self, task: Task, scope: Scope, waiting: int) -> None:
        self.task = task
        self.scope = scope
        self.id = scope.prefix + task.name
        self.waiting = waiting
        """How many tasks must end before it may start."""
        self.fate: Fate | None = None
        self.why = ""
        self.outputs = Outputs()
        self.children: list[Scope] = []
        """A graph's one scope, or a loop's iterations in the order of the items."""
        self.started = 0
        """How many iterations were started."""
        self.pending = 0
        """How many iterations are under way."""


class Scope:
    """One start of one graph.

    Args:
        component: The graph.
        prefix: What stands before its tasks' names in their ids: `for-loop-1[2]/`.
        path: The same without iterations: where it is in the pipeline.
        parent: The task that started it; None for the pipeline itself.
        parameters: Its input parameters, typed; what has no value is not in it.
        artifacts: Its input artifacts.
    """

    __slots__ = ("artifacts", "component", "dag", "failed", "nodes", "open", "parameters", "parent", "path", "prefix")

    def __init__(
        self,
        component: Component,
        prefix: str,
        path: str,
        parent: Node | None,
        *,
        parameters: Mapping[str, Any],
        artifacts: Mapping[str, tuple[RuntimeArtifact, ...]],
    ) -> None:
        if not isinstance(component.body, Dag):
            raise TypeError(f"{component.name} is not a graph")
        self.component = component
        self.dag = component.body
        self.prefix = prefix
        self.path = path
        self.parent = parent
        self.parameters = parameters
        self.artifacts = artifacts
        self.nodes: dict[str, Node] = {}
        self.open = 0
        """How many of its tasks have not ended."""
        self.failed = ""
        """Which task failed first, and why; empty when none did."""


def gather(node: Node, output: str, kind: Kind) -> tuple[list[Any], bool] | None:
    """What an output of a task holds, through graphs and loops down to the tasks that made it.

    Loops give one list, nested ones as well, in the order of the items: KFP flattens them. An iteration in which the
    producer was skipped leaves nothing in it. A loop that failed gives nothing at all rather than a list with holes.
    Of several candidates (`dsl.OneOf`) the first that was made counts.

    Returns:
        The values and whether they are a loop's list; None when nothing was made.

    Source:
        kubeflow/pipelines, backend/src/v2/driver/resolve.go, CollectInputs and GetProducerTask.
    """
    if node.task.loop:
        if node.fate is not Fate.SUCCEEDED:
            return None
        found = (_candidate(child, output, kind) for child in node.children)
        return [value for one in found if one for value in one[0]], True
    if node.children:
        return _candidate(node.children[0], output, kind)
    if kind == "parameters":
        made = node.outputs.parameters
        return ([made[output]], False) if output in made else None
    artifacts = node.outputs.artifacts.get(output)
    return (list(artifacts), False) if artifacts else None


def _candidate(scope: Scope, output: str, kind: Kind) -> tuple[list[Any], bool] | None:
    sources: Mapping[str, tuple[FromTask, ...]] = getattr(scope.dag, kind)
    for source in sources.get(output, ()):
        producer = scope.nodes.get(source.task)
        found = gather(producer, source.output, kind) if producer else None
        if found is not None:
            return found
    return None


def outputs_of(scope: Scope) -> Outputs:
    """The outputs of a graph, as far as they were made."""
    parameters = {name: _one(_candidate(scope, name, "parameters")) for name in scope.dag.parameters}
    artifacts = {name: _candidate(scope, name, "artifacts") for name in scope.dag.artifacts}
    return Outputs(
        {name: value for name, value in parameters.items() if value is not None},
        {name: tuple(found[0]) for name, found in artifacts.items() if found is not None},
    )


def parameter_of(node: Node, output: str) -> Any:
    """An output parameter of a task, or None when it was not made."""
    return _one(gather(node, output, "parameters"))


def artifacts_of(node: Node, output: str) -> tuple[RuntimeArtifact, ...] | None:
    """The artifacts of an output of a task, or None when it was not made."""
    found = gather(node, output, "artifacts")
    return None if found is None else tuple(found[0])


def _one(found: tuple[list[Any], bool] | None) -> Any:
    if found is None:
        return None
    values, listed = found
    return values if listed else values[0]
