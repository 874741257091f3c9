"""Reading compiled.yaml: from text to a checked `PipelineSpec`, or one line that says what is wrong with it.

Everything is checked here, before anything runs: the shape, the types of constants, that names mean something, that
graphs have no circles, and that nothing is asked for that this machine does not do. A key that is not known is
refused by name: dropping it in silence would run another pipeline than the one that was written.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, TypeVar

import yaml

from penstock.running.expressions import Expression, ExpressionError
from penstock.running.pipeline_spec import (
    ROOT,
    ArtifactDef,
    Binding,
    Component,
    Constant,
    ContainerExecutor,
    Dag,
    FinalStatus,
    FromInput,
    FromTask,
    ImporterExecutor,
    Loop,
    ParameterDef,
    PipelineSpec,
    Resources,
    Retry,
    Task,
)
from penstock.running.values import ParameterType, WrongType, coerce, plain
from penstock.sdk.errors import BadInput

T = TypeVar("T")

SCHEMA_VERSION = re.compile(r"2\.1\.\d+")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)s")
_REMEDY = "Compile the pipeline again; compiled.yaml is not edited by hand"


def read_pipeline(path: Path) -> PipelineSpec:
    """Read a compiled pipeline from its file.

    Raises:
        BadInput: The file is not there, is not a compiled pipeline, or asks for what this machine does not do.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadInput(f"{path}: cannot be read: {reason}") from None
    return parse_pipeline(text, str(path))


def parse_pipeline(text: str, where: str = "compiled.yaml") -> PipelineSpec:
    """Read a compiled pipeline from its text.

    Args:
        text: YAML or JSON: a PipelineSpec, and behind it, as a second document, a PlatformSpec or nothing.
        where: What a person opens to see it; the beginning of every error.

    Raises:
        BadInput: As `read_pipeline`.
    """
    try:
        documents = [d for d in yaml.load_all(text, Loader=_ClosedLoader) if d is not None]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        raise BadInput(f"{where}: {line}{getattr(error, 'problem', None) or 'not YAML'}", _REMEDY) from None
    if not documents or not isinstance(documents[0], dict) or "root" not in documents[0]:
        raise BadInput(f"{where}: not a compiled pipeline: it has no 'root'", "Make one with `penstock compile`")
    if len(documents) > 2 or not all(isinstance(d, dict) for d in documents):
        raise BadInput(f"{where}: a compiled pipeline has one document, or two with platform settings")
    return _Reader(where).pipeline(_Node(where, "", documents[0]), documents[1] if documents[1:] else {})


class _ClosedLoader(yaml.CSafeLoader):
    """YAML's safe loader that takes no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is there twice", key.start_mark
                )
            seen.add(key.value) if isinstance(key.value, str) else None
        return super().construct_mapping(node, deep)


class _Node:
    """A mapping of the document that knows where it is."""

    def __init__(self, where: str, path: str, data: Any) -> None:
        self.where, self.path = where, path
        if not isinstance(data, dict):
            raise self.wrong("must be a mapping")
        self.data: dict[str, Any] = data

    def wrong(self, what: str, key: str = "", remedy: str = _REMEDY) -> BadInput:
        place = ".".join(part for part in (self.path, key) if part)
        return BadInput(f"{self.where}: {place}: {what}" if place else f"{self.where}: {what}", remedy)

    def closed(self, known: Iterable[str], ignored: Iterable[str] = ()) -> _Node:
        """Refuse keys that are neither followed nor known to mean nothing on this machine."""
        for key in self.data:
            if key not in known and key not in ignored:
                near = difflib.get_close_matches(str(key), list(known), n=1)
                hint = f"did you mean '{near[0]}'?" if near else "this machine does not support it"
                raise self.wrong(f"unknown; {hint}", str(key), "")
        return self

    def node(self, key: str, *, required: bool = False) -> _Node:
        if required and key not in self.data:
            raise self.wrong("is missing", key)
        return _Node(self.where, f"{self.path}.{key}" if self.path else key, self.data.get(key) or {})

    def items(self) -> Iterable[tuple[str, _Node]]:
        for key in self.data:
            yield key, self.node(key)

    def get(self, key: str, type_: type[T] | tuple[type[T], ...], default: T) -> T:
        value = self.data.get(key, default)
        if not isinstance(value, type_) or (isinstance(value, bool) and type_ is not bool):
            raise self.wrong(f"{value!r} has the wrong type", key)
        return value

    def text(self, key: str) -> str:
        if not self.get(key, str, ""):
            raise self.wrong("is missing", key)
        return str(self.data[key])

    def only(self, *kinds: str) -> str:
        """The one key of several that is there."""
        given = [key for key in kinds if key in self.data]
        if len(given) != 1:
            raise self.wrong(f"needs one of {', '.join(kinds)}; it has {', '.join(map(str, self.data)) or 'none'}")
        return given[0]

    def strings(self, key: str) -> tuple[str, ...]:
        value = self.data.get(key) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong("must be a list of strings", key)
        return tuple(value)

    def one_of(self, name: str, names: Collection[str], key: str, what: str, of: str = "") -> str:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise self.wrong(f"there is no {what} {name!r}{of}{hint}", key)
        return name


class _Reader:
    def __init__(self, where: str) -> None:
        self.where = where

    def pipeline(self, top: _Node, platform: dict[str, Any]) -> PipelineSpec:
        top.closed(
            {"components", "deploymentSpec", "pipelineInfo", "root", "schemaVersion"},
            {"sdkVersion", "defaultPipelineRoot"},
        )
        version = str(top.data.get("schemaVersion", ""))
        if not SCHEMA_VERSION.fullmatch(version):
            raise top.wrong(f"{version!r} is not supported; 2.1.x is", "schemaVersion", "Compile with kfp 2")
        deployment = top.node("deploymentSpec").closed({"executors"})
        executors = {label: _executor(node) for label, node in deployment.node("executors").items()}
        components = {
            name: _component(name, node, executors)
            for name, node in [*top.node("components").items(), (ROOT, top.node("root"))]
        }
        info = top.node("pipelineInfo")
        spec = PipelineSpec(
            name=info.text("name"),
            components=components,
            where=self.where,
            description=info.get("description", str, ""),
            sdk_version=str(top.data.get("sdkVersion", "")),
            platform=platform.get("platforms") or {},
        )
        if not isinstance(spec.root.body, Dag):
            raise top.wrong("must be a graph of tasks", "root")
        _check(spec, top)
        return spec


def _parameter_def(node: _Node) -> ParameterDef:
    node.closed({"parameterType", "defaultValue", "isOptional", "description"}, {"literals"})
    name = node.text("parameterType")
    if name not in ParameterType.__members__:
        raise node.wrong(f"the type {name} is not supported", "parameterType", "")
    type_, default = ParameterType(name), node.data.get("defaultValue")
    if default is not None:
        default = _typed(node, "defaultValue", default, type_)
    return ParameterDef(type_, default, node.get("isOptional", bool, False), node.get("description", str, ""))


def _typed(node: _Node, key: str, value: Any, type_: ParameterType) -> Any:
    try:
        return coerce(value, type_, strict=True)
    except WrongType as error:
        raise node.wrong(str(error), key) from None


def _artifact_def(node: _Node) -> ArtifactDef:
    node.closed({"artifactType", "isArtifactList", "isOptional", "description"}, {"metadata"})
    title = _schema_title(node.node("artifactType", required=True))
    return ArtifactDef(title, node.get("isArtifactList", bool, False), node.get("isOptional", bool, False))


def _schema_title(node: _Node) -> str:
    node.closed({"schemaTitle", "schemaVersion"})
    return node.text("schemaTitle")


def _executor(node: _Node) -> ContainerExecutor | ImporterExecutor:
    node.closed({"container", "importer"})
    if node.only("container", "importer") == "container":
        return _container(node.node("container"))
    importer = node.node("importer")
    importer.closed({"artifactUri", "typeSchema", "metadata", "reimport"})
    uri = importer.node("artifactUri", required=True)
    kind = uri.only("constant", "runtimeParameter")
    return ImporterExecutor(
        uri=Constant(uri.text(kind)) if kind == "constant" else FromInput(uri.text(kind)),
        schema_title=_schema_title(importer.node("typeSchema", required=True)),
        metadata=plain(importer.node("metadata").data),
        reimport=importer.get("reimport", bool, False),
    )


def _container(node: _Node) -> ContainerExecutor:
    node.closed({"image", "command", "args", "env", "resources"}, {"imagePullPolicy"})
    env = {}
    for position, entry in enumerate(node.data.get("env") or []):
        variable = _Node(node.where, f"{node.path}.env[{position}]", entry).closed({"name", "value"})
        env[variable.text("name")] = variable.get("value", str, "")
    resources = node.node("resources")
    gigabytes = resources.get("memoryLimit", (int, float), 0)
    cores = resources.get("cpuLimit", (int, float), 0)
    limits = Resources(
        cpu=str(resources.data.get("resourceCpuLimit") or cores or ""),
        memory=str(resources.data.get("resourceMemoryLimit") or (gigabytes and f"{gigabytes}G") or ""),
    )
    return ContainerExecutor(node.text("image"), node.strings("command"), node.strings("args"), env, limits)


def _component(name: str, node: _Node, executors: Mapping[str, ContainerExecutor | ImporterExecutor]) -> Component:
    node.closed(
        {"dag", "executorLabel", "inputDefinitions", "outputDefinitions"},
        {"taskConfigPassthroughs", "singlePlatformSpecs"} if name != ROOT else (),
    )
    body: Dag | ContainerExecutor | ImporterExecutor
    if node.only("dag", "executorLabel") == "dag":
        body = _dag(node.node("dag"))
    else:
        body = executors[node.one_of(node.text("executorLabel"), executors, "executorLabel", "executor")]
    inputs = node.node("inputDefinitions").closed({"parameters", "artifacts"})
    outputs = node.node("outputDefinitions").closed({"parameters", "artifacts"})
    return Component(
        name=name.removeprefix("comp-"),
        body=body,
        parameters={n: _parameter_def(d) for n, d in inputs.node("parameters").items()},
        artifacts={n: _artifact_def(d) for n, d in inputs.node("artifacts").items()},
        output_parameters={n: _parameter_def(d) for n, d in outputs.node("parameters").items()},
        output_artifacts={n: _artifact_def(d) for n, d in outputs.node("artifacts").items()},
    )


def _dag(node: _Node) -> Dag:
    node.closed({"tasks", "outputs"})
    outputs = node.node("outputs").closed({"parameters", "artifacts"})
    return Dag(
        tasks={name: _task(name, task) for name, task in node.node("tasks", required=True).items()},
        parameters={name: _parameter_output(output) for name, output in outputs.node("parameters").items()},
        artifacts={
            name: _selectors(output.closed({"artifactSelectors"}), "artifactSelectors", "outputArtifactKey")
            for name, output in outputs.node("artifacts").items()
        },
    )


def _parameter_output(node: _Node) -> tuple[FromTask, ...]:
    if node.closed({"valueFromParameter", "valueFromOneof"}).only("valueFromParameter", "valueFromOneof") == (
        "valueFromParameter"
    ):
        return (_selector(node.node("valueFromParameter"), "outputParameterKey"),)
    return _selectors(node.node("valueFromOneof"), "parameterSelectors", "outputParameterKey")


def _selectors(node: _Node, key: str, output: str) -> tuple[FromTask, ...]:
    entries = node.get(key, list, [])
    if not entries:
        raise node.wrong("is empty", key)
    return tuple(_selector(_Node(node.where, f"{node.path}.{key}[{i}]", e), output) for i, e in enumerate(entries))


def _selector(node: _Node, output: str) -> FromTask:
    node.closed({"producerSubtask", output})
    return FromTask(node.text("producerSubtask"), node.text(output))


def _task(name: str, node: _Node) -> Task:
    node.closed(
        {
            "componentRef", "inputs", "taskInfo", "dependentTasks", "triggerPolicy", "cachingOptions", "retryPolicy",
            "parameterIterator", "artifactIterator", "iteratorPolicy",
        }
    )  # fmt: skip
    inputs = node.node("inputs").closed({"parameters", "artifacts"})
    trigger = node.node("triggerPolicy").closed({"condition", "strategy"})
    strategy = trigger.get("strategy", str, "") or "ALL_UPSTREAM_TASKS_SUCCEEDED"
    strategies = ("ALL_UPSTREAM_TASKS_SUCCEEDED", "ALL_UPSTREAM_TASKS_COMPLETED", "TRIGGER_STRATEGY_UNSPECIFIED")
    trigger.one_of(strategy, strategies, "strategy", "strategy")
    condition = trigger.get("condition", str, "")
    return Task(
        name=name,
        display_name=node.node("taskInfo").closed({"name"}, {"taskName"}).get("name", str, "") or name,
        component=node.node("componentRef", required=True).closed({"name"}).text("name"),
        parameters={key: _binding(binding) for key, binding in inputs.node("parameters").items()},
        artifacts={key: _artifact_source(source) for key, source in inputs.node("artifacts").items()},
        after=node.strings("dependentTasks"),
        condition=_expression(trigger, "condition", condition) if condition else None,
        whatever_happens=strategy == "ALL_UPSTREAM_TASKS_COMPLETED",
        loop=_loop(node),
        cacheable=node.node("cachingOptions").closed({"enableCache"}, {"cacheKey"}).get("enableCache", bool, False),
        retry=_retry(node.node("retryPolicy")),
    )


def _expression(node: _Node, key: str, text: str) -> Expression:
    try:
        return Expression(text)
    except ExpressionError as error:
        raise node.wrong(str(error), key, "") from None


def _binding(node: _Node) -> Binding:
    kinds = ("componentInputParameter", "runtimeValue", "taskOutputParameter", "taskFinalStatus")
    node.closed({*kinds, "parameterExpressionSelector"})
    source: Constant | FromInput | FromTask | FinalStatus
    match node.only(*kinds):
        case "componentInputParameter":
            source = FromInput(node.text("componentInputParameter"))
        case "taskOutputParameter":
            output = node.node("taskOutputParameter").closed({"producerTask", "outputParameterKey"})
            source = FromTask(output.text("producerTask"), output.text("outputParameterKey"))
        case "taskFinalStatus":
            source = FinalStatus(node.node("taskFinalStatus").closed({"producerTask"}).text("producerTask"))
        case _:
            value = node.node("runtimeValue").closed({"constant"})
            if "constant" not in value.data:
                raise value.wrong("is missing", "constant")
            source = Constant(value.data["constant"])
    selector = node.get("parameterExpressionSelector", str, "")
    return Binding(source, _expression(node, "parameterExpressionSelector", selector) if selector else None)


def _artifact_source(node: _Node) -> FromInput | FromTask:
    node.closed({"componentInputArtifact", "taskOutputArtifact"})
    if node.only("componentInputArtifact", "taskOutputArtifact") == "componentInputArtifact":
        return FromInput(node.text("componentInputArtifact"))
    output = node.node("taskOutputArtifact").closed({"producerTask", "outputArtifactKey"})
    return FromTask(output.text("producerTask"), output.text("outputArtifactKey"))


def _loop(node: _Node) -> Loop | None:
    policy = node.node("iteratorPolicy").closed({"parallelismLimit"})
    limit = policy.get("parallelismLimit", int, 0)
    if "parameterIterator" in node.data and "artifactIterator" in node.data:
        raise node.wrong("a task loops over parameters or over artifacts, not both")
    if "artifactIterator" in node.data:
        iterator = node.node("artifactIterator").closed({"itemInput", "items"})
        items = iterator.node("items", required=True).closed({"inputArtifact"})
        return Loop(iterator.text("itemInput"), items.text("inputArtifact"), artifacts=True, limit=limit)
    if "parameterIterator" not in node.data:
        return None
    iterator = node.node("parameterIterator").closed({"itemInput", "items"})
    items = iterator.node("items", required=True).closed({"raw", "inputParameter"})
    if items.only("raw", "inputParameter") == "inputParameter":
        return Loop(iterator.text("itemInput"), items.text("inputParameter"), limit=limit)
    try:
        raw = json.loads(items.text("raw"))
    except ValueError:
        raw = None
    if not isinstance(raw, list):
        raise items.wrong("must be a JSON list", "raw")
    return Loop(iterator.text("itemInput"), items=tuple(plain(raw)), limit=limit)


def _retry(node: _Node) -> Retry:
    node.closed({"maxRetryCount", "backoffDuration", "backoffFactor", "backoffMaxDuration"})

    def seconds(key: str, default: float) -> float:
        text = node.get(key, str, f"{default}s")
        found = _DURATION.fullmatch(text)
        if not found:
            raise node.wrong(f"{text!r} is not a duration such as '60s'", key)
        return float(found[1])

    return Retry(
        count=node.get("maxRetryCount", int, 0),
        backoff_seconds=seconds("backoffDuration", 0.0),
        backoff_factor=float(node.get("backoffFactor", (int, float), 2.0)),
        backoff_max_seconds=seconds("backoffMaxDuration", 3600.0),
    )


def _check(spec: PipelineSpec, top: _Node) -> None:
    """Check what one part says of another: names, types of constants, circles."""
    for name, component in spec.components.items():
        if isinstance(component.body, Dag):
            path = "root.dag" if name == ROOT else f"components.{name}.dag"
            _check_dag(spec, component, component.body, _Node(top.where, path, {}))
    _no_circle({n: _called(c) for n, c in spec.components.items()}, _Node(top.where, "components", {}), "components")


def _called(component: Component) -> list[str]:
    return [t.component for t in component.body.tasks.values()] if isinstance(component.body, Dag) else []


def _check_dag(spec: PipelineSpec, graph: Component, dag: Dag, node: _Node) -> None:
    tasks = node.node("tasks")
    for task in dag.tasks.values():
        place = tasks.node(task.name)
        place.one_of(task.component, spec.components, "componentRef", "component")
        for name in task.upstream:
            place.one_of(name, dag.tasks, "inputs" if name not in task.after else "dependentTasks", "task")
    _no_circle({task.name: task.upstream for task in dag.tasks.values()}, tasks, "tasks")
    for task in dag.tasks.values():
        _check_task(spec, graph, dag, task, tasks.node(task.name))
    for kind, outputs in (("parameters", dag.parameters), ("artifacts", dag.artifacts)):
        for name, sources in outputs.items():
            for source in sources:
                _check_output(spec, dag, source, node.node("outputs").node(kind), name)


def _check_task(spec: PipelineSpec, graph: Component, dag: Dag, task: Task, place: _Node) -> None:
    component = spec.component(task)
    inputs = place.node("inputs")
    for name, binding in task.parameters.items():
        key, source = f"parameters.{name}", binding.source
        if isinstance(source, FromInput):
            inputs.one_of(source.name, graph.parameters, key, "input parameter")
        elif isinstance(source, FromTask):
            _check_output(spec, dag, source, inputs, key)
        elif isinstance(source, Constant) and name in component.parameters and not binding.selector:
            _typed(inputs, key, source.value, component.parameters[name].type)
    for name, artifact in task.artifacts.items():
        inputs.one_of(name, component.artifacts, f"artifacts.{name}", "input artifact")
        if isinstance(artifact, FromInput):
            inputs.one_of(artifact.name, graph.artifacts, f"artifacts.{name}", "input artifact")
        else:
            _check_output(spec, dag, artifact, inputs, f"artifacts.{name}")
    if task.loop:
        _check_loop(component, task.loop, place)
    if task.retry.count and not isinstance(component.body, ContainerExecutor):
        raise place.wrong("only a container is tried again, not a graph or an importer", "retryPolicy", "")


def _check_loop(component: Component, loop: Loop, place: _Node) -> None:
    if not isinstance(component.body, Dag):
        raise place.wrong("only a graph is looped over", "parameterIterator", "")
    key = "artifactIterator" if loop.artifacts else "parameterIterator"
    known: Collection[str] = component.artifacts if loop.artifacts else component.parameters
    for name in (loop.item, loop.over):
        if name:
            place.one_of(name, known, key, "input")


def _check_output(spec: PipelineSpec, dag: Dag, source: FromTask, place: _Node, key: str) -> None:
    place.one_of(source.task, dag.tasks, key, "task")
    producer = spec.component(dag.tasks[source.task])
    outputs = [*producer.output_parameters, *producer.output_artifacts]
    place.one_of(source.output, outputs, key, "output", f" of task {source.task!r}")


def _no_circle(graph: Mapping[str, Collection[str]], place: _Node, what: str) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise place.wrong(f"the {what} wait for each other: {' <- '.join(error.args[1])}") from None
