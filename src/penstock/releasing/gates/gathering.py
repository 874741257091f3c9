"""From what came at one look to the differences that are bet on, metric by metric."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from penstock.releasing.gates.contrast import CENTRE_SAMPLES, Contrast
from penstock.releasing.gates.evidence import GateEvidence, SliceEvidence
from penstock.releasing.gates.latency import factors, nearest_edge, quantile_of, slower_than
from penstock.releasing.gates.observations import Arm, Comparison, Histogram, Pairs
from penstock.releasing.gates.spec import Gate, Metric

Look = tuple[Arm, Arm, Pairs]


def new_slice(gate: Gate, name: str) -> SliceEvidence:
    """A slice of which nothing is known yet."""
    contrasts = {
        Metric.LATENCY_QUANTILE: len(factors(gate.tolerated)),
        Metric.PREDICTIONS: len(gate.cuts),
    }.get(gate.metric, 1)
    return SliceEvidence(slice=name, contrasts=(Contrast(),) * contrasts)


def step_begins(evidence: GateEvidence) -> GateEvidence:
    """The evidence at the beginning of a new step of the ladder."""
    slices = (
        one.model_copy(update={"contrasts": tuple(each.step_begins() for each in one.contrasts)})
        for one in evidence.slices
    )
    return evidence.model_copy(update={"slices": tuple(slices)})


def gather(gate: Gate, evidence: GateEvidence, comparisons: Sequence[Comparison]) -> GateEvidence:
    """Add what came for one gate. Slices that are new get a place as long as there is one, the busiest first."""
    if not comparisons:
        return evidence
    arrived: dict[str, list[Comparison]] = defaultdict(list)
    for comparison in comparisons:
        arrived[comparison.slice].append(comparison)
    if gate.metric is Metric.LATENCY_QUANTILE:
        evidence = _with_edges(gate, evidence, comparisons)
    slices = [_plus(gate, evidence.edges, one, arrived.pop(one.slice, ())) for one in evidence.slices]
    free = gate.slices.limit + 1 - len(slices) if gate.slices.wanted else 0
    new = sorted(arrived, key=lambda name: (-_size(arrived[name]), name))[:free]
    slices += [_plus(gate, evidence.edges, new_slice(gate, name), arrived[name]) for name in new]
    return evidence.model_copy(update={"slices": tuple(slices)})


def _size(comparisons: Sequence[Comparison]) -> int:
    return sum(each.stable.count + each.candidate.count + each.paired.count for each in comparisons)


def _plus(gate: Gate, edges: tuple[float, ...], one: SliceEvidence, comparisons: Sequence[Comparison]) -> SliceEvidence:
    if not comparisons:
        return one
    if gate.metric is Metric.LATENCY_QUANTILE:
        return _plus_latency(gate, edges, one, comparisons)
    if gate.metric is Metric.PREDICTIONS:
        looks = [[_above(each, index) for each in comparisons] for index in range(len(gate.cuts))]
    else:
        looks = [[_arms(each) for each in comparisons]]
    contrasts = tuple(contrast.plus(look) for contrast, look in zip(one.contrasts, looks, strict=True))
    return one.model_copy(update={"contrasts": contrasts})


def _plus_latency(
    gate: Gate, edges: tuple[float, ...], one: SliceEvidence, comparisons: Sequence[Comparison]
) -> SliceEvidence:
    counts = one.stable_counts or (0,) * (len(edges) + 1)
    others = one.candidate_counts or (0,) * (len(edges) + 1)
    quantile = quantile_of(edges, counts, gate.quantile) if sum(counts) >= CENTRE_SAMPLES else None
    contrasts = one.contrasts
    if quantile is not None:
        threshold = nearest_edge(edges, quantile)
        contrasts = tuple(
            contrast.plus(
                [
                    (slower_than(stable, threshold), slower_than(candidate, factor * threshold), Pairs())
                    for stable, candidate in map(_histograms, comparisons)
                ]
            )
            for factor, contrast in zip(factors(gate.tolerated), contrasts, strict=True)
        )
    for stable, candidate in map(_histograms, comparisons):
        counts = tuple(map(sum, zip(counts, stable.counts or (0,) * len(counts), strict=True)))
        others = tuple(map(sum, zip(others, candidate.counts or (0,) * len(others), strict=True)))
    return one.model_copy(update={"contrasts": contrasts, "stable_counts": counts, "candidate_counts": others})


def _with_edges(gate: Gate, evidence: GateEvidence, comparisons: Sequence[Comparison]) -> GateEvidence:
    """The evidence with the bins that came; where those changed, the quantile has to be found anew."""
    edges = next((each.edges for both in comparisons for each in _histograms(both) if each.edges), evidence.edges)
    if edges == evidence.edges:
        return evidence
    slices = tuple(one.model_copy(update={"stable_counts": (), "candidate_counts": ()}) for one in evidence.slices)
    return evidence.model_copy(update={"edges": edges, "slices": slices})


def _above(comparison: Comparison, cut: int) -> Look:
    """Observations of whether a prediction lies above one of the cuts."""
    stable, candidate = (Arm.binary(each.count, sum(each.counts[cut + 1 :])) for each in _histograms(comparison))
    return stable, candidate, Pairs()


def _arms(comparison: Comparison) -> Look:
    if isinstance(comparison.stable, Arm) and isinstance(comparison.candidate, Arm):
        return comparison.stable, comparison.candidate, comparison.paired
    raise TypeError(f"{comparison.gate} compares sums, not histograms")


def _histograms(comparison: Comparison) -> tuple[Histogram, Histogram]:
    if isinstance(comparison.stable, Histogram) and isinstance(comparison.candidate, Histogram):
        return comparison.stable, comparison.candidate
    raise TypeError(f"{comparison.gate} compares histograms, not sums")


def problem_of(gate: Gate, comparisons: Sequence[Comparison]) -> str:
    """Say why what came for a gate cannot have been observed; empty if it can."""
    binned = gate.metric in (Metric.LATENCY_QUANTILE, Metric.PREDICTIONS)
    edges = {gate.cuts} if gate.metric is Metric.PREDICTIONS else set()
    for each in comparisons:
        found = each.problem()
        if not found and any(isinstance(arm, Histogram) != binned for arm in (each.stable, each.candidate)):
            found = f"{gate.metric} wants {'histograms' if binned else 'sums'}"
        if found:
            return f"what came for {each.slice} cannot have been observed: {found}"
        edges |= {arm.edges for arm in (each.stable, each.candidate) if isinstance(arm, Histogram) and arm.edges}
    return f"{gate.metric} wants one set of bins, and {len(edges)} came" if len(edges) > 1 else ""
