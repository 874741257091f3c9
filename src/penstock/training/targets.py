"""What a network's answers mean: from labels to what it is taught, from its answers to losses and scores.

A network answers in numbers without bounds: logits, or a label scaled to be easy to learn. Everything that depends on
the task is here, for arrays and for the graph that serves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.artifacts.task import TaskKind
from penstock.training.settings import TrainingSettings

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Target:
    """The task of a network, fitted to the training labels."""

    task: TaskKind
    outputs: int
    """Numbers in an answer: one a class for `multiclass`, else 1."""
    log: bool = False
    mean: float = 0.0
    """Of the label, after its logarithm if there is one; what an answer of 0 stands for."""
    spread: float = 1.0
    """What an answer of 1 stands for, beyond the mean."""
    least: float = -np.inf
    """The smallest label seen; an estimate made by a logarithm does not leave these bounds."""
    most: float = np.inf

    @classmethod
    def fit(cls, settings: TrainingSettings, labels: Floats) -> Target:
        """Take from the labels what scaling needs.

        Args:
            settings: Task and scaling.
            labels: Of the training rows, shape (n_rows,).
        """
        task, outputs = settings.task, settings.answers().outputs
        if task != "regression" or settings.target_scaling == "none":
            return cls(task, outputs)
        log = settings.target_scaling == "log1p"
        seen = np.log1p(labels.astype(np.float64)) if log else labels.astype(np.float64)
        bounds = (float(labels.min()), float(labels.max())) if log else (-np.inf, np.inf)
        return cls(task, outputs, log, float(seen.mean()), float(seen.std()) or 1.0, *bounds)

    def taught(self, labels: Floats) -> npt.NDArray[np.float32]:
        """What the network is to answer: the label as it is, or scaled. Shape (n_rows,)."""
        if self.task != "regression":
            return labels.astype(np.float32)
        seen = np.log1p(labels.astype(np.float64)) if self.log else labels.astype(np.float64)
        scaled: npt.NDArray[np.float32] = ((seen - self.mean) / self.spread).astype(np.float32)
        return scaled

    def start(self, labels: Floats, weights: Floats) -> npt.NDArray[np.float32]:
        """The best constant answer: where a network starts, so that no step is spent on finding it.

        Args:
            labels: Shape (n_rows,).
            weights: How much each row counts, shape (n_rows,).

        Returns:
            Shape (outputs,).
        """
        if self.task == "multiclass":
            counts = np.bincount(labels.astype(np.int64), weights, minlength=self.outputs)
            logits: npt.NDArray[np.float32] = np.log(np.maximum(counts / counts.sum(), 1e-6)).astype(np.float32)
            return logits
        mean = float(np.average(self.taught(labels).astype(np.float64), weights=weights))
        if self.task == "binary":
            mean = float(np.log(max(mean, 1e-6) / max(1 - mean, 1e-6)))
        return np.array([mean], np.float32)

    def losses(self, labels: Floats, answers: Floats) -> Floats:
        """The loss of each row: log loss [nats], or the squared error of the scaled label.

        Args:
            labels: Shape (n_rows,).
            answers: Shape (n_rows, outputs).
        """
        z = answers.astype(np.float64)
        if self.task == "regression":
            squared: Floats = np.square(z[:, 0] - self.taught(labels))
            return squared
        if self.task == "binary":
            crossed: Floats = np.logaddexp(0.0, np.where(labels == 1, -z[:, 0], z[:, 0]))
            return crossed
        top = z.max(axis=1)
        right = z[np.arange(len(z)), labels.astype(np.int64)]
        losses: Floats = np.log(np.exp(z - top[:, None]).sum(axis=1)) + top - right
        return losses

    def loss(self, labels: Floats, answers: Floats, weights: Floats | None = None) -> float:
        """The mean of `losses`, each row counting as its weight says."""
        return float(np.average(self.losses(labels, answers), weights=weights))

    def scores(self, answers: Floats) -> npt.NDArray[np.float32]:
        """What is served: probabilities, or the estimate in the label's unit. Shape (n_rows, outputs)."""
        z = answers.astype(np.float64)
        if self.task == "binary":
            found = 1 / (1 + np.exp(-np.clip(z, -60, 60)))
        elif self.task == "multiclass":
            odds = np.exp(z - z.max(axis=1, keepdims=True))
            found = odds / odds.sum(axis=1, keepdims=True)
        else:
            found = z * self.spread + self.mean
            if self.log:
                found = np.clip(np.expm1(np.minimum(found, 80.0)), self.least, self.most)
        scores: npt.NDArray[np.float32] = found.astype(np.float32)
        return scores

    def graph_losses(self, labels: Any, answers: Any) -> Any:
        """`losses` as tensors: what was `taught`, shape (n,), against answers of shape (..., n, outputs)."""
        import tensorflow as tf

        if self.task == "regression":
            return tf.square(answers[..., 0] - labels)
        if self.task == "binary":
            answers = answers[..., 0]
            return tf.nn.sigmoid_cross_entropy_with_logits(tf.broadcast_to(labels, tf.shape(answers)), answers)
        classes = tf.broadcast_to(tf.cast(labels, tf.int32), tf.shape(answers)[:-1])
        return tf.nn.sparse_softmax_cross_entropy_with_logits(classes, answers)

    def graph_scores(self, answers: Any) -> Any:
        """`scores` as tensors, float32, shape (n, outputs)."""
        import tensorflow as tf

        if self.task == "binary":
            return tf.sigmoid(answers)
        if self.task == "multiclass":
            return tf.nn.softmax(answers)
        found = answers * tf.constant(self.spread, tf.float32) + tf.constant(self.mean, tf.float32)
        return self.graph_within(tf.math.expm1(tf.minimum(found, 80.0))) if self.log else found

    def graph_within(self, scores: Any) -> Any:
        """Estimates within the labels seen, where they were learnt as logarithms; all else as it is."""
        import tensorflow as tf

        return tf.clip_by_value(scores, self.least, self.most) if self.log else scores
