"""How two schemas differ in what they mean: order, comments and where a domain is written do not count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

_SHOWN = 8
_Facts = dict[str, Any]
"""Values by the way to them; several values without an order as a frozen set."""


@dataclass(frozen=True)
class Difference:
    """One thing that two schemas say differently."""

    feature: str
    """The feature, or the part of the schema, that it is about."""
    what: str
    """The way to the value inside it; empty where the feature as a whole is meant."""
    one: str
    """What the one says; empty where it says nothing."""
    other: str


def compare(one: schema_pb2.Schema, other: schema_pb2.Schema) -> list[Difference]:
    """Find what two schemas say differently.

    Returns:
        Differences in the order of the features, those of the one schema first.
    """
    first, second = _parts(one), _parts(other)
    found = []
    for name in dict.fromkeys([*first, *second]):
        if name not in first or name not in second:
            here, there = (
                _shown(facts.get("", "there")) if (facts := side.get(name)) else "" for side in (first, second)
            )
            found.append(Difference(name, "", here, there))
            continue
        facts, others = first[name], second[name]
        found += [
            _difference(name, what, facts.get(what), others.get(what))
            for what in dict.fromkeys([*facts, *others])
            if facts.get(what) != others.get(what)
        ]
    return found


def _difference(name: str, what: str, one: Any, other: Any) -> Difference:
    if isinstance(one, frozenset) and isinstance(other, frozenset):
        return Difference(name, what, _listed("only ", one - other), _listed("only ", other - one))
    return Difference(name, what, _shown(one), _shown(other))


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return _listed("", value) if isinstance(value, frozenset) else str(value)


def _listed(word: str, values: frozenset[Any]) -> str:
    if not values:
        return ""
    texts = sorted(map(str, values))
    more = f" and {len(texts) - _SHOWN:,} more" if len(texts) > _SHOWN else ""
    return f"{word}{', '.join(texts[:_SHOWN])}{more}"


def _parts(schema: schema_pb2.Schema) -> dict[str, _Facts]:
    """What a schema says, by feature; what is about no feature under its own name."""
    shared = {domain.name: domain for domain in schema.string_domain}
    parts: dict[str, _Facts] = {}
    used = set()
    for feature in schema.feature:
        facts = dict(_flat(feature, ""))
        facts.pop("name", None)
        values = facts.pop("string_domain.value", None)
        if feature.HasField("domain") and feature.domain in shared:
            used.add(facts.pop("domain"))
            values = frozenset(shared[feature.domain].value)
        facts.pop("string_domain.name", None)
        if values is not None:
            facts["values"] = values
        parts[feature.name] = facts
    for name, domain in shared.items():
        if name not in used:
            parts[f"string_domain {name}"] = {"values": frozenset(domain.value)}
    for field, value in schema.ListFields():
        if field.name not in ("feature", "string_domain"):
            parts[field.name] = {"": _plain(field, value)}
    return parts


def _flat(message: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for field, value in message.ListFields():
        way = f"{prefix}{field.name}"
        if field.type == field.TYPE_MESSAGE and field.label != field.LABEL_REPEATED:
            inner = list(_flat(value, f"{way}."))
            yield from inner or [(way, "there")]
        else:
            yield way, _plain(field, value)


def _plain(field: Any, value: Any) -> Any:
    """A value that can be compared and shown; several without an order."""
    if field.label == field.LABEL_REPEATED:
        return frozenset(_one(field, item) for item in value)
    return _one(field, value)


def _one(field: Any, value: Any) -> str:
    from google.protobuf import text_format

    if field.type == field.TYPE_MESSAGE:
        return str(text_format.MessageToString(value, as_one_line=True))
    if field.type == field.TYPE_ENUM:
        return str(field.enum_type.values_by_number[value].name)
    return f"{value:g}" if isinstance(value, float) else str(value)


def as_mapping(differences: Sequence[Difference]) -> list[Mapping[str, str]]:
    """The same, for JSON."""
    return [vars(difference) for difference in differences]
