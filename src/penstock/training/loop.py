"""The training loop: many steps in one call of one compiled function, over arrays that stay in memory.

Batches are cut out of the whole by a permuted order of rows inside the graph; there is no input pipeline to wait for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.training.rows import Rows
from penstock.training.settings import TrainingSettings

_PREDICT_ROWS = 1 << 16


class Loop:
    """A network, its optimizer, and the compiled functions over both.

    Args:
        model: What `network.build` gives.
        params: Loss, optimizer and batch size.
    """

    def __init__(self, model: Any, params: TrainingSettings) -> None:
        import keras

        self.model = model
        self._task = params.task
        self.optimizer = keras.optimizers.get({"class_name": params.optimizer, "config": {}})
        self.optimizer.learning_rate = params.learning_rate
        self.optimizer.build(model.trainable_variables)
        self._run = self._compile_steps()
        self._predict = self._compile_predict()

    @property
    def learning_rate(self) -> float:
        """How far a step goes."""
        return float(self.optimizer.learning_rate.numpy())

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self.optimizer.learning_rate.assign(rate)

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
        """Put rows where the compiled function wants them, once."""
        import tensorflow as tf

        return tuple(tf.constant(a) for a in (rows.dense, rows.index, rows.label, weights))

    def steps(
        self, placed: tuple[Any, ...], order: Any, *, first: int, last: int, batch_size: int
    ) -> npt.NDArray[np.float32]:
        """Take the steps [first, last) of an epoch.

        Args:
            placed: What `place` gave.
            order: The rows' order in this epoch, shape (n_rows,), int32.
            first: First step, counted within the epoch.
            last: The step to stop before.
            batch_size: Rows of a step [rows].

        Returns:
            The loss of each step, shape (last - first,).
        """
        losses: npt.NDArray[np.float32] = self._run(
            *placed, order, np.int32(first), np.int32(last), np.int32(batch_size)
        ).numpy()
        return losses

    def predict(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Score rows: shape (n_rows,)."""
        parts = []
        for at in range(0, len(rows), _PREDICT_ROWS):
            here = rows.take(slice(at, at + _PREDICT_ROWS))
            parts.append(self._predict(here.dense, here.index).numpy())
        return np.concatenate(parts)

    def _loss(self, output: Any, labels: Any, weights: Any) -> Any:
        import tensorflow as tf

        output = tf.squeeze(output, -1)
        if self._task == "binary":
            losses = tf.nn.sigmoid_cross_entropy_with_logits(labels, output)
        else:
            losses = tf.square(labels - output)
        return tf.reduce_mean(losses * weights)

    def _compile_steps(self) -> Any:
        import tensorflow as tf

        trainable = [variable.value for variable in self.model.trainable_variables]

        def step(dense: Any, index: Any, labels: Any, weights: Any) -> Any:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(trainable)
                loss = self._loss(self.model([dense, index], training=True), labels, weights)
                total = tf.add_n([loss, *self.model.losses]) if self.model.losses else loss
            self.optimizer.apply(tape.gradient(total, trainable), self.model.trainable_variables)
            return loss

        def run(*arguments: Any) -> Any:
            *whole, order, first, last, size = arguments

            def body(at: Any, losses: Any) -> tuple[Any, Any]:
                batch = order[at * size : (at + 1) * size]
                loss = step(*(tf.gather(column, batch) for column in whole))
                return at + 1, losses.write(at - first, loss)

            losses = tf.TensorArray(tf.float32, size=last - first, element_shape=[])
            _, losses = tf.while_loop(lambda at, _: at < last, body, (first, losses), parallel_iterations=1)
            return losses.stack()

        width, categories = self.model.inputs[0].shape[1], self.model.inputs[1].shape[1]
        signature = [
            tf.TensorSpec([None, width], tf.float32),
            tf.TensorSpec([None, categories], tf.int32),
            *[tf.TensorSpec([None], tf.float32)] * 2,
            tf.TensorSpec([None], tf.int32),
            *[tf.TensorSpec([], tf.int32)] * 3,
        ]
        return tf.function(run, input_signature=signature, autograph=False).get_concrete_function()

    def _compile_predict(self) -> Any:
        import tensorflow as tf

        def predict(dense: Any, index: Any) -> Any:
            return tf.squeeze(score(self.model, self._task, dense, index), -1)

        width, categories = self.model.inputs[0].shape[1], self.model.inputs[1].shape[1]
        signature = [tf.TensorSpec([None, width], tf.float32), tf.TensorSpec([None, categories], tf.int32)]
        return tf.function(predict, input_signature=signature, autograph=False).get_concrete_function()


def score(model: Any, task: str, dense: Any, index: Any) -> Any:
    """The network's answer, shape (n, 1): a probability (binary) or the estimate."""
    import tensorflow as tf

    output = model([dense, index], training=False)
    return tf.sigmoid(output) if task == "binary" else output
