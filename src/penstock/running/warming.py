"""What to import early: the tasks that are still to come, in the order in which they will be needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from penstock.running.components import DeclaredComponent, find_component
from penstock.running.pipeline_spec import ContainerExecutor, Dag, PipelineSpec, Task


@dataclass(frozen=True)
class ContainerTask:
    """A task of the pipeline that is a container."""

    task: Task
    executor: ContainerExecutor
    component: DeclaredComponent | None
    """None for a container that is no component of ours."""

    @property
    def name(self) -> str:
        """What runs in it: our component's name, or the one that the pipeline has for it."""
        return self.component.spec.name if self.component else self.task.component


def container_tasks(spec: PipelineSpec, roots: Sequence[Path]) -> dict[str, ContainerTask]:
    """Every container task of a pipeline by its path, upstream before downstream.

    Args:
        spec: The pipeline. The path of a task in a loop has no index: `for-loop-1/train`.
        roots: Where components are.
    """

    def walk(prefix: str, graph: Dag) -> Iterator[tuple[str, ContainerTask]]:
        for name in TopologicalSorter({task.name: task.upstream for task in graph.tasks.values()}).static_order():
            task = graph.tasks[name]
            body = spec.component(task).body
            if isinstance(body, Dag):
                yield from walk(f"{prefix}{name}/", body)
            elif isinstance(body, ContainerExecutor):
                yield prefix + name, ContainerTask(task, body, find_component((*body.command, *body.args), roots))

    root = spec.root.body
    return dict(walk("", root)) if isinstance(root, Dag) else {}
