"""What can be known to be wrong before anything runs: parameters that a component would refuse an hour later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.running.pipeline_spec import Binding, Constant, ContainerExecutor, Dag, FromInput, PipelineSpec
from penstock.running.warming import ContainerTask


def check_parameters(
    spec: PipelineSpec, parameters: Mapping[str, Any], containers: Mapping[str, ContainerTask]
) -> None:
    """Validate the parameters of every component whose values are known already.

    What comes from another task, from a loop's items or from a placeholder is known only when the task starts, and
    checked then.

    Args:
        spec: The pipeline.
        parameters: The run's parameters, defaults filled in.
        containers: The container tasks by path.

    Raises:
        BadInput: A value is out of range or does not fit the others; the message names task and key (caller).
    """
    _check(spec, spec.root.body, parameters, "", containers)


def _check(
    spec: PipelineSpec, body: object, known: Mapping[str, Any], prefix: str, containers: Mapping[str, ContainerTask]
) -> None:
    if not isinstance(body, Dag):
        return
    for name, task in body.tasks.items():
        component = spec.component(task)
        given = {key: _value(binding, known) for key, binding in task.parameters.items()}
        defaults = {key: d.default for key, d in component.parameters.items() if d.default is not None}
        values = {**defaults, **{key: value for key, value in given.items() if value is not _UNKNOWN}}
        if isinstance(component.body, ContainerExecutor):
            declared = containers[prefix + name].component
            if declared and _UNKNOWN not in given.values():
                declared.spec.params.parse(values, where=f"task {task.display_name}")
        else:
            if task.loop:
                values.pop(task.loop.item, None)
            _check(spec, component.body, values, f"{prefix}{name}/", containers)


_UNKNOWN: Any = object()


def _value(binding: Binding, known: Mapping[str, Any]) -> Any:
    if binding.selector is None and isinstance(binding.source, FromInput):
        return known.get(binding.source.name, _UNKNOWN)
    if binding.selector is None and isinstance(binding.source, Constant) and "{{$" not in str(binding.source.value):
        return binding.source.value
    return _UNKNOWN
