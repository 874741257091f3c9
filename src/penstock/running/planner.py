"""What may start, and what follows when it ends: a run of a pipeline as a state machine.

No clock, no thread, no file: told the same ends in the same order, it hands out the same work. Graphs, conditions,
loops and importers are its own affair; whoever runs it sees container tasks only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from penstock.running.binding import Selection, run_parameters
from penstock.running.expressions import ExpressionError
from penstock.running.pipeline_spec import (
    CHANNEL,
    Component,
    ContainerExecutor,
    Dag,
    ImporterExecutor,
    Loop,
    PipelineSpec,
)
from penstock.running.resolving import Inputs, Unavailable, Unfit, container, imported, resolve
from penstock.running.scopes import Node, Scope, outputs_of
from penstock.running.values import WrongType, coerce, short
from penstock.running.work import Ended, Fate, Outputs, Work
from penstock.sdk.errors import BadInput
from penstock.sdk.executor import RuntimeArtifact


class Planner:
    """Decides for one run what may start.

    Tasks start when all tasks that they wait for have succeeded. A task whose condition is false is skipped; what
    waits for a skipped or failed task is skipped too. A failed task fails the graph that it is in, but not before the
    other tasks of the graph, which do not wait for it, have ended. Tasks that run whatever happens (exit tasks,
    `ignore_upstream_failure`) start when what they wait for has succeeded, failed or been skipped: each of them is a
    final state.

    Args:
        spec: The pipeline.
        parameters: What the run sets; defaults fill in the rest.
        selection: The tasks that take part; all of them by default.
        artifacts: Input artifacts of the pipeline, if it has any.

    Raises:
        BadInput: A parameter is unknown, missing or of the wrong type, or an input artifact is missing (caller).

    Source:
        kubeflow/pipelines: api/v2alpha1/pipeline_spec.proto, PipelineTaskSpec.TriggerPolicy;
        backend/src/v2/compiler/argocompiler/dag.go for what waits for what.
    """

    def __init__(
        self,
        spec: PipelineSpec,
        parameters: Mapping[str, Any] | None = None,
        *,
        selection: Selection | None = None,
        artifacts: Mapping[str, tuple[RuntimeArtifact, ...]] | None = None,
    ) -> None:
        self.spec = spec
        self.parameters = run_parameters(spec, parameters or {})
        for name, definition in spec.root.artifacts.items():
            if not definition.optional and name not in (artifacts or {}):
                raise BadInput(f"{spec.where}: the pipeline needs the input artifact {name!r}, and none was given")
        self.fate: Fate | None = None
        """How the run as a whole ended; None while it has not."""
        self._selected = selection.tasks if selection else None
        self._ready: list[Work] = []
        self._ended: list[Ended] = []
        self._under_way: dict[str, Node] = {}
        self._over: dict[str, Node] = {}
        self._queue: deque[Node] = deque()
        self._root = Scope(spec.root, "", "", None, parameters=self.parameters, artifacts=artifacts or {})
        self._open(self._root)
        self._drain()

    @property
    def done(self) -> bool:
        """Whether everything has ended."""
        return self.fate is not None

    @property
    def outputs(self) -> Outputs:
        """The outputs of the pipeline, as far as they were made."""
        return outputs_of(self._root)

    def outputs_of(self, task_id: str) -> Outputs:
        """What a container task or an importer that has ended put out.

        Raises:
            KeyError: Nothing by that id has ended (caller).
        """
        return self._over[task_id].outputs

    def ready(self) -> list[Work]:
        """Everything that may start now and was not handed out before, in a stable order."""
        ready, self._ready = self._ready, []
        return ready

    def ended(self) -> list[Ended]:
        """The ends since the last call, in their order.

        Container tasks and importers only. Those in a graph that was skipped end with it; those in a graph that could
        not be started, because its condition or its items could not be made out, have failed with it.
        """
        ended, self._ended = self._ended, []
        return ended

    def finished(self, work_id: str, outputs: Outputs) -> None:
        """Be told that a piece of work succeeded.

        An output parameter that is not of its type fails the task.

        Raises:
            KeyError: No such work is under way (caller).
        """
        node = self._under_way.pop(work_id)
        component = self.spec.component(node.task)
        try:
            parameters = {
                name: coerce(value, component.output_parameters[name].type)
                for name, value in outputs.parameters.items()
                if name in component.output_parameters
            }
        except WrongType as error:
            self._end(node, Fate.FAILED, f"an output parameter is wrong: {error}")
        else:
            node.outputs = Outputs(parameters, outputs.artifacts)
            self._end(node, Fate.SUCCEEDED)
        self._drain()

    def failed(self, work_id: str, why: str) -> None:
        """Be told that a piece of work failed, and will not be tried again.

        Raises:
            KeyError: No such work is under way (caller).
        """
        self._end(self._under_way.pop(work_id), Fate.FAILED, why)
        self._drain()

    def _open(self, scope: Scope) -> None:
        """Start a graph: its tasks wait for one another."""
        for task in scope.dag.tasks.values():
            if self._selected is None or scope.path + task.name in self._selected:
                scope.nodes[task.name] = Node(task, scope, 0)
        scope.open = len(scope.nodes)
        for node in scope.nodes.values():
            node.waiting = sum(name in scope.nodes for name in node.task.upstream)
            if not node.waiting:
                self._queue.append(node)
        if not scope.nodes:
            self._close(scope)

    def _drain(self) -> None:
        while self._queue:
            self._consider(self._queue.popleft())

    def _consider(self, node: Node) -> None:
        """Start a task that waits for nothing any more, or skip it."""
        task, scope = node.task, node.scope
        component = self.spec.component(task)
        for name in () if task.whatever_happens else task.upstream:
            upstream = scope.nodes[name]
            if upstream.fate is not Fate.SUCCEEDED:
                return self._skip(node, f"needs {name!r}, which {_ENDED[upstream.fate or Fate.SKIPPED]}")
        try:
            inputs = resolve(task, component, scope)
            if task.condition and not task.condition.test(inputs.visible):
                return self._skip(node, _why_not(task.condition.text, inputs.visible))
            self._start(node, component, inputs)
        except Unavailable as reason:
            self._skip(node, str(reason))
        except (Unfit, ExpressionError) as reason:
            self._end(node, Fate.FAILED, str(reason))
        return None

    def _start(self, node: Node, component: Component, inputs: Inputs) -> None:
        task, body = node.task, component.body
        if isinstance(body, ContainerExecutor):
            self._under_way[node.id] = node
            self._ready.append(_work(node, component, body, inputs))
        elif isinstance(body, ImporterExecutor):
            node.outputs = imported(body, component, inputs)
            self._end(node, Fate.SUCCEEDED)
        elif task.loop:
            node.children = list(self._iterations(node, task.loop, component, inputs))
            self._iterate(node)
        else:
            prefix, path = f"{node.id}/", f"{node.scope.path}{task.name}/"
            scope = Scope(component, prefix, path, node, parameters=inputs.parameters, artifacts=inputs.artifacts)
            node.children = [scope]
            self._open(scope)

    def _iterations(self, node: Node, loop: Loop, component: Component, inputs: Inputs) -> Iterator[Scope]:
        if loop.artifacts:
            for index, artifact in enumerate(inputs.artifacts.get(loop.over, ())):
                artifacts = {**inputs.artifacts, loop.item: (artifact,)}
                yield self._iteration(node, component, index, replace(inputs, artifacts=artifacts))
            return
        items = inputs.parameters.get(loop.over) if loop.over else list(loop.items)
        if not isinstance(items, list):
            raise Unfit(f"it loops over {loop.over!r}, which is not a list")
        for index, item in enumerate(items):
            try:
                value = coerce(item, component.parameters[loop.item].type)
            except WrongType as error:
                raise Unfit(f"item {index} of its loop: {error}") from None
            parameters = {**inputs.parameters, loop.item: value}
            yield self._iteration(node, component, index, replace(inputs, parameters=parameters))

    @staticmethod
    def _iteration(node: Node, component: Component, index: int, inputs: Inputs) -> Scope:
        prefix, path = f"{node.id}[{index}]/", f"{node.scope.path}{node.task.name}/"
        return Scope(component, prefix, path, node, parameters=inputs.parameters, artifacts=inputs.artifacts)

    def _iterate(self, node: Node) -> None:
        """Start as many iterations as the loop's limit allows; end the loop with its last one."""
        limit = (node.task.loop.limit if node.task.loop else 0) or len(node.children)
        while node.started < len(node.children) and node.pending < limit:
            node.started += 1
            node.pending += 1
            self._open(node.children[node.started - 1])
        if not node.pending and node.started == len(node.children) and node.fate is None:
            self._end_graph(node)

    def _close(self, scope: Scope) -> None:
        """All tasks of a graph have ended."""
        node = scope.parent
        if node is None:
            self.fate = Fate.FAILED if scope.failed else Fate.SUCCEEDED
        elif node.task.loop:
            node.pending -= 1
            self._iterate(node)
        else:
            self._end_graph(node)

    def _end_graph(self, node: Node) -> None:
        failed = next((child.failed for child in node.children if child.failed), "")
        self._end(node, Fate.FAILED if failed else Fate.SUCCEEDED, failed)

    def _skip(self, node: Node, why: str) -> None:
        self._end(node, Fate.SKIPPED, why)

    def _end(self, node: Node, fate: Fate, why: str = "") -> None:
        node.fate, node.why = fate, why
        scope, body = node.scope, self.spec.component(node.task).body
        inside = any(child.failed for child in node.children)
        if fate is Fate.FAILED:
            scope.failed = scope.failed or (why if inside else f"{node.id} failed: {why}")
        if not isinstance(body, Dag):
            self._over[node.id] = node
            self._ended.append(Ended(node.id, fate, why))
        elif fate is not Fate.SUCCEEDED and not inside:
            self._never_started(node, body)
        scope.open -= 1
        for name in scope.dag.downstream[node.task.name]:
            waiting = scope.nodes.get(name)
            if waiting:
                waiting.waiting -= 1
                if not waiting.waiting:
                    self._queue.append(waiting)
        if not scope.open:
            self._close(scope)

    def _never_started(self, node: Node, dag: Dag) -> None:
        """A graph was skipped, or could not be started: its tasks end as it does."""
        fate = node.fate or Fate.SKIPPED
        why = f"{node.id}: {node.why}" if fate is Fate.FAILED else node.why
        path = f"{node.scope.path}{node.task.name}/"
        self._ended.extend(Ended(id_, fate, why) for id_ in self._inside(dag, f"{node.id}/", path))

    def _inside(self, dag: Dag, prefix: str, path: str) -> Iterator[str]:
        """The container tasks and importers in a graph that is not started at all."""
        for task in dag.tasks.values():
            if self._selected is not None and path + task.name not in self._selected:
                continue
            body = self.spec.component(task).body
            if isinstance(body, Dag):
                yield from self._inside(body, f"{prefix}{task.name}/", f"{path}{task.name}/")
            else:
                yield prefix + task.name


_ENDED = {Fate.FAILED: "failed", Fate.SKIPPED: "was skipped", Fate.SUCCEEDED: "succeeded"}


def _work(node: Node, component: Component, executor: ContainerExecutor, inputs: Inputs) -> Work:
    task = node.task
    return Work(
        id=node.id,
        task=task.display_name,
        component=component.name,
        container=container(executor, inputs),
        parameters=inputs.parameters,
        artifacts=inputs.artifacts,
        output_artifacts={name: d.schema_title for name, d in component.output_artifacts.items()},
        output_parameters={name: d.type.value for name, d in component.output_parameters.items()},
        cacheable=task.cacheable,
        retries=task.retry.count,
        backoff_seconds=task.retry.backoff_seconds,
        backoff_factor=task.retry.backoff_factor,
        backoff_max_seconds=task.retry.backoff_max_seconds,
        upstream=task.upstream,
    )


def _why_not(condition: str, visible: Mapping[str, Any]) -> str:
    """Say a false condition in the words of the pipeline: `condition is false: gate == 'open' (gate is 'closed')`."""
    text, values = condition, []
    for name in sorted(visible, key=len, reverse=True):
        named = f"inputs.parameter_values['{name}']"
        if named in text:
            bare = name.removeprefix(CHANNEL)
            text = text.replace(named, bare)
            values.append(f"{bare} is {short(visible[name])}")
    return f"condition is false: {text} ({', '.join(sorted(values))})"
