"""What the tuner decides with values alone: which rows to hold out, where to begin, what was best and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from components.tuner.space import Choices, Dimension
from penstock.artifacts.tuning import Study, Trial
from penstock.sdk import PenstockError

EARLIER_TRIALS = 100
"""Most trials that are taken over from earlier studies, the best of them: more would drown what is seen now."""

_GROUPS = 4
_FEW_TRIALS = 8
"""With fewer completed trials, what a parameter explains is noise."""

Direction = Literal["minimize", "maximize"]

Fold = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
"""Numbers of the rows to train on, and of those to measure on; both rising."""


def held_out(
    rows: int, how: Literal["random", "last", "folds"], *, fraction: float, folds: int, seed: int
) -> list[Fold]:
    """Divide the training rows into what trials learn from and what they are measured on.

    Args:
        rows: Number of training rows [rows].
        how: As `TunerParams.holdout`.
        fraction: Share to hold out, in (0, 1), at least one row; not for `folds`.
        folds: Number of folds, >= 2; only for `folds`.
        seed: Of what is random.

    Returns:
        One division, or one a fold; the measured rows of the folds together are all rows.

    Raises:
        PenstockError: There are too few rows (operator).

    Example:
        >>> [(a.tolist(), b.tolist()) for a, b in held_out(5, "last", fraction=0.4, folds=2, seed=1)]
        [([0, 1, 2], [3, 4])]
    """
    least = folds if how == "folds" else 2
    if rows < least:
        raise PenstockError(f"{rows} training rows are too few to hold some out", f"At least {least} are needed")
    order = np.arange(rows) if how == "last" else np.random.default_rng(seed).permutation(rows)
    if how == "folds":
        measured = np.array_split(order, folds)
    else:
        measured = [order[rows - min(rows - 1, max(1, round(rows * fraction))) :]]
    divided = []
    for part in measured:
        chosen = np.zeros(rows, bool)
        chosen[part] = True
        divided.append((np.flatnonzero(~chosen), np.flatnonzero(chosen)))
    return divided


def fits(value: Any, dimension: Dimension) -> bool:
    """Whether a value lies in what is searched."""
    if isinstance(dimension, Choices):
        return plain(value) in [plain(choice) for choice in dimension.choices]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    whole = dimension.kind == "float" or float(value).is_integer()
    return whole and dimension.low <= value <= dimension.high


def plain(value: Any) -> Any:
    """A value as JSON has it: lists for tuples."""
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def worse(value: float | None, direction: Direction) -> float:
    """A value as a number that is the larger the worse it is.

    Example:
        >>> worse(0.9, "maximize"), worse(0.9, "minimize"), worse(None, "minimize")
        (-0.9, 0.9, inf)
    """
    if value is None:
        return math.inf
    return -value if direction == "maximize" else value


def taken_over(earlier: Study | None, objective: str, space: Mapping[str, Dimension]) -> list[Trial]:
    """The completed trials of an earlier study that say something about this search.

    Args:
        earlier: The study; None where there is none.
        objective: What this search looks at.
        space: What it searches.

    Returns:
        Trials that have exactly the parameters of the space, with values inside it, and a value of the same
        objective: the best `EARLIER_TRIALS`, in their order, numbered from 0. Their losses are left out: they are of
        other data, and must not decide which trials to give up.
    """
    if earlier is None or earlier.objective != objective:
        return []
    found = [
        trial
        for trial in earlier.trials
        if trial.state == "complete"
        and trial.value is not None
        and trial.parameters.keys() == space.keys()
        and all(fits(trial.parameters[name], dimension) for name, dimension in space.items())
    ]
    best = sorted(range(len(found)), key=lambda n: (worse(found[n].value, earlier.direction), n))[:EARLIER_TRIALS]
    return [
        found[n].model_copy(update={"number": number, "earlier": True, "losses": ()})
        for number, n in enumerate(sorted(best))
    ]


def first_tries(
    base: Mapping[str, Any], earlier: Sequence[Trial], space: Mapping[str, Dimension], direction: Direction
) -> list[dict[str, Any]]:
    """What to try before anything is sampled: the training as it is, then the best of earlier studies.

    So a search never ends with less than what it began with, measured on the same rows.

    Args:
        base: Parameters of the training, by name; those outside the space are sampled.
        earlier: What was taken over.
        space: What is searched.
        direction: Whether their values are the better the smaller or the larger they are.
    """
    tries = [{name: plain(base[name]) for name, dimension in space.items() if fits(base[name], dimension)}]
    if earlier:
        tries.append(dict(min(earlier, key=lambda trial: (worse(trial.value, direction), trial.number)).parameters))
    distinct: list[dict[str, Any]] = []
    for each in tries:
        if each and each not in distinct:
            distinct.append(each)
    return distinct


def best_of(trials: Sequence[Trial], direction: Direction) -> Trial | None:
    """The trial with the best value; of equals the first. Earlier studies' values are of other data."""
    done = [trial for trial in trials if trial.state == "complete" and not trial.earlier and trial.value is not None]
    return min(done, key=lambda trial: (worse(trial.value, direction), trial.number), default=None)


def importance(trials: Sequence[Trial], space: Mapping[str, Dimension]) -> dict[str, float]:
    """The share of the objective's variance that each parameter explains by itself.

    Trials are grouped by the parameter's value, numbers into four groups of equal size; what lies between the groups
    is what the parameter explains, less what chance would put there. Shares do not sum to 1: parameters act together,
    too.

    Returns:
        By parameter, in [0, 1]; empty with fewer than eight completed trials, or where all of them are equal.

    Source:
        Kelley: An unbiased correlation ratio measure (1935): epsilon squared,
        `(SS_between - (groups - 1) * MS_within) / SS_total`.
    """
    done = [trial for trial in trials if trial.state == "complete" and not trial.earlier and trial.value is not None]
    values = np.array([trial.value for trial in done], float)
    total = float(((values - values.mean()) ** 2).sum()) if len(values) else 0.0
    if len(done) < _FEW_TRIALS or total == 0:
        return {}
    return {name: _explained(values, _groups(done, name, dimension), total) for name, dimension in space.items()}


def _groups(trials: Sequence[Trial], name: str, dimension: Dimension) -> npt.NDArray[np.intp]:
    """The number of each trial's group, shape (n_trials,)."""
    if isinstance(dimension, Choices):
        choices = [plain(choice) for choice in dimension.choices]
        return np.array([choices.index(plain(trial.parameters[name])) for trial in trials], np.intp)
    numbers = np.array([trial.parameters[name] for trial in trials], float)
    edges = np.quantile(numbers, np.linspace(0, 1, _GROUPS + 1)[1:-1])
    return np.searchsorted(edges, numbers, side="right")


def _explained(values: npt.NDArray[np.float64], group: npt.NDArray[np.intp], total: float) -> float:
    members = [values[group == number] for number in np.unique(group)]
    free = len(values) - len(members)
    if len(members) < 2 or free < 1:
        return 0.0
    within = float(sum(((part - part.mean()) ** 2).sum() for part in members))
    return float(np.clip((total - within - (len(members) - 1) * within / free) / total, 0.0, 1.0))
