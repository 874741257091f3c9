"""Every metric of every slice under any weights of the rows: one kernel for the estimates and for the bootstrap.

With all weights 1 it gives the estimates, with random weights a resample. Weightings are columns of one matrix, so
that sums over rows are matrix products.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.evaluator.curves import CURVE_BINS, CurveMetric, curve_bins
from components.evaluator.measurement import Role
from components.evaluator.metric_specs import PlannedMetric
from components.evaluator.metrics import SumMetric
from components.evaluator.slices import Sliced
from components.evaluator.statistics import WHOLE, Rows, View, statistic

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.floating[Any]]
    Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Cells:
    """Where a model's scores lie on the curve, in each slice of one cut."""

    positives: Any
    """Sparse, shape (n_cells, n_rows): rows with label 1 in the cell."""
    negatives: Any
    starts: Codes
    """First cell of each slice that has cells, shape (n_present,); cells are sorted by slice, then by score."""
    slices: Codes
    """Those slices, shape (n_present,), as numbers among all slices."""


_Statistic = tuple[View, str]


class Kernel:
    """Rows, labels and scores, arranged so that weighted metrics are matrix products.

    Args:
        label: Shape (n_rows,), float64.
        scores: Scores of each model, shape (n_rows,), or (n_rows, n_classes) for several classes; float64, finite.
        cuts: The ways to cut the rows into slices.
        metrics: What to compute; metrics without a definition come out as NaN.
    """

    def __init__(
        self, label: Array, scores: Mapping[Role, Array], cuts: Sequence[Sliced], metrics: Sequence[PlannedMetric]
    ) -> None:
        import numpy as np

        self._metrics = list(metrics)
        self.exact = np.array([isinstance(m.known, SumMetric) and m.known.exact for m in metrics])
        self._roles = list(scores)
        self._offsets = np.cumsum([0, *(len(cut.keys) for cut in cuts)])
        self.n_slices = int(self._offsets[-1])
        self.n_rows = len(label)
        order, self._groups = _finest_groups([cut.codes for cut in cuts])
        codes = [cut.codes[order] for cut in cuts]
        self._members = [
            [int(c[start] + offset) for c, offset in zip(codes, self._offsets[:-1], strict=True) if c[start] >= 0]
            for start, _ in self._groups
        ]
        self._rows = {role: Rows(label[order], score[order]) for role, score in scores.items()}
        self._needs = sorted(
            {need for metric in metrics for need in _needs(metric)}, key=lambda n: (n[0].classes, n[1])
        )
        self._statistics = {
            role: np.array([statistic(name, rows, view) for view, name in self._needs]).reshape(-1, self.n_rows)
            for role, rows in self._rows.items()
        }
        views = dict.fromkeys(v for m in metrics if isinstance(m.known, CurveMetric) for v in _views(m))
        self._cells = {
            (role, view): [_cells(c, int(o), rows, view) for c, o in zip(codes, self._offsets[:-1], strict=True)]
            for role, rows in self._rows.items()
            for view in views
        }

    def evaluate(self, weights: Array) -> dict[Role, Array]:
        """Compute every metric under several weightings.

        Args:
            weights: Shape (n_rows, n_weightings), rows in the kernel's own order, which no caller needs to know:
                weights are alike for all rows, or random.

        Returns:
            For each model, shape (n_slices, n_metrics, n_weightings), float64; NaN where undefined.
        """
        import numpy as np

        found: dict[Role, Array] = {}
        for role in self._roles:
            with np.errstate(invalid="ignore"):  # a row whose loss is infinite, and that was not drawn
                sums = self._sums(role, weights)
            areas = {view: self._areas(cells, weights) for (owner, view), cells in self._cells.items() if owner is role}
            found[role] = np.stack([self._value(m, sums, areas, weights.shape[1]) for m in self._metrics], axis=1)
        return found

    def trials(self, role: Role) -> Array:
        """The rows that every metric is a share of [rows], shape (n_slices, n_metrics); NaN for what is no share.

        Of an average over classes the smallest number counts, of the classes that have rows.
        """
        import numpy as np

        found = np.full((self.n_slices, len(self._metrics)), np.nan)
        for j, metric in enumerate(self._metrics):
            if metric.known is None or not metric.known.trials:
                continue
            sums = [
                sum(self._per_slice(statistic(_statistic_name(n, metric), self._rows[role], view)) for n in names)
                for view in _views(metric)
                for names in metric.known.trials
            ]
            least = np.min([np.where(total > 0, total, np.inf) for total in sums], axis=0)
            found[:, j] = np.where(np.isfinite(least), least, 0.0)
        return found

    def _per_slice(self, of_rows: Array) -> Array:
        """Sums over the rows of every slice, shape (n_slices,)."""
        import numpy as np

        total = np.zeros(self.n_slices)
        for (start, stop), members in zip(self._groups, self._members, strict=True):
            total[members] += of_rows[start:stop].sum()
        return total

    def _value(
        self, metric: PlannedMetric, sums: Mapping[_Statistic, Array], areas: Mapping[View, Any], n_weightings: int
    ) -> Array:
        """One metric, shape (n_slices, n_weightings); where classes are averaged, over those that have rows."""
        import numpy as np

        if metric.known is None:
            return np.full((self.n_slices, n_weightings), np.nan)
        parts = [_of_view(metric, view, sums, areas) for view in _views(metric)]
        if metric.average is None or metric.average.kind == "micro":
            return parts[0]
        total, whole = np.zeros_like(parts[0]), np.zeros_like(parts[0])
        for part, (c, weight) in zip(parts, metric.average.weights, strict=True):
            rows = sums[WHOLE, f"class@{c}"]
            share = weight * (rows if metric.average.kind == "weighted_macro" else np.sign(rows))
            total += np.where(share > 0, part, 0.0) * share
            whole += share
        return np.divide(total, whole, out=np.full(total.shape, np.nan), where=whole > 0)

    def _sums(self, role: Role, weights: Array) -> dict[_Statistic, Array]:
        """Weighted sums of every row statistic, shape (n_slices, n_weightings) each."""
        import numpy as np

        statistics = self._statistics[role].astype(weights.dtype, copy=False)
        total = np.zeros((self.n_slices, len(self._needs), weights.shape[1]))
        for (start, stop), members in zip(self._groups, self._members, strict=True):
            part = statistics[:, start:stop] @ weights[start:stop]
            for member in members:
                total[member] += part
        return {need: total[:, i] for i, need in enumerate(self._needs)}

    def _areas(self, cut: Sequence[_Cells], weights: Array) -> dict[str, Array]:
        """Areas under every curve that is wanted, by its name, shape (n_slices, n_weightings) each."""
        import numpy as np

        wanted = {m.known.name: m.known for m in self._metrics if isinstance(m.known, CurveMetric)}
        areas = {name: np.full((self.n_slices, weights.shape[1]), np.nan) for name in wanted}
        for cells in cut:
            pos, neg = (side.astype(weights.dtype) @ weights for side in (cells.positives, cells.negatives))
            all_pos, pos_above = _totals_and_above(pos, cells.starts)
            if any(curve.needs_negatives_above for curve in wanted.values()):
                all_neg, neg_above = _totals_and_above(neg, cells.starts)
            else:
                all_neg, neg_above = _per_start(neg, cells.starts), None
            for name, curve in wanted.items():
                shares = curve.increment(pos, neg, pos_above, neg_above)
                whole = np.asarray(curve.scale(all_pos, all_neg), dtype=np.float64)
                area = _per_start(shares, cells.starts)
                areas[name][cells.slices] = np.divide(area, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
        return areas


def _views(metric: PlannedMetric) -> list[View]:
    """The views that a metric is computed under: its own, or for a macro average one a class."""
    if metric.average is None or metric.average.kind == "micro":
        return [metric.view]
    return [View((c,)) for c, _ in metric.average.weights]


def _needs(metric: PlannedMetric) -> Iterator[_Statistic]:
    for view in _views(metric):
        if isinstance(metric.known, SumMetric):
            yield from ((view, _statistic_name(need, metric)) for need in metric.known.needs)
    if metric.average is not None:
        yield from ((WHOLE, f"class@{c}") for c, _ in metric.average.weights)


def _statistic_name(need: str, metric: PlannedMetric) -> str:
    return f"{need}{metric.threshold!r}" if need.endswith("@") else need


def _of_view(
    metric: PlannedMetric, view: View, sums: Mapping[_Statistic, Array], areas: Mapping[View, Mapping[str, Array]]
) -> Array:
    """A metric under one view, shape (n_slices, n_weightings)."""
    if isinstance(metric.known, CurveMetric):
        return areas[view][metric.known.name]
    assert metric.known is not None  # noqa: S101 - what has no definition has no view
    return metric.known.formula({n.rstrip("@"): sums[view, _statistic_name(n, metric)] for n in metric.known.needs})


def _finest_groups(codes: Sequence[Codes]) -> tuple[Codes, list[tuple[int, int]]]:
    """Sort rows so that those in exactly the same slices lie together; returns the order and the groups' bounds."""
    import numpy as np

    group = np.zeros(len(codes[0]), dtype=np.int64)
    for own in codes:
        _, group = np.unique(group * (own.max(initial=0) + 2) + own + 1, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    return order, list(zip(starts.tolist(), [*starts[1:].tolist(), len(group)], strict=True))


def _cells(codes: Codes, offset: int, of: Rows, view: View) -> _Cells:
    import numpy as np
    from scipy import sparse

    inside = np.flatnonzero(codes >= 0)
    sides = of.sides(view)
    rows = np.concatenate([inside] * len(sides))
    label = np.concatenate([side.label[inside] for side in sides])
    bins = curve_bins(np.concatenate([side.score[inside] for side in sides]))
    used, cell = np.unique(codes[rows] * CURVE_BINS + bins, return_inverse=True)
    slice_of_cell = used // CURVE_BINS
    starts = np.flatnonzero(np.diff(slice_of_cell, prepend=-1))

    def membership(mine: npt.NDArray[np.bool_]) -> Any:
        ones = np.ones(int(mine.sum()), dtype=np.float32)
        return sparse.csr_matrix((ones, (cell[mine], rows[mine])), shape=(len(used), len(codes)))

    positive = label == 1.0
    return _Cells(membership(positive), membership(~positive), starts, slice_of_cell[starts] + offset)


def _per_start(part: Array, starts: Codes) -> Array:
    """Sum the cells of each slice, by products with ones: several times as fast as `np.add.reduceat`."""
    import numpy as np

    ones = np.ones(len(part), dtype=part.dtype)
    bounds = zip(starts.tolist(), [*starts[1:].tolist(), len(part)], strict=True)
    sums = [ones[start:stop] @ part[start:stop] for start, stop in bounds]
    return np.array(sums, dtype=np.float64).reshape(len(starts), part.shape[1])


def _totals_and_above(part: Array, starts: Codes) -> tuple[Array, Array]:
    """Per slice the total over its cells, and per cell the sum over the slice's cells above it.

    Weights are small integers, so that sums in float32 are exact up to 16 million.
    """
    import numpy as np

    if not len(starts):
        return part[:0], part
    running = np.cumsum(part, axis=0)
    last = np.append(starts[1:], len(part)) - 1
    ends = running[last]
    totals = np.diff(ends, axis=0, prepend=np.zeros_like(ends[:1]))
    return totals, np.repeat(ends, np.diff(np.append(starts, len(part))), axis=0) - running
