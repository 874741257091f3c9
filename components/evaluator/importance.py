"""Permutation importance: how much worse a model gets when it no longer sees a feature.

Values of one raw feature are shuffled among the rows, so its distribution stays and its meaning goes; text
and vectors, which are made from raw features, need nothing of their own.

Intervals hold for other rows and other shuffles of the same model; they say nothing of another training. Two features
that tell the same share their importance: each is missed less because the other is still there.

Source:
    Breiman, "Random forests", Machine Learning 45 (2001), section 10. Fisher, Rudin and Dominici, "All models are
    wrong, but many are useful", JMLR 20 (2019), section 3 (reliance of one given model). Variance of an area by its
    placements: DeLong et al., Biometrics 44 (1988); of all else by the delta method. Degrees of freedom of a sum of
    two variances: Satterthwaite, Biometrics Bulletin 2 (1946).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from components.evaluator.bins import rounded
from components.evaluator.measurement import student_quantile
from components.evaluator.spec import ImportanceMetric
from components.evaluator.statistics import Rows, statistic
from penstock.artifacts.plots import Importance
from penstock.artifacts.task import Task

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]
    Columns = Mapping[str, npt.NDArray[Any]]

_BATCH_ROWS = 32_768
"""Rows of shuffled copies that are made at a time [rows]."""
_LOSS = {"binary": "bce", "multiclass": "cce", "regression": "se"}
_Measured = tuple[float, "Array"]
"""A metric, the larger the better, and how much each row moves it: shape (n_rows,), of mean 0."""


def permutation_importance(
    scorer: Callable[[Columns], Array],
    columns: Columns,
    rows: Rows,
    task: Task,
    *,
    metric: ImportanceMetric,
    repeats: int,
    confidence: float,
    seed: int,
) -> tuple[Importance, ...]:
    """Measure the importance of every raw feature.

    The variance of a feature's mean drop is that of the rows (each row's influence on the drop, paired over the
    model's own scores and all shuffles of it) plus that of the mean over shuffles. The second is partly in the first,
    so that intervals are rather too wide than too narrow.

    Args:
        scorer: From raw features to scores.
        columns: Raw features, each of shape (n_rows,), n_rows > 1.
        rows: Labels and the scores for these columns, finite.
        task: What the model answers.
        metric: What is measured.
        repeats: How often each feature is shuffled, at least 1.
        confidence: Of the intervals, in (0, 1).
        seed: Seed of the shuffles; each feature has its own, so that adding one does not change another's.

    Returns:
        The most important feature first; empty where the metric is undefined (all labels are equal). A feature is
        left out where shuffling it gives scores that are not finite.
    """
    import numpy as np

    measure = _MEASURES[metric]
    own = measure(rows, task)
    if not math.isfinite(own[0]):
        return ()
    found = []
    for name, scores in _shuffled_scores(scorer, columns, repeats, seed):
        if not all(np.isfinite(score).all() for score in scores):
            continue
        shuffled = [measure(Rows(rows.label, score), task) for score in scores]
        drop, error, degrees = _drop(own, shuffled or [own])
        half = student_quantile((1 + confidence) / 2, degrees) * error
        value, lower, upper = rounded(np.array([drop, drop - half, drop + half]))
        found.append(Importance(feature=name, drop=value, lower=lower, upper=upper))
    return tuple(sorted(found, key=lambda one: (-one.drop, one.feature)))


def _shuffled_scores(
    scorer: Callable[[Columns], Array], sample: Columns, repeats: int, seed: int
) -> Iterator[tuple[str, list[Array]]]:
    """The scores of every shuffled copy, by feature; none for a feature that has but one value."""
    import numpy as np

    n_rows = len(next(iter(sample.values())))
    varying = [name for name, column in sample.items() if (column != column[0]).any()]
    copies = [(name, repeat) for name in varying for repeat in range(repeats)]
    at_once = max(1, _BATCH_ROWS // n_rows)
    own: list[Array] = []
    for start in range(0, len(copies), at_once):
        batch = copies[start : start + at_once]
        columns = {name: np.tile(column, len(batch)) for name, column in sample.items()}
        for i, (name, repeat) in enumerate(batch):
            order = np.random.default_rng([seed, repeat, *name.encode()]).permutation(n_rows)
            columns[name][i * n_rows : (i + 1) * n_rows] = sample[name][order]
        for (name, _), part in zip(batch, np.split(scorer(columns), len(batch)), strict=True):
            own.append(part)
            if len(own) == repeats:  # copies of a feature stand together: what was measured can be forgotten
                yield name, own
                own = []
    yield from ((name, []) for name in sample if name not in varying)


def _drop(own: _Measured, shuffled: list[_Measured]) -> tuple[float, float, int]:
    """The mean drop, its standard error, and the degrees of freedom of that."""
    import numpy as np

    drops = own[0] - np.array([value for value, _ in shuffled])
    influence = np.mean([own[1] - influence for _, influence in shuffled], axis=0)
    of_rows, n_rows, repeats = float(influence.var(ddof=1)) / len(influence), len(influence), len(drops)
    of_shuffles = float(drops.var(ddof=1)) / repeats if repeats > 1 else 0.0
    total = of_rows + of_shuffles
    parts = of_rows**2 / (n_rows - 1) + of_shuffles**2 / max(repeats - 1, 1)
    degrees = int(total**2 / parts) if parts > 0 else n_rows - 1
    return float(drops.mean()), math.sqrt(total), max(degrees, 1)


def _auc(rows: Rows, _task: Task) -> _Measured:
    """The exact area under the ROC curve, by each row's share of the other class that it is on the right side of."""
    import numpy as np

    positive = rows.label == 1.0
    n_pos, n_neg = int(positive.sum()), int((~positive).sum())
    if not n_pos or not n_neg:
        return math.nan, np.zeros(len(rows.label))
    pos, neg = np.sort(rows.score[positive]), np.sort(rows.score[~positive])
    placed = np.empty(len(rows.label))
    placed[positive] = _below(neg, rows.score[positive])
    placed[~positive] = 1 - _below(pos, rows.score[~positive])
    area = float(placed[positive].mean())
    return area, (placed - area) * len(placed) / np.where(positive, n_pos, n_neg)


def _below(among: Array, scores: Array) -> Array:
    """Share of sorted numbers below each score; half of those equal to it."""
    import numpy as np

    left, right = (np.searchsorted(among, scores, side=side) for side in ("left", "right"))
    return (left + right) / (2 * len(among))


def _accuracy(rows: Rows, task: Task) -> _Measured:
    if task.kind == "multiclass":
        return _mean(statistic("hit", rows))
    return _mean(statistic("tp@0.5", rows) + statistic("tn@0.5", rows))


def _loss(rows: Rows, task: Task) -> _Measured:
    return _mean(-statistic(_LOSS[task.kind], rows))


def _skill(rows: Rows, task: Task) -> _Measured:
    """One minus the loss per loss of the best constant, as the metric `Skill`."""
    import numpy as np

    loss, least = statistic(_LOSS[task.kind], rows), _loss_of_constant(rows.label, task)
    mean, constant = float(loss.mean()), float(least.mean())
    if constant <= 0:
        return math.nan, np.zeros(len(loss))
    return 1 - mean / constant, (mean / constant * (least - constant) - (loss - mean)) / constant


def _loss_of_constant(label: Array, task: Task) -> Array:
    """What each row loses to the best constant answer; a small change of that answer changes the mean by nothing."""
    import numpy as np

    if task.kind == "regression":
        return (label - label.mean()) ** 2  # type: ignore[no-any-return]
    counts = np.bincount(label.astype(np.int64))
    return np.log(len(label) / counts[label.astype(np.int64)])  # type: ignore[no-any-return]


def _mean(values: Array) -> _Measured:
    mean = float(values.mean())
    return mean, values - mean


_MEASURES: dict[ImportanceMetric, Callable[[Rows, Task], _Measured]] = {
    "auc": _auc,
    "accuracy": _accuracy,
    "loss": _loss,
    "skill": _skill,
}
