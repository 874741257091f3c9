"""All sources of a release at one look: each is asked once, for the gates that read it."""

from __future__ import annotations

from collections.abc import Callable

from penstock.artifacts.digest import digest_json
from penstock.releasing.gates.evidence import Evidence
from penstock.releasing.gates.observations import Batch, Comparison
from penstock.releasing.gates.source_spec import Source as SourceSpec
from penstock.releasing.gates.source_spec import SourceKind
from penstock.releasing.gates.spec import Gate, Gates
from penstock.releasing.sources.source import Asked, Source

Opening = Callable[[SourceSpec], Source]
"""From what a gate says of its source to the adapter for it."""


def observe(gates: Gates, asked: Asked, step: str, evidence: Evidence, opening: Opening) -> Batch:
    """Ask every source what was seen since the cursors in the evidence.

    Args:
        gates: The gates.
        asked: Whom the observations are wanted of.
        step: The step of the ladder, or the bake.
        evidence: What the look before came to.
        opening: Opens a source. What it raises is a problem of the gates that read that source.
    """
    by_source: dict[str, list[Gate]] = {}
    for gate in gates.gates:
        by_source.setdefault(name_of(gate.source), []).append(gate)
    comparisons: list[Comparison] = []
    problems: dict[str, str] = {}
    cursors: dict[str, str] = {}
    for name, readers in by_source.items():
        try:
            seen = opening(readers[0].source).observe(asked, readers, evidence.cursors.get(name, ""))
        except Exception as error:  # a source that breaks is a metric that is missing, and never a controller that dies
            problems |= {gate.name: f"{name}: {type(error).__name__}: {error}" for gate in readers}
            continue
        comparisons += seen.comparisons
        problems |= seen.problems
        cursors[name] = seen.cursor
    return Batch(step, asked.shadow, tuple(comparisons), problems, cursors)


def name_of(source: SourceSpec) -> str:
    """What a source is called among the cursors: gates of the same name are read together.

    Example:
        >>> one, other = (SourceSpec(kind=kind, url="/logs", labels="/labels") for kind in ("predictionLog", "labels"))
        >>> name_of(one) == name_of(other)
        True
    """
    kind = "prometheus" if source.kind is SourceKind.PROMETHEUS else "log"
    digest = digest_json({"url": source.url}).removeprefix("sha256:")
    return f"{kind}-{digest[:12]}"
