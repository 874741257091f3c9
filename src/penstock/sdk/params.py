"""The parameters of a component: typed, closed, frozen, described where they are declared."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
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


def explain(
    error: ValidationError,
    model: type[BaseModel],
    *,
    inside: tuple[str, ...] = (),
    place: Callable[[tuple[str | int, ...]], str] = lambda _: "",
) -> str:
    """Turn pydantic's findings into one line: key, what is wrong, and the nearest valid key.

    Args:
        error: What pydantic found.
        model: The model that was not met.
        inside: The keys that lead to the value that was held against the model.
        place: Says where a key stands, `inside` included: the file and the line, to be put in front.
    """
    return "; ".join(explain_each(error, model, inside=inside, place=place))


def explain_each(
    error: ValidationError,
    model: type[BaseModel],
    *,
    inside: tuple[str, ...] = (),
    place: Callable[[tuple[str | int, ...]], str] = lambda _: "",
) -> list[str]:
    """The same, a line for each thing that pydantic found."""
    findings = error.errors(include_url=False)
    return [place((*inside, *finding["loc"])) + _explain_one(dict(finding), model, inside) for finding in findings]


def _explain_one(finding: dict[str, Any], model: type[BaseModel], inside: tuple[str, ...]) -> str:
    location = [str(part) for part in finding["loc"]]
    keys, names = _walk(location, model)
    key = ".".join([*inside, *keys]) or "value"
    if finding["type"] == "extra_forbidden":
        near = difflib.get_close_matches(location[-1], names, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(names))}"
        return f"{key}: unknown key; {hint}"
    if finding["type"] == "missing":
        return f"{key}: is required"
    if finding["type"] == "union_tag_invalid":
        tag, tags = finding["ctx"]["tag"], [each.strip(" '") for each in finding["ctx"]["expected_tags"].split(",")]
        near = difflib.get_close_matches(tag, tags, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(tags))}"
        return f"{key}: {finding['ctx']['discriminator'].strip(chr(39))} {tag!r} is not known; {hint}"
    message = finding["msg"].removeprefix("Value error, ")
    given = "" if isinstance(finding["input"], dict | list) else f" (got {finding['input']!r})"
    return f"{key}: {message[0].lower()}{message[1:]}{given}"


def _walk(location: list[str], model: type[BaseModel]) -> tuple[list[str], list[str]]:
    """Follow pydantic's location through the model's JSON schema.

    Returns:
        The keys as they are written (pydantic also names the chosen member of a union), and the valid names beside
        the last of them.
    """
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})

    def deref(node: dict[str, Any]) -> dict[str, Any]:
        for option in [*node.get("allOf", []), *node.get("anyOf", [])]:
            if "$ref" in option or "discriminator" in option or option.get("type") in ("object", "array"):
                return deref(option)
        if "$ref" in node:
            return deref(definitions[node["$ref"].rsplit("/", 1)[-1]])
        return node

    node, keys = deref(schema), list[str]()
    names = list(node.get("properties", {}))
    for part in location:
        members = node.get("discriminator", {}).get("mapping", {})
        if part in members:
            node = deref({"$ref": members[part]})
            names = list(node.get("properties", {}))
            continue
        keys.append(part)
        names = list(node.get("properties", {}))
        if part in node.get("properties", {}):
            node = deref(node["properties"][part])
        elif "items" in node:
            node = deref(node["items"])
        elif isinstance(node.get("additionalProperties"), dict):
            node = deref(node["additionalProperties"])
    return keys, names
