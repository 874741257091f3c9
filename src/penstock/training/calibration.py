"""Calibration: scores that are what they say, learnt on rows that the network has not learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.training.targets import Target

Floats = npt.NDArray[np.floating[Any]]

_PRIOR_ROWS = 4.0
"""How many rows the belief counts for that no correction is needed [rows]."""
_SLOPES = (0.05, 20.0)
"""Bounds of the slope: the order of the scores is never turned round."""


@dataclass(frozen=True)
class Calibration:
    """A slope, and an intercept for each output."""

    slope: float
    intercept: tuple[float, ...]

    def __call__(self, values: Any) -> Any:
        """Apply it to an array or a tensor of shape (n_rows, outputs)."""
        return values * np.float32(self.slope) + np.array(self.intercept, np.float32)


def neutral(outputs: int) -> Calibration:
    """What changes nothing."""
    return Calibration(1.0, (0.0,) * outputs)


def fit(target: Target, labels: Floats, answers: Floats) -> Calibration:
    """Find the slope and the intercepts with the smallest loss.

    Logits are corrected before they become probabilities, estimates in the label's own unit (so that the mean of a
    label learnt as a logarithm is right).

    Args:
        target: The task.
        labels: Of rows held out, shape (n_rows,).
        answers: Of members that have not learnt from them, shape (n_rows, outputs).

    Source:
        Platt, Probabilistic outputs for support vector machines (1999), with a Gaussian prior in place of smoothed
        targets; for several classes with one slope and biases: Alexandari et al., Maximum likelihood with
        bias-corrected calibration is hard-to-beat at label shift adaptation (2020).
    """
    if target.task == "regression":
        return _least_squares(target.scores(answers)[:, 0].astype(np.float64), labels.astype(np.float64))
    return _most_likely(target, labels, answers.astype(np.float64))


def _least_squares(estimates: Floats, labels: Floats) -> Calibration:
    variance = float(np.var(estimates))
    weight = len(labels) / (len(labels) + _PRIOR_ROWS)
    slope = 1.0
    if variance:
        slope += weight * (float(np.mean((estimates - estimates.mean()) * (labels - labels.mean()))) / variance - 1)
    slope = float(np.clip(slope, *_SLOPES))
    return Calibration(slope, (weight * float(labels.mean() - slope * estimates.mean()),))


def _most_likely(target: Target, labels: Floats, logits: Floats) -> Calibration:
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    outputs = logits.shape[1]
    is_class = labels[:, None] == np.arange(1, 2) if target.task == "binary" else labels[:, None] == np.arange(outputs)
    start = np.r_[1.0, np.zeros(outputs)]

    def loss(point: Floats) -> tuple[float, Floats]:
        corrected = point[0] * logits + point[1:]
        wrong = target.scores(corrected).astype(np.float64) - is_class
        away = point - start
        value = target.losses(labels, corrected).sum() + _PRIOR_ROWS / 2 * np.square(away).sum()
        slope = np.r_[(wrong * logits).sum(), wrong.sum(axis=0)] + _PRIOR_ROWS * away
        return value / len(labels), slope / len(labels)

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[_SLOPES, *[(None, None)] * outputs]).x
    return Calibration(float(found[0]), tuple(float(value) for value in found[1:]))
