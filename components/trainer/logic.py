"""What the trainer decides with numbers alone: which rows to show, what to tell of a training."""

from __future__ import annotations

import json
import keyword
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from components.trainer.spec import TrainerParams
from penstock.artifacts.tuning import Study
from penstock.sdk import BadInput
from penstock.training.logic import spread


def golden_rows(missing: npt.NDArray[np.bool_], count: int) -> npt.NDArray[np.intp]:
    """Pick the rows that serving must reproduce: spread over the split, a quarter with missing values if there are.

    Args:
        missing: Whether a row lacks any value, shape (n_rows,).
        count: How many rows [rows].
    """
    gaps = np.flatnonzero(missing)
    some = gaps[spread(len(gaps), count // 4)] if len(gaps) else gaps
    rest = np.setdiff1d(np.arange(len(missing)), some)
    return np.sort(np.concatenate([some, rest[spread(len(rest), count - len(some))]]))


def tuned(params: TrainerParams, study: Study) -> TrainerParams:
    """Put the best parameters of a search in the place of those that the pipeline gives.

    Raises:
        BadInput: The search found none, or found some that the trainer does not have or does not take together with
            the others (author of the pipeline).
    """
    if not study.best_parameters:
        raise BadInput("tuning: no trial came to its end, so there are no best parameters")
    return TrainerParams.parse({**params.model_dump(), **study.best_parameters}, where="tuning")


def shown(parameters: Mapping[str, Any]) -> str:
    """Parameters as one line of the lineage.

    Example:
        >>> shown({"learning_rate": 0.01, "hidden_units": [32]})
        'hidden_units=[32], learning_rate=0.01'
    """
    return ", ".join(f"{name}={json.dumps(parameters[name])}" for name in sorted(parameters))


def must_be_servable(names: Iterable[str]) -> None:
    """Refuse raw features that no TensorFlow signature can have as an input.

    Raises:
        BadInput: A name is one of Python's keywords (author of the pipeline).
    """
    for name in names:
        if keyword.iskeyword(name):
            raise BadInput(
                f"a model cannot have an input called {name!r}: Python keeps the word to itself",
                f"Give the column another name where it is read (columns: {{{name}_: {name}}})",
            )


def facts(history: Sequence[Mapping[str, Any]], kept: int, seed: int) -> dict[str, str | int | float]:
    """Flat facts about a training for the lineage: metrics are those of the epoch whose weights were kept."""
    flat: dict[str, str | int | float] = {"epochs": len(history), "steps": history[-1]["steps"], "seed": seed}
    for split in ("train", "eval", "holdout"):
        flat |= {f"{split}_{name}": value for name, value in history[kept].get(split, {}).items()}
    return flat
