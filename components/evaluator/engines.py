"""Two engines behind one interface: from rows and models to a `Measurement`.

`vectorised` computes everything in this process. `tfma` has TFMA compute the estimates on Beam, row by row: slower,
scales out, and knows every metric that TFMA and Keras know. Standard errors are ours in both, from the same paired
bootstrap; for metrics that only TFMA knows they are TFMA's own, where `options.compute_confidence_intervals` asks
for them, and unknown otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.evaluator.measurement import Measurement, Role, difference, significant
from components.evaluator.metrics import CurveMetric, SumMetric
from components.evaluator.plan import Plan
from components.evaluator.resampling import Kernel, standard_errors
from components.evaluator.slices import cut
from penstock.artifacts import Model
from penstock.sdk import BadInput

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Array = npt.NDArray[np.float64]


_VALUE_DIGITS, _ERROR_DIGITS = 12, 4
"""Significant digits that are kept; the bootstrap is surer of no more than two."""


@dataclass(frozen=True)
class Task:
    """One split to be measured."""

    split: str
    rows_available: int
    table: pa.Table
    """Raw columns, the label among them."""
    label: Array
    """Shape (n_rows,), float64."""
    models: Mapping[Role, Model]
    scores: Mapping[Role, Array]
    """Scores of each model, shape (n_rows,), float64."""
    plan: Plan
    config: Any
    """The `tfma.EvalConfig` that the plan was made from."""
    replicates: int
    """Resamples; 0 leaves the standard errors unknown."""
    seed: int
    scratch: Path
    """For what an engine must write down on its way."""


def vectorised(task: Task) -> Measurement:
    """Measure with NumPy, in this process.

    Raises:
        BadInput: A metric is for labels 0 and 1, and there are others (caller).
    """
    import numpy as np

    _check_label(task)
    fit = {role: np.isfinite(score) for role, score in task.scores.items()}
    scores = {role: np.where(fit[role], score, 0.0) for role, score in task.scores.items()}
    cuts = [cut(task.table, slicing) for slicing in task.plan.slicings]
    kernel = Kernel(task.label, scores, cuts, task.plan.metrics)
    values = {role: found[..., 0] for role, found in kernel.evaluate(np.ones((kernel.n_rows, 1))).items()}
    if Role.BASELINE in values:
        values[Role.DIFFERENCE] = difference(values)
    unknown = {role: np.full(found.shape, np.nan) for role, found in values.items()}
    errors = standard_errors(kernel, task.replicates, task.seed) if task.replicates else unknown
    rows = np.concatenate([np.bincount(c.codes[c.codes >= 0], minlength=len(c.keys)) for c in cuts])
    keys = [key for c in cuts for key in c.keys]
    for role, found in values.items():
        bad = ~fit[role] if role in fit else ~np.logical_and.reduce(list(fit.values()))
        spoilt = np.concatenate([np.bincount(c.codes[c.codes >= 0], bad[c.codes >= 0], len(c.keys)) for c in cuts])
        found[spoilt > 0] = errors[role][spoilt > 0] = np.nan
    kept = _first_of_each(keys)
    return Measurement(
        split=task.split,
        rows=len(task.label),
        rows_available=task.rows_available,
        slices=tuple(keys[i] for i in kept),
        slice_rows=rows[kept],
        metrics=task.plan.names,
        values={role: significant(found[kept], _VALUE_DIGITS) for role, found in values.items()},
        errors={role: significant(found[kept], _ERROR_DIGITS) for role, found in errors.items()},
        replicates=task.replicates,
        unfit={role: int((~good).sum()) for role, good in fit.items()},
    )


def _first_of_each(keys: list[Any]) -> list[int]:
    """Where each slice stands first, the overall one before all: two slicing specs may name the same slice."""
    first = {key: i for i, key in reversed(list(enumerate(keys)))}
    return sorted(first.values(), key=lambda i: (keys[i] != (), i))


def _check_label(task: Task) -> None:
    import numpy as np

    for metric in task.plan.metrics:
        binary = isinstance(metric.known, CurveMetric) or (isinstance(metric.known, SumMetric) and metric.known.binary)
        if binary and not np.isin(task.label, (0.0, 1.0)).all():
            other = task.label[~np.isin(task.label, (0.0, 1.0))][0]
            raise BadInput(
                f"metric {metric.class_name} needs labels 0 and 1, and {task.plan.label!r} has {other:g}",
                "Take metrics for regression (MeanSquaredError), or make the label binary",
            )


def tfma(task: Task) -> Measurement:
    """Measure with TFMA on Beam; standard errors as `vectorised` has them, where it knows the metric."""
    from components.evaluator.engine_tfma import with_tfma_estimates

    return with_tfma_estimates(task, vectorised(task))


ENGINES: dict[str, Callable[[Task], Measurement]] = {"vectorised": vectorised, "tfma": tfma}
"""Every engine by its name in the parameters."""
