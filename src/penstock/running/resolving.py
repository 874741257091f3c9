"""The values of a task's inputs, from the graph that it is in and the tasks that it waited for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.running.expressions import ExpressionError
from penstock.running.pipeline_spec import (
    CHANNEL,
    Binding,
    Component,
    Constant,
    ContainerExecutor,
    FinalStatus,
    FromInput,
    FromTask,
    ImporterExecutor,
    Task,
)
from penstock.running.placeholders import fill_constant
from penstock.running.quantities import parse_quantity
from penstock.running.scopes import Node, Scope, artifacts_of, parameter_of
from penstock.running.values import WrongType, coerce, plain, to_text
from penstock.running.work import Container, Fate, Outputs
from penstock.sdk.executor import RuntimeArtifact


class Unavailable(Exception):
    """An input that must be there was made by nobody; the task is skipped."""


class Unfit(Exception):
    """An input cannot be what it must be; the task fails."""


@dataclass(frozen=True)
class Inputs:
    """The resolved inputs of one task."""

    parameters: Mapping[str, Any]
    """Those that the component declares, typed, defaults filled in."""
    artifacts: Mapping[str, tuple[RuntimeArtifact, ...]]
    visible: Mapping[str, Any]
    """`parameters`, and the values that only texts and conditions of the task refer to."""


def resolve(task: Task, component: Component, scope: Scope) -> Inputs:
    """Find the values of a task's inputs.

    What has no value takes the component's default; an optional input without one is left out.

    Raises:
        Unavailable: A task that should have made an input did not.
        Unfit: A value is missing or of the wrong type.
    """
    given: dict[str, Any] = {}
    for name, binding in task.parameters.items():
        value = _source(name, binding, component, scope)
        if value is not None:
            given[name] = value
    for name, binding in task.parameters.items():
        if isinstance(binding.source, Constant) and not binding.selector:
            given[name] = _filled(binding.source.value, given, name)
    parameters = {}
    for name, definition in component.parameters.items():
        value = given.get(name, definition.default)
        if value is not None:
            parameters[name] = _typed(name, value, component)
        elif not definition.optional and not (task.loop and task.loop.item == name):
            raise Unfit(f"its input {name.removeprefix(CHANNEL)!r} has no value")
    return Inputs(parameters, _artifacts(task, component, scope), {**given, **parameters})


def _source(name: str, binding: Binding, component: Component, scope: Scope) -> Any:
    """The value that a binding names, or None when there is none and the component can do without."""
    source, value = binding.source, None
    if isinstance(source, Constant):
        value = source.value
    elif isinstance(source, FromInput):
        value = scope.parameters.get(source.name)
    elif isinstance(source, FinalStatus):
        value = _final_status(scope.nodes[source.task])
    else:
        value = parameter_of(scope.nodes[source.task], source.output)
        if value is None and not _dispensable(name, component):
            raise Unavailable(f"needs {source.output!r} of {source.task!r}, which was not made")
    if value is None or binding.selector is None:
        return value
    try:
        return binding.selector.select(value)
    except ExpressionError as error:
        raise Unfit(f"its input {name!r}: {error}") from None


def _dispensable(name: str, component: Component) -> bool:
    definition = component.parameters.get(name)
    return definition is not None and (definition.optional or definition.default is not None)


def _artifacts(task: Task, component: Component, scope: Scope) -> dict[str, tuple[RuntimeArtifact, ...]]:
    artifacts = {}
    for name, source in task.artifacts.items():
        if isinstance(source, FromInput):
            found = scope.artifacts.get(source.name)
            missing = f"its input {name!r} was not given"
        else:
            found = artifacts_of(scope.nodes[source.task], source.output)
            missing = f"needs {source.output!r} of {source.task!r}, which was not made"
        if found is not None:
            artifacts[name] = found
        elif not component.artifacts[name].optional:
            raise Unavailable(missing) if isinstance(source, FromTask) else Unfit(missing)
    for name, definition in component.artifacts.items():
        loops_over_it = task.loop and task.loop.item == name
        if name not in artifacts and not definition.optional and not loops_over_it:
            raise Unfit(f"its input {name!r} was not given")
    return artifacts


def _filled(value: Any, given: Mapping[str, Any], name: str) -> Any:
    try:
        return fill_constant(value, given)
    except KeyError as missing:
        raise Unfit(f"its input {name!r} needs {missing.args[0]!r}, which has no value") from None


def _typed(name: str, value: Any, component: Component) -> Any:
    try:
        return coerce(value, component.parameters[name].type)
    except WrongType as error:
        raise Unfit(f"its input {name!r}: {error}") from None


def _final_status(node: Node) -> dict[str, Any]:
    """How a task ended, as `dsl.PipelineTaskFinalStatus` reads it."""
    return {
        "state": {Fate.SUCCEEDED: "SUCCEEDED", Fate.FAILED: "FAILED"}.get(node.fate or Fate.SKIPPED, "SKIPPED"),
        "pipelineTaskName": node.task.name,
        "pipelineJobResourceName": "{{$.pipeline_job_resource_name}}",
        "error": {"message": node.why} if node.why else {},
    }


def container(executor: ContainerExecutor, inputs: Inputs) -> Container:
    """What to start, with image, environment and limits filled in; command and arguments stay as they are.

    Raises:
        Unfit: A placeholder has no value, or a limit is not a quantity.
    """

    def text(value: str, what: str) -> str:
        return to_text(_filled(value, inputs.visible, what)) if "{{$" in value else value

    def quantity(value: str, what: str) -> float | None:
        try:
            return float(parse_quantity(text(value, what))) if value else None
        except ValueError as error:
            raise Unfit(f"its {what}: {error}") from None

    memory = quantity(executor.limits.memory, "memory limit")
    return Container(
        image=text(executor.image, "image"),
        command=executor.command,
        args=executor.args,
        env={name: text(value, f"environment variable {name}") for name, value in executor.env.items()},
        cpu_limit=quantity(executor.limits.cpu, "CPU limit"),
        memory_limit_bytes=None if memory is None else int(memory),
    )


def imported(executor: ImporterExecutor, component: Component, inputs: Inputs) -> Outputs:
    """What an importer puts out: the artifact at its address, with the metadata that the pipeline gives it.

    Raises:
        Unfit: The address or the metadata have no value.
    """
    source = executor.uri
    uri = inputs.visible.get(source.name, "") if isinstance(source, FromInput) else source.value
    if not uri:
        raise Unfit("the artifact to import has no address")
    metadata = plain(_filled(dict(executor.metadata), inputs.visible, "metadata"))
    return Outputs(
        artifacts={
            name: (RuntimeArtifact(name=name, uri=to_text(uri), metadata=metadata),)
            for name in component.output_artifacts
        }
    )
