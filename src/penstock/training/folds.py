"""Which rows are held out from training: what early stopping looks at and calibration learns from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.sdk import PenstockError
from penstock.training import logic
from penstock.training.rows import Rows
from penstock.training.settings import TrainingSettings

_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Data:
    """The rows of a training."""

    train: Rows
    weights: npt.NDArray[np.float32]
    """How much each training row counts for each member, shape (n_rows, members), with a mean of about 1; 0 where the
    member does not learn from it."""
    watched: Rows | None
    """What early stopping looks at; None where there is nothing but the training rows."""
    watchers: npt.NDArray[np.bool_] | None
    """Which members have not learnt from a watched row, shape (n_watched, members); None for all."""
    name: str
    """The watched rows' name in the history: `holdout`, `eval` or `train`."""


def divide(train: Rows, evaluation: Rows | None, settings: TrainingSettings) -> Data:
    """Hold rows out, if any are to be, and weigh what is left.

    Raises:
        PenstockError: Nothing is held out or left to train on, or a class to be weighed is absent (author of the
            pipeline).
    """
    members = settings.members
    watched: Rows | None
    if settings.holdout_fraction:
        out = held_out(train.label, settings)
        if out.all(axis=0).any():
            raise PenstockError(
                f"holdout_fraction {settings.holdout_fraction} leaves none of {len(train)} rows to train on"
            )
        never, anyone = out.all(axis=1), out.any(axis=1)
        if not anyone.any():
            raise PenstockError(f"holdout_fraction {settings.holdout_fraction} holds none of {len(train)} rows out")
        watched, watchers, name = train.take(anyone), out[anyone], "holdout"
        train, learns = train.take(~never), ~out[~never]
    else:
        watched, watchers, name = evaluation, None, "eval" if evaluation is not None else "train"
        learns = np.ones((len(train), members), bool)
    classes = logic.class_weights(train.label, settings.class_weights, settings.answers().outputs)
    weights = classes[:, None] * learns / learns.mean(axis=0)
    return Data(train, weights.astype(np.float32), watched, watchers, name)


def held_out(labels: npt.NDArray[Any], settings: TrainingSettings) -> npt.NDArray[np.bool_]:
    """Decide which member does not learn from which row.

    At random, the rows are put in the order of their labels, equal ones shuffled, and spread round a circle by the
    golden ratio, which puts neighbours far apart: any arc of the circle has all labels in their proportions. Each
    member leaves out an arc, and the arcs begin at equal distances, so that members together leave out all rows once
    there are enough of them.

    Returns:
        Shape (n_rows, members).

    Source:
        For the golden ratio: Kronecker sequence, in Kuipers and Niederreiter, Uniform Distribution of Sequences (1974).

    Example:
        >>> fifth = TrainingSettings(holdout_fraction=0.2)
        >>> held_out(np.zeros(6), fifth)[:, 0].tolist()
        [False, False, False, False, True, True]
    """
    rows, fraction, members = len(labels), settings.holdout_fraction, settings.members
    if settings.holdout == "last":
        last = np.arange(rows) >= rows - math.ceil(rows * fraction)
        return np.repeat(last[:, None], members, axis=1)
    chance = np.random.default_rng((settings.seed, 0x401D)).permutation(rows)
    place = np.empty(rows)
    place[chance[np.argsort(labels[chance], kind="stable")]] = (np.arange(rows) + 0.5) * _GOLDEN % 1
    out: npt.NDArray[np.bool_] = (place[:, None] - np.arange(members) / members) % 1 < fraction
    return out


def together(answers: npt.NDArray[np.float32], watchers: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.float32]:
    """The mean of the members' answers, for each row of those that have not learnt from it.

    Args:
        answers: Shape (members, n_rows, outputs).
        watchers: Shape (n_rows, members); None for all of them.

    Returns:
        Shape (n_rows, outputs).

    Example:
        >>> answers = np.array([[[1.0], [2.0]], [[3.0], [6.0]]])
        >>> together(answers, None).tolist(), together(answers, np.array([[True, False], [True, True]])).tolist()
        ([[2.0], [4.0]], [[1.0], [4.0]])
    """
    if watchers is None:
        mean: npt.NDArray[np.float32] = answers.mean(axis=0)
        return mean
    share = watchers.T / watchers.sum(axis=1)
    shared: npt.NDArray[np.float32] = np.einsum("mno,mn->no", answers, share).astype(answers.dtype)
    return shared
