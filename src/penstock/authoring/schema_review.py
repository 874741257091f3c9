"""What newer data would change in a reviewed schema: a list of small changes, each with its reason.

A schema is written once and reviewed; data move on. `review` holds what was observed against the schema and proposes,
change by change, to relax it (without the change the data would be refused) or to tighten it (it allows what the data
never show). Nobody but a person accepts. Pure: protocol buffers and values in, values out; the text of the file is
`schema_review_text`'s.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from penstock.authoring.naming import nearest
from penstock.authoring.schema_review_observed import Observed
from penstock.authoring.schema_review_tree import quoted
from penstock.sdk import BadInput

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

Direction = Literal["relax", "tighten"]

_SHOWN = 8
"""So many values are named in a text; the others are counted."""
_MOST_VALUES = 200
"""A text with more values than this has no domain that a person could review."""


@dataclass(frozen=True)
class Setting:
    """One scalar to be written: where in the schema, and what."""

    path: tuple[str, ...]
    """Names of fields; a repeated one is followed by `[name]` of the member that is meant."""
    value: str
    """As the text format writes it."""


@dataclass(frozen=True)
class Domain:
    """Texts to be put into, or taken out of, a domain of strings."""

    path: tuple[str, ...]
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True)
class NewFeature:
    """A feature to be put behind the last one."""

    name: str
    lines: tuple[str, ...]
    """Its fields, one a line, in the text format."""


Edit = Setting | Domain | NewFeature


@dataclass(frozen=True)
class Change:
    """One change of the schema that the data suggest."""

    feature: str
    aspect: str
    """What it is about: `type`, `presence`, `minimum`, `maximum`, `values`, `column`."""
    says: str
    """What the schema says."""
    shows: str
    """What the data show."""
    direction: Direction
    edit: Edit

    @property
    def key(self) -> tuple[int, str, str]:
        """Relaxing before tightening, then by name."""
        return (self.direction != "relax", self.feature, self.aspect)


def review(schema: schema_pb2.Schema, observed: Mapping[str, Observed]) -> list[Change]:
    """Find what the data would change in the schema.

    Args:
        schema: The reviewed schema.
        observed: What was seen, by column.

    Returns:
        Changes, those that relax first, then by feature.
    """
    changes: list[Change] = []
    known = {feature.name: feature for feature in schema.feature}
    for name, feature in known.items():
        if feature.lifecycle_stage in _not_checked():
            continue
        seen = observed.get(name)
        changes += _gone(feature) if seen is None else _feature_changes(schema, feature, seen)
    changes += [_new(name, seen) for name, seen in observed.items() if name not in known]
    return sorted(changes, key=lambda change: change.key)


def chosen(changes: Sequence[Change], features: Sequence[str], *, relax: bool, tighten: bool) -> list[Change]:
    """The changes that a person accepts.

    Args:
        changes: What was proposed.
        features: Only changes of these features; empty for all.
        relax: Only changes that let more pass; with `tighten`, or without both, all.
        tighten: Only changes that let less pass.

    Raises:
        BadInput: There is no change of a feature (caller).
    """
    known = sorted({change.feature for change in changes})
    for name in features:
        if name not in known:
            raise BadInput(f"there is nothing to change about {name!r}; {nearest(name, known)}")
    directions = {"relax": relax, "tighten": tighten} if relax != tighten else {"relax": True, "tighten": True}
    return [c for c in changes if (not features or c.feature in features) and directions[c.direction]]


def _feature_changes(schema: schema_pb2.Schema, feature: schema_pb2.Feature, seen: Observed) -> Iterator[Change]:
    yield from _presence(feature, seen)
    if not seen.type:
        return
    says = _type_name(feature)
    if says not in (seen.type, "TYPE_UNKNOWN"):
        setting = Setting((*_at(feature), "type"), seen.type)
        yield Change(feature.name, "type", says, f"{seen.type} values", "relax", setting)
        return  # ranges and values of another type mean nothing
    if seen.type in ("INT", "FLOAT"):
        yield from _range(feature, seen)
    else:
        yield from _values(schema, feature, seen)


def _presence(feature: schema_pb2.Feature, seen: Observed) -> Iterator[Change]:
    if not feature.HasField("presence") or not seen.rows:
        return
    least, path = feature.presence.min_fraction, (*_at(feature), "presence", "min_fraction")
    says = f"in at least {_percent(least)} of the rows" if least else "may be missing everywhere"
    shows = f"in {_percent(seen.fraction)} of the rows ({seen.rows - seen.present:,} of {seen.rows:,} missing)"
    if seen.fraction < least:
        yield Change(feature.name, "presence", says, shows, "relax", Setting(path, _floored(seen.fraction)))
    elif seen.present == seen.rows and least < 1:
        yield Change(feature.name, "presence", says, "in every row", "tighten", Setting(path, "1"))


def _range(feature: schema_pb2.Feature, seen: Observed) -> Iterator[Change]:
    name = {"INT": "int_domain", "FLOAT": "float_domain"}[seen.type]
    if not feature.HasField(name):
        return
    domain = getattr(feature, name)
    for aspect, end, value in (("minimum", "min", seen.low), ("maximum", "max", seen.high)):
        if not math.isfinite(value):
            continue
        bound = getattr(domain, end) if domain.HasField(end) else None
        outside = bound is not None and (value < bound if end == "min" else value > bound)
        inside = bound is None or (value > bound if end == "min" else value < bound)
        if not outside and not inside:
            continue
        word = "at least" if end == "min" else "at most"
        says = f"{word} {bound:g}" if bound is not None else f"no {aspect}"
        written = str(int(value)) if seen.type == "INT" else _outward(value, up=end == "max")
        if bound is not None and _as_float32(float(written)) == bound:  # as near as the schema can write it
            continue
        setting = Setting((*_at(feature), name, end), written)
        shows = f"{'down to' if end == 'min' else 'up to'} {_short(value)}"
        yield Change(feature.name, aspect, says, shows, "relax" if outside else "tighten", setting)


def _values(schema: schema_pb2.Schema, feature: schema_pb2.Feature, seen: Observed) -> Iterator[Change]:
    place = _domain_of(schema, feature)
    if place is None:
        return
    path, allowed, shared = place
    borne = feature.distribution_constraints.min_domain_mass  # 1.0 where nothing is said
    new = sorted(value for value in seen.values if value not in allowed)
    mass = sum(seen.values[value] for value in new) / max(1, seen.present)
    says = f"{len(allowed):,} values{f' in the domain {feature.domain!r}' if shared else ''}"
    if new and mass > 1 - borne:
        shows = f"{len(new):,} other{'s' if len(new) > 1 else ''}, in {_percent(mass)} of the rows: {_some(new)}"
        yield Change(feature.name, "values", says, shows, "relax", Domain(path, add=tuple(new)))
    unseen = sorted(set(allowed) - set(seen.values))
    users = [other for other in schema.feature if other.domain == feature.domain]
    if unseen and seen.complete and len(unseen) < len(allowed) and (not shared or len(users) == 1):
        shows = f"{len(unseen):,} of them nowhere: {_some(unseen)}"
        yield Change(feature.name, "values", says, shows, "tighten", Domain(path, remove=tuple(unseen)))


def _gone(feature: schema_pb2.Feature) -> Iterator[Change]:
    setting = Setting((*_at(feature), "lifecycle_stage"), "DEPRECATED")
    yield Change(feature.name, "column", "a column", "no such column", "relax", setting)


def _new(name: str, seen: Observed) -> Change:
    lines = [f"name: {quoted(name)}", f"type: {seen.type or 'BYTES'}", "value_count { min: 1 max: 1 }"]
    lines.append(f"presence {{ min_fraction: {_floored(seen.fraction)} min_count: 1 }}")
    texts = sorted(seen.values)
    if seen.type == "BYTES" and seen.complete and 0 < len(texts) <= _MOST_VALUES and 2 * len(texts) < seen.present:
        lines.append(f"string_domain {{ {' '.join(f'value: {quoted(text)}' for text in texts)} }}")
    shows = f"{seen.type or 'empty'}, in {_percent(seen.fraction)} of the rows"
    return Change(name, "column", "nothing", shows, "relax", NewFeature(name, tuple(lines)))


def _domain_of(
    schema: schema_pb2.Schema, feature: schema_pb2.Feature
) -> tuple[tuple[str, ...], list[str], bool] | None:
    """Where a feature's texts are listed, what they are, and whether the list has a name that others may use."""
    if feature.HasField("string_domain"):
        return (*_at(feature), "string_domain"), list(feature.string_domain.value), False
    for domain in schema.string_domain:
        if feature.HasField("domain") and domain.name == feature.domain:
            return ("string_domain", f"[{domain.name}]"), list(domain.value), True
    return None


def _not_checked() -> tuple[int, ...]:
    """Stages in which TFDV lets a feature be what it is."""
    from tensorflow_metadata.proto.v0 import schema_pb2

    return (schema_pb2.PLANNED, schema_pb2.ALPHA, schema_pb2.DEPRECATED, schema_pb2.DEBUG_ONLY, schema_pb2.DISABLED)


def _type_name(feature: schema_pb2.Feature) -> str:
    from tensorflow_metadata.proto.v0 import schema_pb2

    return str(schema_pb2.FeatureType.Name(feature.type))


def _at(feature: schema_pb2.Feature) -> tuple[str, str]:
    return ("feature", f"[{feature.name}]")


def _percent(fraction: float) -> str:
    """A share as people read it; never 100% where something is missing."""
    return f"{fraction:.0%}" if fraction in (0.0, 1.0) else f"{min(max(fraction, 1e-5), 0.99999):.3%}"


def _floored(fraction: float) -> str:
    """A share, rounded down so that the data still reach it.

    Example:
        >>> _floored(0.98765), _floored(0.00042), _floored(1.0)
        ('0.98', '0.0004', '1')
    """
    steps = 100 if fraction >= 0.01 else 10_000
    return f"{math.floor(fraction * steps + 1e-9) / steps:g}"


def _outward(value: float, *, up: bool) -> str:
    """A bound of a few digits, rounded away from the data, that still holds them as float32.

    Example:
        >>> _outward(104.04, up=True), _outward(-0.123456789, up=False), _outward(5.0, up=True)
        ('104.04', '-0.123457', '5')
    """
    text = f"{value:.6g}"
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 5) if value else 0.0
    while (_as_float32(float(text)) < value) if up else (_as_float32(float(text)) > value):
        text = f"{float(text) + (step if up else -step):.6g}"
        step *= 2
    return text


def _as_float32(value: float) -> float:
    """The number that a schema's bound becomes, which is a float32."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def _short(value: float) -> str:
    return f"{value:,.6g}"


def _some(values: Sequence[str]) -> str:
    shown = ", ".join(quoted(value) for value in values[:_SHOWN])
    return f"{shown} and {len(values) - _SHOWN:,} more" if len(values) > _SHOWN else shown
