"""Parameter values: KFP's types, and how a value becomes one of them.

KFP carries every number as a double and every value as JSON. Here each value has the Python type that its definition
says, so that `3.0` of the YAML is the `3` that a container sees on a cluster.
"""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import Any

_EXACT = 2**53
"""Doubles hold every integer up to here."""


class ParameterType(StrEnum):
    """The types of pipeline_spec.proto, message ParameterType."""

    NUMBER_DOUBLE = "NUMBER_DOUBLE"
    NUMBER_INTEGER = "NUMBER_INTEGER"
    STRING = "STRING"
    BOOLEAN = "BOOLEAN"
    LIST = "LIST"
    STRUCT = "STRUCT"
    TASK_FINAL_STATUS = "TASK_FINAL_STATUS"

    @property
    def words(self) -> str:
        """What a person calls it."""
        return _WORDS[self]


_WORDS = {
    ParameterType.NUMBER_DOUBLE: "a number",
    ParameterType.NUMBER_INTEGER: "a whole number",
    ParameterType.STRING: "a string",
    ParameterType.BOOLEAN: "true or false",
    ParameterType.LIST: "a list",
    ParameterType.STRUCT: "a mapping",
    ParameterType.TASK_FINAL_STATUS: "a task's final status",
}


class WrongType(ValueError):
    """A value is not of the type that its definition says; the message says which is which."""


def coerce(value: Any, type_: ParameterType, *, strict: bool = False) -> Any:
    """Give a value the type that its definition says.

    A string takes any value as its JSON text, as KFP's driver does. The other way round, text that is the JSON of
    the type is taken as that: output parameters arrive as text, and so do the items of loops over plain lists.

    Args:
        value: Plain JSON data.
        type_: The type wanted.
        strict: Take no text for another type and nothing else for text: what a person wrote by hand.

    Raises:
        WrongType: It cannot be one (caller).

    Example:
        >>> coerce(3.0, ParameterType.NUMBER_INTEGER), coerce(2, ParameterType.STRING)
        (3, '2')
    """
    if type_ is ParameterType.STRING:
        if isinstance(value, str):
            return value
        if not strict:
            return to_text(value)
    elif isinstance(value, str) and not strict:
        value = _loads(value, type_)
    result = _exactly(value, type_)
    if result is None:
        raise WrongType(f"{short(value)} is not {type_.words}")
    return result


def parse_text(text: str, type_: ParameterType) -> Any:
    """Read what a person typed, such as `--set train.epochs=3`.

    Raises:
        WrongType: The text is not of the type (caller).

    Example:
        >>> parse_text("3", ParameterType.STRING), parse_text("[1, 2]", ParameterType.LIST)
        ('3', [1, 2])
    """
    if type_ is ParameterType.STRING:
        return text
    try:
        return coerce(
            _loads(text.strip().lower() if type_ is ParameterType.BOOLEAN else text, type_), type_, strict=True
        )
    except WrongType:
        raise WrongType(f"{text!r} is not {type_.words}") from None


def plain(value: Any) -> Any:
    """Turn whole doubles into integers at any depth: what their JSON looks like in a container.

    Example:
        >>> plain({"a": [1.0, 1.5]})
        {'a': [1, 1.5]}
    """
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def to_text(value: Any) -> str:
    """The text of a value in a command line: strings as they are, all else as compact JSON.

    Example:
        >>> to_text(2.0), to_text(True), to_text({"a": [1.0]})
        ('2', 'true', '{"a":[1]}')
    """
    if isinstance(value, str):
        return value
    return json.dumps(plain(value), separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _exactly(value: Any, type_: ParameterType) -> Any:
    """The value as the type, or None when it is not one."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    match type_:
        case ParameterType.NUMBER_DOUBLE:
            return float(value) if number else None
        case ParameterType.NUMBER_INTEGER:
            return int(value) if number and value == int(value) else None
        case ParameterType.BOOLEAN:
            return value if isinstance(value, bool) else None
        case ParameterType.LIST:
            return plain(value) if isinstance(value, list) else None
        case ParameterType.STRUCT | ParameterType.TASK_FINAL_STATUS:
            return plain(value) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def _loads(text: str, type_: ParameterType) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise WrongType(f"{short(text)} is not {type_.words}") from None


def short(value: Any) -> str:
    """A value for a message, cut where it gets long."""
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
