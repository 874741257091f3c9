"""The parameters of a component: typed, closed, frozen, described where they are declared."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from penstock.sdk.errors import BadInput


class Params(BaseModel):
    """Base of every component's parameters.

    Give each field a type, a default where a sane one exists, and a docstring below it that says meaning, unit
    and range: it becomes the description in the Kubeflow UI, in the README table and in error messages.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @classmethod
    def parse(cls, values: Mapping[str, Any], where: str) -> Self:
        """Validate values; every mistake becomes one clear line.

        Args:
            values: Names and values, as read from YAML or from KFP.
            where: What the reader should open: a file, a task.

        Raises:
            BadInput: A name is unknown, a value is missing or of the wrong type or range (caller).
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise BadInput(f"{where}: {explain(error, cls)}") from None


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Turn pydantic's findings into one line: key, what is wrong, and the nearest valid key."""
    return "; ".join(_explain_one(dict(finding), model) for finding in error.errors(include_url=False))


def _explain_one(finding: dict[str, Any], model: type[BaseModel]) -> str:
    location = [str(part) for part in finding["loc"]]
    key = ".".join(location) or "value"
    if finding["type"] == "extra_forbidden":
        names = _names_beside(location, model)
        near = difflib.get_close_matches(location[-1], names, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(names))}"
        return f"{key}: unknown key; {hint}"
    if finding["type"] == "missing":
        return f"{key}: is required"
    message = finding["msg"].removeprefix("Value error, ")
    return f"{key}: {message[0].lower()}{message[1:]} (got {finding['input']!r})"


def _names_beside(location: list[str], model: type[BaseModel]) -> list[str]:
    """The valid names at the place of an unknown one, found by walking the model's JSON schema."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})

    def deref(node: dict[str, Any]) -> dict[str, Any]:
        for option in [*node.get("allOf", []), *node.get("anyOf", [])]:
            if "$ref" in option or option.get("type") in ("object", "array"):
                return deref(option)
        if "$ref" in node:
            return deref(definitions[node["$ref"].rsplit("/", 1)[-1]])
        return node

    node = deref(schema)
    for part in location[:-1]:
        if part in node.get("properties", {}):
            node = deref(node["properties"][part])
        elif "items" in node:
            node = deref(node["items"])
        elif isinstance(node.get("additionalProperties"), dict):
            node = deref(node["additionalProperties"])
    return list(node.get("properties", {}))
