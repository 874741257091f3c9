"""The training loop: many steps in one call of one compiled function, over arrays that stay in memory.

Batches are cut out of the whole by a permuted order of rows inside the graph; there is no input pipeline to wait for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.training.network import answers
from penstock.training.rows import Rows
from penstock.training.settings import TrainingSettings
from penstock.training.targets import Target

_PREDICT_ROWS = 1 << 16


class Loop:
    """A network, its optimizer, and the compiled functions over both.

    Args:
        model: What `network.build` gives.
        target: The loss.
        settings: Optimizer and members.
        like: Any rows: how wide the matrices are.
    """

    def __init__(self, model: Any, target: Target, settings: TrainingSettings, like: Rows) -> None:
        self.model = model
        self._target = target
        self._members = settings.members
        self.optimizer = _optimizer(settings)
        self.optimizer.build(model.trainable_variables)
        self._matrices = _signature(like)
        self._run = self._compile_steps()
        self._predict = self._compile_predict()

    @property
    def variables(self) -> list[Any]:
        """All that training changes: weights, states of dropout, the optimizer's moments and step count."""
        return [*self.model.variables, *self.optimizer.variables]

    def state(self) -> list[npt.NDArray[Any]]:
        """A copy of all variables."""
        return [np.array(variable) for variable in self.variables]

    def weights(self) -> list[npt.NDArray[Any]]:
        """A copy of the network's variables alone."""
        return [np.array(variable) for variable in self.model.variables]

    def restore_weights(self, weights: Sequence[npt.NDArray[Any]]) -> None:
        """Put a copy of the network's variables back."""
        for variable, value in zip(self.model.variables, weights, strict=True):
            variable.assign(value)

    def restore(self, state: Sequence[npt.NDArray[Any]]) -> None:
        """Put a copy back."""
        for variable, value in zip(self.variables, state, strict=True):
            variable.assign(value)

    def place(self, rows: Rows, weights: npt.NDArray[np.float32]) -> tuple[Any, ...]:
        """Put rows where the compiled function wants them, once.

        Args:
            rows: The rows.
            weights: How much each counts for each member, shape (n_rows, members).
        """
        import tensorflow as tf

        return tuple(tf.constant(a) for a in (*rows.matrices, self._target.taught(rows.label), weights))

    def steps(
        self, placed: tuple[Any, ...], order: Any, rates: npt.NDArray[np.float32], *, first: int, batch_size: int
    ) -> npt.NDArray[np.float32]:
        """Take steps of an epoch.

        Args:
            placed: What `place` gave.
            order: The rows' order in this epoch, shape (n_rows,), int32.
            rates: The learning rate of each step to take, shape (n_steps,).
            first: The first of them, counted within the epoch.
            batch_size: Rows of a step [rows].

        Returns:
            The loss of each step, the mean of the members', shape (n_steps,).
        """
        losses: npt.NDArray[np.float32] = self._run(
            *placed, order, rates, np.int32(first), np.int32(batch_size)
        ).numpy()
        return losses

    def predict(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Ask each member: shape (members, n_rows, outputs)."""
        parts = []
        for at in range(0, len(rows), _PREDICT_ROWS):
            here = rows.take(slice(at, at + _PREDICT_ROWS))
            parts.append(self._predict(*here.matrices).numpy())
        return np.concatenate(parts, axis=1)

    def _compile_steps(self) -> Any:
        import tensorflow as tf

        trainable = [variable.value for variable in self.model.trainable_variables]

        def step(batch: list[Any], rate: Any) -> Any:
            *matrices, labels, weights = batch
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(trainable)
                losses = self._target.graph_losses(labels, answers(self.model, matrices, training=True))
                loss = tf.reduce_sum(tf.reduce_mean(losses * tf.transpose(weights), axis=1))
                total = tf.add_n([loss, *self.model.losses]) if self.model.losses else loss
            self.optimizer.learning_rate.assign(rate)
            self.optimizer.apply(tape.gradient(total, trainable), self.model.trainable_variables)
            return loss / self._members

        def run(*arguments: Any) -> Any:
            *whole, order, rates, first, size = arguments
            count = tf.shape(rates)[0]

            def body(at: Any, losses: Any) -> tuple[Any, Any]:
                batch = order[(first + at) * size : (first + at + 1) * size]
                loss = step([tf.gather(column, batch) for column in whole], rates[at])
                return at + 1, losses.write(at, loss)

            losses = tf.TensorArray(tf.float32, size=count, element_shape=[])
            _, losses = tf.while_loop(lambda at, _: at < count, body, (0, losses), parallel_iterations=1)
            return losses.stack()

        signature = [
            *self._matrices,
            tf.TensorSpec([None], tf.float32),
            tf.TensorSpec([None, self._members], tf.float32),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([None], tf.float32),
            *[tf.TensorSpec([], tf.int32)] * 2,
        ]
        return tf.function(run, input_signature=signature, autograph=False).get_concrete_function()

    def _compile_predict(self) -> Any:
        import tensorflow as tf

        def predict(*matrices: Any) -> Any:
            return answers(self.model, matrices, training=False)

        return tf.function(predict, input_signature=self._matrices, autograph=False).get_concrete_function()


def _optimizer(settings: TrainingSettings) -> Any:
    import keras

    config = {"weight_decay": settings.weight_decay} if settings.optimizer == "adamw" else {}
    optimizer = keras.optimizers.get({"class_name": settings.optimizer, "config": config})
    if settings.optimizer == "adamw":
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def _signature(rows: Rows) -> list[Any]:
    import tensorflow as tf

    return [tf.TensorSpec([None, matrix.shape[1]], matrix.dtype) for matrix in rows.matrices]
