"""A compiled pipeline as frozen values: what compiled.yaml says, checked, and nothing more.

Only what this machine can run is here; whatever else a PipelineSpec may hold is refused by name when it is read
(`spec_reader`). No kfp: the running floor reads YAML.

Source:
    kubeflow/pipelines, api/v2alpha1/pipeline_spec.proto, messages PipelineSpec, ComponentSpec, DagSpec,
    PipelineTaskSpec and PipelineDeploymentConfig, in the JSON form of protocol buffers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from penstock.running.expressions import Expression
from penstock.running.values import ParameterType

ROOT = "root"
"""The name of the component that is the pipeline itself."""

CHANNEL = "pipelinechannel--"
"""What kfp puts before the names of inputs that it makes up to carry values into groups of tasks."""


@dataclass(frozen=True)
class ParameterDef:
    """An input or output parameter of a component."""

    type: ParameterType
    default: Any = None
    """Of the type, or None when there is none."""
    optional: bool = False
    description: str = ""


@dataclass(frozen=True)
class ArtifactDef:
    """An input or output artifact of a component."""

    schema_title: str
    is_list: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Constant:
    """A value written in the pipeline; text in it may hold placeholders."""

    value: Any


@dataclass(frozen=True)
class FromInput:
    """An input of the graph that the task is in."""

    name: str


@dataclass(frozen=True)
class FromTask:
    """An output of another task of the same graph."""

    task: str
    output: str


@dataclass(frozen=True)
class FinalStatus:
    """How another task of the same graph ended."""

    task: str


@dataclass(frozen=True)
class Binding:
    """Where the value of a task's input parameter comes from."""

    source: Constant | FromInput | FromTask | FinalStatus
    selector: Expression | None = None
    """The part of it that is taken."""


@dataclass(frozen=True)
class Loop:
    """A task that runs once for each item."""

    item: str
    """The input that holds the item."""
    over: str = ""
    """The input that holds the items; empty when they are written in the pipeline."""
    items: tuple[Any, ...] = ()
    artifacts: bool = False
    """Whether the items are artifacts."""
    limit: int = 0
    """How many iterations may be under way at once; 0 for any number."""


@dataclass(frozen=True)
class Retry:
    """How often and after which pause a failed task is tried again."""

    count: int = 0
    backoff_seconds: float = 0.0
    backoff_factor: float = 2.0
    backoff_max_seconds: float = 3600.0


@dataclass(frozen=True)
class Task:
    """One node of a graph."""

    name: str
    display_name: str
    component: str
    parameters: Mapping[str, Binding] = field(default_factory=dict)
    artifacts: Mapping[str, FromInput | FromTask] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    """The tasks that it waits for, said in words; those whose outputs it takes are in `upstream` as well."""
    condition: Expression | None = None
    whatever_happens: bool = False
    """Starts when what it waits for has ended, whether well or not: exit tasks, `ignore_upstream_failure`."""
    loop: Loop | None = None
    cacheable: bool = False
    retry: Retry = Retry()

    @cached_property
    def upstream(self) -> tuple[str, ...]:
        """Every task of the graph that must have ended first, each once."""
        sources = [b.source for b in self.parameters.values()] + list(self.artifacts.values())
        named = [s.task for s in sources if isinstance(s, FromTask | FinalStatus)]
        return tuple(dict.fromkeys([*self.after, *named]))


@dataclass(frozen=True)
class Dag:
    """A graph of tasks, and which of their outputs are its own."""

    tasks: Mapping[str, Task]
    parameters: Mapping[str, tuple[FromTask, ...]] = field(default_factory=dict)
    """Output to its candidates: the first that has a value gives it."""
    artifacts: Mapping[str, tuple[FromTask, ...]] = field(default_factory=dict)

    @cached_property
    def downstream(self) -> Mapping[str, tuple[str, ...]]:
        """The tasks that wait for each task."""
        waiting: dict[str, list[str]] = {name: [] for name in self.tasks}
        for task in self.tasks.values():
            for name in task.upstream:
                waiting[name].append(task.name)
        return {name: tuple(names) for name, names in waiting.items()}


@dataclass(frozen=True)
class Resources:
    """What a container may use, as Kubernetes quantities that may be placeholders."""

    cpu: str = ""
    memory: str = ""


@dataclass(frozen=True)
class ContainerExecutor:
    """A command to run."""

    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Resources = Resources()


@dataclass(frozen=True)
class ImporterExecutor:
    """An artifact that is there already, made known to the pipeline."""

    uri: Constant | FromInput
    schema_title: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Text in it may hold placeholders."""
    reimport: bool = False


@dataclass(frozen=True)
class Component:
    """An interface and what is behind it."""

    name: str
    """As in compiled.yaml, without `comp-`."""
    body: Dag | ContainerExecutor | ImporterExecutor
    parameters: Mapping[str, ParameterDef] = field(default_factory=dict)
    artifacts: Mapping[str, ArtifactDef] = field(default_factory=dict)
    output_parameters: Mapping[str, ParameterDef] = field(default_factory=dict)
    output_artifacts: Mapping[str, ArtifactDef] = field(default_factory=dict)


@dataclass(frozen=True)
class PipelineSpec:
    """A pipeline that this machine can run."""

    name: str
    components: Mapping[str, Component]
    """By their names in compiled.yaml; the pipeline itself is `ROOT`."""
    where: str = "compiled.yaml"
    """What a person opens to see it."""
    description: str = ""
    sdk_version: str = ""
    platform: Mapping[str, Any] = field(default_factory=dict)
    """Settings for clusters (kfp-kubernetes), as they are written; nothing on this machine follows them."""

    @property
    def root(self) -> Component:
        """The pipeline itself as a component."""
        return self.components[ROOT]

    @property
    def parameters(self) -> Mapping[str, ParameterDef]:
        """What a run may set."""
        return self.root.parameters

    def component(self, task: Task) -> Component:
        """What a task runs."""
        return self.components[task.component]

    def walk(self) -> Iterator[tuple[str, Task]]:
        """Every task at every depth with its path (`inner/train`), parents before what is in them."""
        open_: list[tuple[str, Component]] = [("", self.root)]
        while open_:
            prefix, component = open_.pop()
            if isinstance(component.body, Dag):
                for task in component.body.tasks.values():
                    yield prefix + task.name, task
                    open_.append((f"{prefix}{task.name}/", self.component(task)))
