"""YAML that is closed: no key twice, none unknown, and every complaint says where.

What reads compiled.yaml is written in these words; nothing here knows of pipelines.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from typing import Any, TypeVar

import yaml

from penstock.sdk.errors import BadInput

T = TypeVar("T")

REMEDY = "Compile the pipeline again"
_DEEPEST = 200
"""Mappings and lists in one another."""


def load_documents(text: str, where: str) -> list[Any]:
    """Read all documents of a YAML text; empty ones are left out.

    Args:
        text: YAML or JSON.
        where: What a person opens to see it.

    Raises:
        BadInput: It is not YAML, holds more than plain data, or a key twice (caller).
    """
    try:
        _check_size(text, where)
        return [document for document in yaml.load_all(text, Loader=_ClosedLoader) if document is not None]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        raise BadInput(f"{where}: {line}{getattr(error, 'problem', None) or 'not YAML'}", REMEDY) from None
    except ValueError as error:  # a date that is none
        raise BadInput(f"{where}: not YAML: {error}", REMEDY) from None


def _check_size(text: str, where: str) -> None:
    """Refuse what would overflow the stack of the C library, or grow without bound once it is read."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise _refused(event, where, "is nested too deeply")
        if isinstance(event, yaml.AliasEvent):
            raise _refused(event, where, "aliases are not used here")


def _refused(event: yaml.Event, where: str, what: str) -> BadInput:
    line = f"line {event.start_mark.line + 1}: " if event.start_mark else ""
    return BadInput(f"{where}: {line}{what}", REMEDY)


class _ClosedLoader(yaml.CSafeLoader):
    """YAML's safe loader that takes no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a plain name", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is there twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class Place:
    """A mapping of the document that knows where it is."""

    def __init__(self, where: str, path: str, data: Any) -> None:
        self.where, self.path = where, path
        if not isinstance(data, dict):
            raise self.wrong("must be a mapping")
        self.data: dict[str, Any] = data

    def wrong(self, what: str, key: str = "", remedy: str = REMEDY) -> BadInput:
        """An error about this place, or about one of its keys."""
        place = ".".join(part for part in (self.path, key) if part)
        return BadInput(f"{self.where}: {place}: {what}" if place else f"{self.where}: {what}", remedy)

    def closed(self, known: Iterable[str], ignored: Iterable[str] = ()) -> Place:
        """Refuse keys that are neither followed nor known to mean nothing on this machine."""
        for key in self.data:
            if key not in known and key not in ignored:
                near = difflib.get_close_matches(str(key), list(known), n=1)
                hint = f"did you mean '{near[0]}'?" if near else "this machine does not support it"
                raise self.wrong(f"unknown; {hint}", str(key), "")
        return self

    def node(self, key: str, *, required: bool = False) -> Place:
        """The mapping under a key; an empty one when there is none."""
        if required and key not in self.data:
            raise self.wrong("is missing", key)
        return Place(self.where, f"{self.path}.{key}" if self.path else key, self.data.get(key) or {})

    def items(self) -> Iterable[tuple[str, Place]]:
        """Every key with the mapping under it."""
        for key in self.data:
            yield key, self.node(key)

    def get(self, key: str, type_: type[T] | tuple[type[T], ...], default: T) -> T:
        """The value of a key, of the type that it must have."""
        value = self.data.get(key, default)
        if not isinstance(value, type_) or (isinstance(value, bool) and type_ is not bool):
            raise self.wrong(f"{value!r} has the wrong type", key)
        return value

    def text(self, key: str) -> str:
        """The text under a key that must be there."""
        if not self.get(key, str, ""):
            raise self.wrong("is missing", key)
        return str(self.data[key])

    def only(self, *kinds: str) -> str:
        """The one key of several that is there."""
        given = [key for key in kinds if key in self.data]
        if len(given) != 1:
            raise self.wrong(f"needs one of {', '.join(kinds)}; it has {', '.join(map(str, self.data)) or 'none'}")
        return given[0]

    def strings(self, key: str) -> tuple[str, ...]:
        """The list of strings under a key; an empty one when there is none."""
        value = self.data.get(key) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong("must be a list of strings", key)
        return tuple(value)

    def one_of(self, name: str, names: Collection[str], key: str, what: str, of: str = "") -> str:
        """A name, when it is one of those that are known."""
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            raise self.wrong(f"there is no {what} {name!r}{of}", key, f"Did you mean {near[0]!r}?" if near else REMEDY)
        return name
