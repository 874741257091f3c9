"""What is known of a single row: the statistics whose weighted sums metrics are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

EPSILON = 1e-7
"""What TFMA moves thresholds by, and what Keras clips probabilities with."""


@dataclass(frozen=True)
class View:
    """How a metric for two classes looks at the scores of several.

    No class: the rows as they are. One: that class against the rest. Several: each of them against the rest, all
    pooled, so that a row counts once a class.
    """

    classes: tuple[int, ...] = ()


WHOLE = View()


@dataclass(frozen=True)
class Rows:
    """Labels and scores of one model.

    Args:
        label: Shape (n_rows,), float64; for several classes the class's number.
        score: Shape (n_rows,), or (n_rows, n_classes) for several classes; float64, finite.
    """

    label: Array
    score: Array

    def sides(self, view: View) -> list[Rows]:
        """The rows under a view: as they are, or once a class with a label of 0 or 1."""
        import numpy as np

        if not view.classes:
            return [self]
        return [Rows((self.label == c).astype(np.float64), self.score[:, c]) for c in view.classes]

    @cached_property
    def _unit(self) -> tuple[float, float]:
        """The label's mean and standard deviation."""
        spread = float(self.label.std()) if len(self.label) else 0.0
        return (float(self.label.mean()) if len(self.label) else 0.0, spread or 1.0)

    @property
    def standard(self) -> Rows:
        """Label and score in units of the label's spread around its mean.

        What does not depend on the units is computed from these: sums of squares of large numbers would lose it.
        """
        mean, spread = self._unit
        return Rows((self.label - mean) / spread, (self.score - mean) / spread)


def statistic(name: str, rows: Rows, view: View = WHOLE) -> Array:
    """Compute one statistic of every row.

    Args:
        name: One of `n`, `y`, `p`, `ae`, `se`, `ape`, `labelled` (rows with a label other than 0), `sle`, `bce`
            (Keras, clipped), `log` (not clipped), `positive` and `negative` (rows with the label 1, or another);
            `zy`, `zp`, `zyy`, `zpp`, `zyp`, `zse` of the standardised label and score; `tp@t`, `fp@t`, `tn@t`,
            `fn@t` at a threshold t. Of several classes: `hit`, `cce` (Keras, clipped), `top@k`, `class@c` (rows of
            class c).
        rows: Labels and scores.
        view: How to look at them.

    Returns:
        Shape (n_rows,), float64; under a view the sum over its classes.
    """
    import numpy as np

    kind, _, setting = name.partition("@")
    total = np.zeros(len(rows.label))
    with np.errstate(divide="ignore", invalid="ignore"):
        for side in rows.sides(view):
            if setting:
                total += _AT[kind](side.label, side.score, float(setting))
            else:
                standard = kind.startswith("z")
                of = side.standard if standard else side
                total += _PLAIN[kind.removeprefix("z")](of.label, of.score)
    return total


def _percentage_error(label: Array, score: Array) -> Array:
    """Absolute error per label in percent; rows with label 0 add nothing, as in TFMA."""
    import numpy as np

    return np.divide(100 * np.abs(label - score), np.abs(label), out=np.zeros_like(label), where=label != 0)


def _squared_logarithmic_error(label: Array, score: Array) -> Array:
    import numpy as np

    return np.asarray((np.log(label + 1) - np.log(score + 1)) ** 2)


def _cross_entropy(label: Array, score: Array, clip: float) -> Array:
    """Cross-entropy of a row [nats]; with Keras's clipping, which also adds the epsilon inside the logarithm."""
    import numpy as np

    score = np.clip(score, clip, 1 - clip)
    return np.asarray(-np.where(label == 1, np.log(score + clip), np.log(1 - score + clip)))


def _categorical_cross_entropy(label: Array, score: Array) -> Array:
    """Cross-entropy of a row over several classes [nats]; clipped, then normalised again, as in Keras."""
    import numpy as np

    clipped = np.clip(score, EPSILON, 1 - EPSILON)
    return np.asarray(np.log(clipped.sum(axis=1)) - np.log(_of_label(label, clipped)))


def _among_top(label: Array, score: Array, k: float) -> Array:
    """Whether fewer than k classes score higher than the label's: ties count, as in `tf.math.in_top_k`."""
    return (score > _of_label(label, score)[:, None]).sum(axis=1) < k  # type: ignore[no-any-return]


def _of_label(label: Array, score: Array) -> Array:
    import numpy as np

    return np.take_along_axis(score, label.astype(np.int64)[:, None], axis=1)[:, 0]


_PLAIN: dict[str, Callable[[Any, Any], Any]] = {
    "n": lambda y, p: 0 * y + 1.0,
    "y": lambda y, p: y,
    "p": lambda y, p: p,
    "yy": lambda y, p: y * y,
    "pp": lambda y, p: p * p,
    "yp": lambda y, p: y * p,
    "ae": lambda y, p: abs(y - p),
    "se": lambda y, p: (y - p) ** 2,
    "labelled": lambda y, p: y != 0,
    "ape": _percentage_error,
    "sle": _squared_logarithmic_error,
    "bce": lambda y, p: _cross_entropy(y, p, clip=EPSILON),
    "log": lambda y, p: _cross_entropy(y, p, clip=0.0),
    "positive": lambda y, p: y == 1,
    "negative": lambda y, p: y != 1,
    "hit": lambda y, p: p.argmax(axis=1) == y,
    "cce": _categorical_cross_entropy,
}
_AT: dict[str, Callable[[Any, Any, float], Any]] = {
    "tp": lambda y, p, t: (y == 1.0) & (p > t),
    "fp": lambda y, p, t: (y != 1.0) & (p > t),
    "tn": lambda y, p, t: (y != 1.0) & (p <= t),
    "fn": lambda y, p, t: (y == 1.0) & (p <= t),
    "top": _among_top,
    "class": lambda y, p, c: y == c,
}
