"""A `ComponentSpec` as KFP knows components.

KFP reads a container component off a Python function: parameters from its signature, descriptions from its
docstring. So such a function is made here from the interface; nobody writes it, and it cannot disagree.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Optional

from kfp import dsl
from kfp.dsl.container_component_class import ContainerComponent

from penstock import __version__
from penstock.authoring.interface import GATE, Parameter, ParameterType, Port, describe
from penstock.provenance.keys import component_command
from penstock.sdk import ComponentSpec

Items = Sequence[tuple[str, str]]
"""Names with their descriptions."""

_PYTHON_TYPES: dict[ParameterType, type] = {
    "STRING": str,
    "BOOLEAN": bool,
    "NUMBER_INTEGER": int,
    "NUMBER_DOUBLE": float,
    "LIST": list,
    "STRUCT": dict,
}
_ARTIFACTS = {
    cls.schema_title: cls
    for cls in (
        dsl.Artifact,
        dsl.Dataset,
        dsl.Model,
        dsl.Metrics,
        dsl.ClassificationMetrics,
        dsl.HTML,
        dsl.Markdown,
    )
}


def kfp_component(spec: ComponentSpec, task: str = "", image: str = "") -> ContainerComponent:
    """Make the KFP container component of one of ours.

    Args:
        spec: The component.
        task: The name that KFP derives the task's key from; the component's own by default.
        image: What its container is started from; `penstock/<environment>:<version>` by default.

    Raises:
        BadInput: A parameter has a type that KFP cannot carry (author of the component).
    """
    interface = describe(spec)
    image = image or f"penstock/{spec.image}:{__version__}"

    def container(*_args: Any, **_kwargs: Any) -> dsl.ContainerSpec:
        *command, argument = component_command(interface.module)
        return dsl.ContainerSpec(image=image, command=command, args=[argument])

    inputs = [_input(port) for port in interface.inputs] + [_parameter(item) for item in interface.parameters]
    outputs = [_output(port) for port in interface.outputs]
    arguments = [(port.name, port.description) for port in interface.inputs]
    arguments += [(parameter.name, parameter.description) for parameter in interface.parameters]
    results = [(port.name, port.description) for port in interface.outputs]
    if interface.gate:
        outputs.append(_keyword(GATE, dsl.OutputPath(str)))
        results.append((GATE, "`open` or `closed`: whether what hangs on this task may start."))
    doc = docstring(interface.summary, arguments, results)
    function(container, task or spec.name, [*inputs, *outputs], doc)
    component: ContainerComponent = dsl.container_component(container)
    return component


def function(target: Any, name: str, parameters: list[inspect.Parameter], doc: str) -> None:
    """Give a function the name, signature and docstring that KFP is to read."""
    required_first = sorted(parameters, key=lambda p: p.default is not inspect.Parameter.empty)
    target.__name__ = name
    target.__doc__ = doc
    target.__signature__ = inspect.Signature(required_first)


def docstring(summary: str, arguments: Items, results: Items = ()) -> str:
    """Write what KFP reads descriptions from: Google style, one line each."""
    return "\n".join([summary, *_section("Args", arguments), *_section("Returns", results), ""])


def parameter_of(name: str, type_: ParameterType, required: bool, default: Any) -> inspect.Parameter:
    """A keyword of a KFP function that stands for a parameter."""
    annotation: Any = _PYTHON_TYPES[type_]
    if required:
        return _keyword(name, annotation)
    if default is None:
        return _keyword(name, Optional[annotation], None)  # noqa: UP045 - KFP knows this form only
    return _keyword(name, annotation, default)


def _parameter(parameter: Parameter) -> inspect.Parameter:
    return parameter_of(parameter.name, parameter.type, parameter.required, parameter.default)


def _input(port: Port) -> inspect.Parameter:
    annotation = dsl.Input[_ARTIFACTS[port.schema_title]]
    return _keyword(port.name, annotation, None) if port.optional else _keyword(port.name, annotation)


def _output(port: Port) -> inspect.Parameter:
    return _keyword(port.name, dsl.Output[_ARTIFACTS[port.schema_title]])


def _keyword(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)


def _section(title: str, items: Items) -> list[str]:
    return ["", f"{title}:", *(f"    {name}: {text or name}" for name, text in items)] if items else []
