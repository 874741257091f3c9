"""The checks of every training: what went wrong, in one sentence, and what to do about it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from penstock.sdk import PenstockError

_LEAST_EXPLAINED = 1e-4
"""The share of the best constant's loss that a model must explain [fraction]."""


def must_be_finite(name: str, values: npt.ArrayLike, where: str) -> None:
    """Refuse numbers that are not.

    Raises:
        PenstockError: There is a NaN or an infinity (author of the pipeline).
    """
    bad = int(np.size(values) - np.isfinite(values).sum())
    if bad:
        raise PenstockError(
            f"{bad} of {np.size(values)} values of the {name} are NaN or infinite {where}",
            "Look for features that are not scaled, or lower the learning rate",
        )


def must_have_fallen(before: float, after: float, what: str) -> None:
    """Refuse a training that taught nothing.

    Raises:
        PenstockError: The loss is not smaller than it was (author of the pipeline).
    """
    if not after < before:
        raise PenstockError(
            f"the loss did not fall: {before:.6g} before, {after:.6g} after {what}",
            "Lower the learning rate, or look at the label and the features",
        )


def must_have_learnt(loss: float, constant: float, what: str) -> None:
    """Refuse a model that answers no better than a constant would.

    The margin is as small as noise allows: real labels that hardly hang on the features must not raise a false alarm.
    With it, a binary model passes from an area under the ROC curve of about 0.51 on.

    Args:
        loss: Of the trained model, on rows that it was trained on.
        constant: That of the best constant answer on the same rows.
        what: What was done to reach it, for the message.

    Raises:
        PenstockError: It explains less than a ten-thousandth of that loss (author of the pipeline).

    Source:
        `1 - loss / constant` is R squared for squared error, and for log loss McFadden's pseudo R squared, in:
        Conditional logit analysis of qualitative choice behavior (1974).
    """
    if not loss < (1 - _LEAST_EXPLAINED) * constant:
        raise PenstockError(
            f"the model learned nothing: after {what} its loss is {loss:.6g}, "
            f"always answering the mean has {constant:.6g}",
            "Lower the learning rate or the regularisation, train longer, or look whether the features say anything",
        )
