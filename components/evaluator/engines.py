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

from components.evaluator.kernel import Kernel
from components.evaluator.measurement import Measurement, Role, difference, significant
from components.evaluator.metrics import labels_of
from components.evaluator.plan import Plan
from components.evaluator.resampling import standard_errors
from components.evaluator.shares import with_least_errors
from components.evaluator.slices import cut
from penstock.artifacts import Model
from penstock.artifacts.task import Task
from penstock.sdk import BadInput

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Array = npt.NDArray[np.float64]


_VALUE_DIGITS, _ERROR_DIGITS = 12, 4
"""Significant digits that are kept; the bootstrap is surer of no more than two."""


@dataclass(frozen=True)
class Job:
    """One split to be measured."""

    split: str
    rows_available: int
    table: pa.Table
    """Raw columns, the label among them."""
    label: Array
    """Shape (n_rows,), float64."""
    models: Mapping[Role, Model]
    scores: Mapping[Role, Array]
    """Scores of each model, shape (n_rows,), or (n_rows, n_classes) for several classes, float64."""
    plan: Plan
    config: Any
    """The `tfma.EvalConfig` that the plan was made from."""
    replicates: int
    """Resamples; 0 leaves the standard errors unknown."""
    seed: int
    scratch: Path
    """For what an engine must write down on its way."""
    task: Task | None = None
    """What the models answer; None where they do not say."""


def vectorised(job: Job) -> Measurement:
    """Measure with NumPy, in this process.

    Raises:
        BadInput: A metric is for labels 0 and 1, and there are others (caller).
    """
    import numpy as np

    _check_label(job)
    fit = {role: np.isfinite(score.reshape(len(score), -1)).all(axis=1) for role, score in job.scores.items()}
    scores = {role: np.where(fit[role].reshape(-1, *[1] * (s.ndim - 1)), s, 0.0) for role, s in job.scores.items()}
    cuts = [cut(job.table, slicing) for slicing in job.plan.slicings]
    kernel = Kernel(job.label, scores, cuts, job.plan.metrics)
    values = {role: found[..., 0] for role, found in kernel.evaluate(np.ones((kernel.n_rows, 1))).items()}
    if Role.BASELINE in values:
        values[Role.DIFFERENCE] = difference(values)
    unknown = {role: np.full(found.shape, np.nan) for role, found in values.items()}
    errors = standard_errors(kernel, job.replicates, job.seed) if job.replicates else unknown
    for role in job.scores if job.replicates else ():
        errors[role] = with_least_errors(errors[role], values[role], kernel.trials(role))
    rows = np.concatenate([np.bincount(c.codes[c.codes >= 0], minlength=len(c.keys)) for c in cuts])
    keys = [key for c in cuts for key in c.keys]
    for role, found in values.items():
        bad = ~fit[role] if role in fit else ~np.logical_and.reduce(list(fit.values()))
        spoilt = np.concatenate([np.bincount(c.codes[c.codes >= 0], bad[c.codes >= 0], len(c.keys)) for c in cuts])
        found[spoilt > 0] = errors[role][spoilt > 0] = np.nan
    kept = _first_of_each(keys)
    return Measurement(
        split=job.split,
        rows=len(job.label),
        rows_available=job.rows_available,
        slices=tuple(keys[i] for i in kept),
        slice_rows=rows[kept],
        metrics=job.plan.names,
        values={role: significant(found[kept], _VALUE_DIGITS) for role, found in values.items()},
        errors={role: significant(found[kept], _ERROR_DIGITS) for role, found in errors.items()},
        replicates=job.replicates,
        unfit={role: int((~good).sum()) for role, good in fit.items()},
    )


def _first_of_each(keys: list[Any]) -> list[int]:
    """Where each slice stands first, the overall one before all: two slicing specs may name the same slice."""
    first = {key: i for i, key in reversed(list(enumerate(keys)))}
    return sorted(first.values(), key=lambda i: (keys[i] != (), i))


def _check_label(job: Job) -> None:
    """Where a model does not say what its task is, the labels do."""
    import numpy as np

    for metric in job.plan.metrics:
        binary = metric.known is not None and not metric.view.classes and labels_of(metric.known) == "binary"
        if binary and not np.isin(job.label, (0.0, 1.0)).all():
            other = job.label[~np.isin(job.label, (0.0, 1.0))][0]
            raise BadInput(
                f"metric {metric.class_name} needs labels 0 and 1, and {job.plan.label!r} has {other:g}",
                "Take metrics for regression (MeanSquaredError), or make the label binary",
            )


def tfma(job: Job) -> Measurement:
    """Measure with TFMA on Beam; standard errors as `vectorised` has them, where it knows the metric."""
    from components.evaluator.engine_tfma import with_tfma_estimates

    return with_tfma_estimates(job, vectorised(job))


ENGINES: dict[str, Callable[[Job], Measurement]] = {"vectorised": vectorised, "tfma": tfma}
"""Every engine by its name in the parameters."""
