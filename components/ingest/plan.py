"""From the declarations to the steps that make the wanted columns, in order; leakage is found here, before any data.

Pure: names in, names out. Only what an output column hangs on is read, joined or derived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components.ingest.declare import Derivation, Join, inputs_of

Step = str | int
"""A derived column by its name, or a join by its index."""


@dataclass(frozen=True)
class Plan:
    """What to read and what to do, in order."""

    read: Mapping[str, tuple[str, ...]]
    """Columns to read, by source, in order of first use."""
    steps: tuple[Step, ...]
    tainted: Mapping[str, str] = field(default_factory=dict)
    """Columns known only after the event: each with the column that it comes from."""


def make_plan(
    base: str,
    wanted: Sequence[str],
    joins: Sequence[Join],
    derive: Mapping[str, Derivation],
    known_after: Sequence[str],
) -> Plan:
    """Find the steps that make the wanted columns.

    Args:
        base: The source whose rows are kept.
        wanted: Columns of any origin.
        joins: The joins that may be used.
        derive: The derivations that may be used, by the name of what they make.
        known_after: Columns of the base that are known only after the event.

    Raises:
        ValueError: Two things make the same column, or a column hangs on itself (author of the configuration).

    Example:
        >>> from components.ingest.declare import GreaterThan
        >>> late = GreaterThan(op="greater_than", column="delay", value=15)
        >>> make_plan("flights", ["late"], [], {"late": late}, ["delay"]).tainted
        {'delay': 'delay', 'late': 'delay'}
    """
    makers: dict[str, Step] = {}
    for index, join in enumerate(joins):
        for name in join.columns:
            _add_maker(makers, name, index)
    for name in derive:
        _add_maker(makers, name, name)

    read: dict[str, dict[str, None]] = {base: {}}
    steps: list[Step] = []
    tainted: dict[str, str] = {}

    def resolve(column: str, path: tuple[str, ...]) -> None:
        if column in path:
            raise ValueError(f"column {column!r} hangs on itself: {' <- '.join([*path, column])}")
        maker = makers.get(column)
        if maker is None:
            read[base][column] = None
        else:
            needs = inputs_of(derive[maker]) if isinstance(maker, str) else tuple(joins[maker].keys)
            for need in needs:
                resolve(need, (*path, column))
            if maker not in steps:
                steps.append(maker)
            if isinstance(maker, int):
                join = joins[maker]
                read.setdefault(join.source, {}).update(dict.fromkeys([*join.keys.values(), *join.columns.values()]))
            origin = next((tainted[need] for need in needs if need in tainted), None)
            if origin:
                tainted.setdefault(column, origin)
        if column in known_after:
            tainted[column] = column

    for column in wanted:
        resolve(column, ())
    return Plan({source: tuple(columns) for source, columns in read.items()}, tuple(steps), tainted)


def _add_maker(makers: dict[str, Step], name: str, maker: Step) -> None:
    if name in makers:
        raise ValueError(f"column {name!r} is made twice, by a join or a derivation; give one of them another name")
    makers[name] = maker
