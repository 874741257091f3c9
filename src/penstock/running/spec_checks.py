"""What one part of a compiled pipeline says of another: names, types of constants, circles.

`spec_reader` looks at each part by itself; here they are held against each other, so that a run never stops in the
middle over something that could be seen before it began.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from penstock.running.closed_yaml import Place
from penstock.running.pipeline_spec import (
    ROOT,
    Component,
    Constant,
    ContainerExecutor,
    Dag,
    FromInput,
    FromTask,
    Loop,
    PipelineSpec,
    Task,
)
from penstock.running.placeholders import ARGUMENT, PARAMETER, RUN_FACT, RUN_FACTS
from penstock.running.values import ParameterType, WrongType, coerce


def check(spec: PipelineSpec, top: Place) -> None:
    """Check what one part of a pipeline says of another.

    Args:
        spec: The pipeline, each part read by itself.
        top: The document that it was read from.

    Raises:
        BadInput: A name means nothing, a constant has the wrong type, tasks wait for each other, or something is
            combined that KFP does not combine (author of the pipeline).
    """
    for name, component in spec.components.items():
        if isinstance(component.body, Dag):
            path = "root.dag" if name == ROOT else f"components.{name}.dag"
            _check_dag(spec, component, component.body, Place(top.where, path, {}))
        elif isinstance(component.body, ContainerExecutor):
            _check_command_line(component, component.body, Place(top.where, f"components.{name}", {}))
    _no_circle({n: _called(c) for n, c in spec.components.items()}, Place(top.where, "components", {}), "components")


def _check_command_line(component: Component, executor: ContainerExecutor, place: Place) -> None:
    """Placeholders of a command line name inputs and outputs that the component has."""
    known: dict[tuple[str, str], Collection[str]] = {
        ("inputs", "parameters"): component.parameters,
        ("inputs", "artifacts"): component.artifacts,
        ("outputs", "parameters"): component.output_parameters,
        ("outputs", "artifacts"): component.output_artifacts,
    }
    for word in (*executor.command, *executor.args):
        for found in ARGUMENT.finditer(word) if "{{$." in word else ():
            if found["side"]:
                place.one_of(found["name"], known[found["side"], found["kind"]], found["side"], found["kind"][:-1])


def _called(component: Component) -> list[str]:
    return [t.component for t in component.body.tasks.values()] if isinstance(component.body, Dag) else []


def _check_dag(spec: PipelineSpec, graph: Component, dag: Dag, node: Place) -> None:
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


def _check_task(spec: PipelineSpec, graph: Component, dag: Dag, task: Task, place: Place) -> None:
    component = spec.component(task)
    inputs = place.node("inputs")
    for name, binding in task.parameters.items():
        key, source = f"parameters.{name}", binding.source
        if isinstance(source, FromInput):
            inputs.one_of(source.name, graph.parameters, key, "input parameter")
        elif isinstance(source, FromTask):
            _check_output(spec, dag, source, inputs, key)
        elif isinstance(source, Constant) and name in component.parameters and not binding.selector:
            _check_constant(inputs, key, source.value, component.parameters[name].type)
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


def _check_constant(place: Place, key: str, value: Any, type_: ParameterType) -> None:
    fact = RUN_FACT.fullmatch(value) if isinstance(value, str) else None
    if fact and fact[1] not in RUN_FACTS:
        raise place.wrong(f"the placeholder {value} is not supported", key, "")
    if not (isinstance(value, str) and PARAMETER.search(value)):
        typed(place, key, value, type_)


def _check_loop(component: Component, loop: Loop, place: Place) -> None:
    if not isinstance(component.body, Dag):
        raise place.wrong("only a graph is looped over", "parameterIterator", "")
    key = "artifactIterator" if loop.artifacts else "parameterIterator"
    known: Collection[str] = component.artifacts if loop.artifacts else component.parameters
    for name in (loop.item, loop.over):
        if name:
            place.one_of(name, known, key, "input")


def _check_output(spec: PipelineSpec, dag: Dag, source: FromTask, place: Place, key: str) -> None:
    place.one_of(source.task, dag.tasks, key, "task")
    producer = spec.component(dag.tasks[source.task])
    outputs = [*producer.output_parameters, *producer.output_artifacts]
    place.one_of(source.output, outputs, key, "output", f" of task {source.task!r}")


def _no_circle(graph: Mapping[str, Collection[str]], place: Place, what: str) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise place.wrong(f"the {what} wait for each other: {' <- '.join(error.args[1])}") from None


def typed(node: Place, key: str, value: Any, type_: ParameterType) -> Any:
    """A value written in the pipeline as the type that its definition says."""
    try:
        return coerce(value, type_, strict=True)
    except WrongType as error:
        raise node.wrong(str(error), key) from None
