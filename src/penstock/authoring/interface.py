"""A component's interface as plain records: what every generated form of it is made from.

The KFP component, the README tables, `penstock components` and the check of a pipeline's values all read these
records, and the records are read off the `ComponentSpec` alone. Nothing here knows KFP, a file or a folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from penstock.sdk import BadInput, ComponentSpec, In

ParameterType = Literal["STRING", "BOOLEAN", "NUMBER_INTEGER", "NUMBER_DOUBLE", "LIST", "STRUCT"]
"""KFP's parameter types, by the names of its PipelineSpec."""

GATE = "gate"
"""The output parameter of a gate, `open` or `closed`."""

_TYPES: dict[str, ParameterType] = {
    "string": "STRING",
    "boolean": "BOOLEAN",
    "integer": "NUMBER_INTEGER",
    "number": "NUMBER_DOUBLE",
    "array": "LIST",
    "object": "STRUCT",
}
_LIMITS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


@dataclass(frozen=True)
class Key:
    """One key of a structure."""

    name: str
    shown: str
    """The type as people read it: `integer >= 1`, `list of string`, `"a" | "b"`."""
    required: bool
    default: Any
    """As JSON; None where it is required, or where nothing is the default."""
    description: str


@dataclass(frozen=True)
class Parameter(Key):
    """One parameter of a component."""

    type: ParameterType


@dataclass(frozen=True)
class Structure:
    """A type of several keys."""

    name: str
    description: str
    keys: tuple[Key, ...]


@dataclass(frozen=True)
class Port:
    """One input or output artifact."""

    name: str
    kind: str
    schema_title: str
    """KFP's type of the artifact."""
    optional: bool
    description: str


@dataclass(frozen=True)
class Interface:
    """Everything that can be known of a component without running it."""

    name: str
    stage: str
    image: str
    summary: str
    module: str
    """What its container runs with `python -m`."""
    gate: bool
    parameters: tuple[Parameter, ...]
    structures: tuple[Structure, ...]
    """What the parameters' types refer to, by name."""
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def describe(spec: ComponentSpec) -> Interface:
    """Read a component's interface off its declaration.

    Raises:
        BadInput: A parameter has a type that KFP cannot carry (author of the component).
    """
    schema = spec.params.model_json_schema()
    definitions = schema.get("$defs", {})
    properties = schema.get("properties", {})
    return Interface(
        name=spec.name,
        stage=spec.stage,
        image=spec.image,
        summary=spec.summary,
        module=spec.module,
        gate=spec.gate,
        parameters=tuple(
            Parameter(
                **vars(key),
                type=_parameter_type(f"component {spec.name}, parameter {key.name}", properties[key.name], definitions),
            )
            for key in _keys(schema, definitions)
        ),
        structures=_structures(definitions),
        inputs=tuple(
            Port(name, port.noun.kind, port.noun.schema_title, port.optional, _input_text(port))
            for name, port in spec.inputs.items()
        ),
        outputs=tuple(
            Port(name, port.noun.kind, port.noun.schema_title, False, port.noun.summary)
            for name, port in spec.outputs.items()
        ),
    )


def describe_file(model: type[BaseModel]) -> tuple[Structure, ...]:
    """The keys of a file that a model describes, and after it the structures in it, by name."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    whole = Structure(model.__name__, _text(schema, definitions), _keys(schema, definitions))
    return (whole, *_structures(definitions))


def _structures(definitions: dict[str, Any]) -> tuple[Structure, ...]:
    return tuple(
        Structure(name, _text(node, definitions), _keys(node, definitions))
        for name, node in sorted(definitions.items())
        if node.get("type") == "object"
    )


def _keys(schema: dict[str, Any], definitions: dict[str, Any]) -> tuple[Key, ...]:
    required = set(schema.get("required", ()))
    return tuple(
        Key(
            name=name,
            shown=_show(node, definitions),
            required=name in required,
            default=node.get("default"),
            description=_text(node, definitions),
        )
        for name, node in schema.get("properties", {}).items()
    )


def _text(node: dict[str, Any], definitions: dict[str, Any]) -> str:
    """A description on one line; of a reference without one, that of what it refers to."""
    if "description" not in node and "$ref" in node:
        node = definitions[_reference(node)]
    return " ".join(node.get("description", "").split())


def _parameter_type(where: str, node: dict[str, Any], definitions: dict[str, Any]) -> ParameterType:
    """The one KFP type that carries every value that the JSON schema allows."""
    if node.get("uniqueItems"):
        raise BadInput(f"{where}: a set has no order", "Use a tuple")
    found = _json_types(node, definitions) - {"null"}
    if found == {"integer", "number"}:
        found = {"number"}
    if len(found) != 1:
        raise BadInput(f"{where}: KFP carries one type a parameter, and this one allows {sorted(found) or 'any'}")
    return _TYPES[found.pop()]


def _json_types(node: dict[str, Any], definitions: dict[str, Any]) -> set[str]:
    if "$ref" in node:
        return _json_types(definitions[_reference(node)], definitions)
    options = node.get("anyOf") or node.get("oneOf") or node.get("allOf")
    if options:
        return set().union(*(_json_types(option, definitions) for option in options))
    if "type" in node:
        return {node["type"]}
    values = node.get("enum", [node["const"]] if "const" in node else [])
    return {{bool: "boolean", int: "integer", float: "number", str: "string"}[type(v)] for v in values}


def _show(node: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Write a JSON schema type for people."""
    if "$ref" in node:
        name = _reference(node)
        return name if definitions[name].get("type") == "object" else _show(definitions[name], definitions)
    options = node.get("anyOf") or node.get("oneOf") or node.get("allOf")
    if options:
        return " or ".join(_show(option, definitions) for option in options if option.get("type") != "null")
    values = node.get("enum", [node["const"]] if "const" in node else None)
    if values is not None:
        return " or ".join(f'"{value}"' if isinstance(value, str) else str(value) for value in values)
    kind = node.get("type", "any")
    if kind == "array":
        items = node.get("items", {})
        return f"list of {_show(items, definitions)}" if items else "list"
    if kind == "object":
        values = next(iter(node.get("patternProperties", {}).values()), node.get("additionalProperties"))
        return f"map of {_show(values, definitions)}" if isinstance(values, dict) else "map"
    limits = [f"{sign} {_whole(node[key])}" for key, sign in _LIMITS.items() if key in node]
    return " ".join([kind, ", ".join(limits)]) if limits else kind


def _whole(number: float) -> float:
    return int(number) if float(number).is_integer() else number


def _reference(node: dict[str, Any]) -> str:
    return str(node["$ref"]).rsplit("/", 1)[-1]


def _input_text(port: In) -> str:
    if port.lookup is None:
        return port.noun.summary
    looked_up = {"last_blessed": "the last blessed model", "previous": "the one before"}[port.lookup.policy]
    return f"{port.noun.summary} Not wired: {looked_up}, found in the lineage."
