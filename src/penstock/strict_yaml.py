"""YAML as configuration wants it: every key once, every value where it stands, every line known.

YAML 1.1 turns `NO` into false, `12:30` into 750 and `2013-10-01` into a date; lets a key appear twice, the last one
winning without a word; and lets a document be woven from anchors. None of that belongs in a file that people review,
so this reader has the scalars of YAML 1.2's core schema and refuses the rest.

Source:
    YAML Ain't Markup Language 1.2.2, section 10.3.2 (core schema, tag resolution).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from penstock.sdk import BadInput

Location = tuple[str | int, ...]
"""The way to a value: keys and list indices, outermost first."""

_SCALARS = {
    "tag:yaml.org,2002:null": (r"null|Null|NULL|~|", "~nN\0"),
    "tag:yaml.org,2002:bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "tag:yaml.org,2002:int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "tag:yaml.org,2002:float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+0123456789.",
    ),
}


_DEEPEST = 100
"""Mappings and lists in one another: more would overflow the stack."""


class Document:
    """A YAML file's value, and the line on which each part of it stands.

    Args:
        path: The file, as messages should name it.
        value: The whole value.
        lines: Line numbers, from 1, by location.
    """

    def __init__(self, path: Path, value: Any, lines: dict[Location, int]) -> None:
        self.path = path
        self.value = value
        self._lines = lines

    def place(self, location: Location) -> str:
        """Say where something stands: `pipeline.yaml:12`; of what is missing, where it would belong."""
        return f"{self.path}:{self.line(location)}"

    def line(self, location: Location) -> int:
        """The line on which something stands, from 1; of what is missing, where it would belong."""
        known: Location = ()
        for part in location:
            if (*known, part) in self._lines:
                known = (*known, part)
        return self._lines.get(known, 1)

    def prefix(self, location: Location) -> str:
        """The beginning of a message about something: its place and a colon."""
        return f"{self.place(location)}: "


def read_yaml(path: Path) -> Document:
    """Read one YAML file.

    Raises:
        BadInput: It is missing, is not YAML, has a key twice, an anchor or a tag (the file's author).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"{path} is missing") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} cannot be read: it is not UTF-8 text, from byte {error.start + 1} on") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    try:
        node = _compose(path, text)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise BadInput(f"{path}{line}: not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise BadInput(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    lines: dict[Location, int] = {}
    value = _construct(path, node, (), lines) if node else None
    return Document(path, value, lines)


def reads_as_text(scalar: str) -> bool:
    """Whether an unquoted scalar is a text to YAML 1.2, and not a number, a boolean or null.

    Example:
        >>> reads_as_text("NO"), reads_as_text("1e-3")
        (True, False)
    """
    return not any(re.fullmatch(pattern, scalar) for pattern, _ in _SCALARS.values())


def _compose(path: Path, text: str) -> yaml.Node | None:
    depth = 0
    for event in yaml.parse(text, Loader=_CoreSchema):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        line = f":{event.start_mark.line + 1}" if event.start_mark else ""
        if depth > _DEEPEST:
            raise BadInput(f"{path}{line}: is nested too deeply")
        if getattr(event, "anchor", None) or getattr(event, "tag", None):
            raise BadInput(f"{path}{line}: anchors, aliases and tags are not used here", "Write the value out")
    node: yaml.Node | None = yaml.compose(text, Loader=_CoreSchema)
    return node


class _CoreSchema(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, Any] = {}


for _tag, (_pattern, _first) in _SCALARS.items():
    _starts = ["" if c == "\0" else c for c in _first]
    _CoreSchema.add_implicit_resolver(_tag, re.compile(f"(?:{_pattern})$"), _starts)


def _construct(path: Path, node: yaml.Node, location: Location, lines: dict[Location, int]) -> Any:
    lines.setdefault(location, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _construct_mapping(path, node, location, lines)
    if isinstance(node, yaml.SequenceNode):
        return [_construct(path, item, (*location, i), lines) for i, item in enumerate(node.value)]
    try:
        node.value.encode()
        return _scalar(node.tag.rsplit(":", 1)[-1], node.value)
    except UnicodeEncodeError:
        raise BadInput(f"{path}:{node.start_mark.line + 1}: half a character (a surrogate) is no text") from None
    except ValueError:
        raise BadInput(f"{path}:{node.start_mark.line + 1}: a number of {len(node.value):,} digits") from None


def _construct_mapping(
    path: Path, node: yaml.MappingNode, location: Location, lines: dict[Location, int]
) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise BadInput(f"{path}:{line}: a key must be a plain name")
        key = str(key_node.value)
        if key in mapping:
            first = lines[(*location, key)]
            raise BadInput(f"{path}:{line}: {key}: this key is there twice, first on line {first}")
        lines[(*location, key)] = line
        mapping[key] = _construct(path, value_node, (*location, key), lines)
    return mapping


def _scalar(kind: str, text: str) -> Any:
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        digits = text.lower()
        return int(digits, {"0o": 8, "0x": 16}.get(digits[:2], 10))
    if kind == "float":
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text
