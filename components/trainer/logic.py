"""What the trainer decides with numbers alone: which rows to show, what to tell of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

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


def facts(history: Sequence[Mapping[str, Any]], kept: int, seed: int) -> dict[str, str | int | float]:
    """Flat facts about a training for the lineage: metrics are those of the epoch whose weights were kept."""
    flat: dict[str, str | int | float] = {"epochs": len(history), "steps": history[-1]["steps"], "seed": seed}
    for split in ("train", "eval", "holdout"):
        flat |= {f"{split}_{name}": value for name, value in history[kept].get(split, {}).items()}
    return flat
