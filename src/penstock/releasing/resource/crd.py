"""The CustomResourceDefinition, derived from the models: schema, defaults, descriptions, rules, columns."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

import yaml

from penstock.releasing.base import Part
from penstock.releasing.resource.names import GROUP, KIND, PLURAL, SHORT_NAME, VERSION
from penstock.releasing.resource.spec import ModelReleaseSpec
from penstock.releasing.resource.status import ModelReleaseStatus

HEADER = "# Generated from src/penstock/releasing/resource by ci/generate; do not edit.\n"
MAX_NAME = 40
"""A release's name is part of the names of Services, which may have 63 characters: `<name>-a-predictor-default`."""
_BOUNDS = {"string": ("maxLength", 1024), "array": ("maxItems", 64), "object": ("maxProperties", 64)}
"""Of what says no bound itself: the API server refuses a CEL rule whose cost has no end."""
_DROPPED = ("title", "additionalProperties", "propertyNames", "discriminator")
_COLUMNS = (
    ("Phase", "string", ".status.phase", "Where the release is.", 0),
    ("Step", "string", ".status.trial.step", "The step that the last candidate was on.", 0),
    ("Weight", "integer", ".status.trial.weightPercent", "The share of the traffic that the step gives it.", 0),
    ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status", "Whether what has traffic is ready.", 0),
    ("Degraded", "string", ".status.conditions[?(@.type=='Degraded')].status", "Whether it was rejected.", 0),
    ("Stalled", "string", ".status.conditions[?(@.type=='Stalled')].status", "Whether a person must act.", 0),
    ("Age", "date", ".metadata.creationTimestamp", "Since when there is such a release.", 0),
    ("Message", "string", ".status.message", "What is happening or waited for.", 1),
    ("Digest", "string", ".spec.model.digest", "The bundle that Git names.", 1),
)


def crd() -> dict[str, Any]:
    """The CustomResourceDefinition of ModelRelease."""
    name_rule = {
        "rule": f"size(self.metadata.name) <= {MAX_NAME}",
        "message": f"The name of a ModelRelease may have {MAX_NAME} characters: names of Services are made of it.",
    }
    schema = {
        "type": "object",
        "description": "A model that is to serve, and how it is to earn that: shadow, canary, all traffic.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": _bounded(schema_of(ModelReleaseSpec)),
            "status": schema_of(ModelReleaseStatus),
        },
        "x-kubernetes-validations": [name_rule],
    }
    columns = [
        {"name": name, "type": kind, "jsonPath": path, "description": text, "priority": priority}
        for name, kind, path, text, priority in _COLUMNS
    ]
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
        "schema": {"openAPIV3Schema": schema},
    }
    names = {"kind": KIND, "listKind": f"{KIND}List", "plural": PLURAL, "singular": KIND.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {**names, "shortNames": [SHORT_NAME], "categories": ["penstock"]},
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def crd_text() -> str:
    """The same as a file."""
    return HEADER + yaml.safe_dump(crd(), sort_keys=False, width=120, allow_unicode=True)


def schema_of(part: type[Part]) -> dict[str, Any]:
    """A part as a structural schema: nothing referred to, and each default written where the API server fills it in."""
    whole = part.model_json_schema(by_alias=True)
    made: dict[str, Any] = {"type": "object", "description": inspect.cleandoc(part.__doc__ or "")}
    if whole.get("required"):
        made["required"] = whole["required"]
    properties = {}
    for name, field in part.model_fields.items():
        alias = field.alias or name
        one = _converted(whole["properties"][alias], whole.get("$defs", {}), _parts_in(field.annotation))
        if not field.is_required():
            default = _plain(field.get_default(call_default_factory=True))
            if default is not None:
                one["default"] = default
        properties[alias] = one
    made["properties"] = properties
    rules = getattr(part, "CEL", ())
    if rules:
        made["x-kubernetes-validations"] = [{"rule": rule, "message": message} for rule, message in rules]
    return made


def _converted(node: Mapping[str, Any], shared: Mapping[str, Any], parts: Mapping[str, type[Part]]) -> dict[str, Any]:
    """A node of pydantic's schema as CRDs spell it."""
    if "anyOf" in node:
        kept = [each for each in node["anyOf"] if each.get("type") != "null"]
        node = {**{key: value for key, value in node.items() if key != "anyOf"}, **kept[0]}
    node = {key: value for key, value in node.items() if key not in ("title", "default")}
    if "$ref" in node:
        name = node.pop("$ref").rsplit("/", 1)[-1]
        meant = schema_of(parts[name]) if name in parts else _converted(shared[name], shared, parts)
        return {**meant, **node}
    made = {key: value for key, value in node.items() if key not in _DROPPED}
    if "const" in made:
        made["enum"] = [made.pop("const")]
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if exclusive in made:
            made[bound], made[exclusive] = made[exclusive], True
    if isinstance(made.get("items"), Mapping):
        made["items"] = _converted(made["items"], shared, parts)
        if "type" in made["items"].get("properties", {}) and "lastTransitionTime" in made["items"]["properties"]:
            made |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
    values = node.get("additionalProperties")
    if isinstance(values, Mapping):
        made["additionalProperties"] = _converted(values, shared, parts)
    return made


def _bounded(node: dict[str, Any]) -> dict[str, Any]:
    """The schema with a bound for everything that may grow."""
    made = dict(node)
    for key in ("items", "additionalProperties"):
        if isinstance(made.get(key), dict):
            made[key] = _bounded(made[key])
    if "properties" in made:
        made["properties"] = {name: _bounded(one) for name, one in made["properties"].items()}
    elif made.get("type") in _BOUNDS and "enum" not in made:
        bound, value = _BOUNDS[made["type"]]
        made.setdefault(bound, value)
    return made


def _plain(value: Any) -> Any:
    """A default as the API server fills it in; whole, for rules are held against it before its own defaults are."""
    if isinstance(value, Part):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value


def _parts_in(annotation: Any) -> dict[str, type[Part]]:
    return {each.__name__: each for each in _walk(annotation)}


def _walk(annotation: Any) -> Iterator[type[Part]]:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _walk(inner)
