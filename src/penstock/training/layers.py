"""The network by configuration, a Keras layer. Imports Keras as it loads: import it only where a network is built.

Several members are trained as one: their weights lie side by side in each variable, so that one multiplication serves
them all, and a step has as many operations as that of a single network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from penstock.training.logic import embedding_width
from penstock.training.settings import TrainingSettings


@dataclass(frozen=True)
class Inputs:
    """The columns of the matrices that a network takes."""

    dense: int
    """Columns of numbers."""
    index: tuple[int, ...]
    """The number of categories, by column."""
    tokens: tuple[tuple[slice, int], ...]
    """The columns and the number of words, by text."""


class Network(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Embeddings and hidden layers, a linear part, or the sum of both, for all members at once.

    Takes the matrices `dense`, `index` and `tokens` and answers with shape (members, n_rows, outputs).

    Args:
        inputs: What it takes.
        settings: Which parts, how wide, how many members.
        start: The answer that training starts from, shape (outputs,).
    """

    def __init__(self, inputs: Inputs, settings: TrainingSettings, start: npt.NDArray[np.float32]) -> None:
        super().__init__(name="network")
        self._settings, self._members, self._outputs = settings, settings.members, len(start)
        self._random = np.random.default_rng((settings.seed, 0))
        self._bias = self._variable("bias", np.tile(start, (self._members, 1, 1)))
        self._wide = self._deep = None
        if settings.architecture != "deep":
            self._wide = _Categories(self, inputs, lambda size: self._outputs, "wide", 0.0)
            self._wide_kernel = self.kernel("wide_kernel", inputs.dense, self._outputs, scale=0.0)
        if settings.architecture != "linear":
            width = lambda size: embedding_width(size, settings.embedding_max)  # noqa: E731
            self._deep = _Categories(self, inputs, width, "embedded", 0.05)
            self._build_hidden(inputs.dense, self._deep.width)
        self.built = True

    def _build_hidden(self, dense: int, embedded: int) -> None:
        before, rate = dense + embedded, self._settings.dropout
        self._first, self._kernels, self._biases, self._dropouts = list[Any](), list[Any](), list[Any](), list[Any]()
        for number, units in enumerate([*self._settings.hidden_units, self._outputs]):
            scale = float(np.sqrt(6 / (before + units)))  # Glorot and Bengio 2010, equation 16
            if number == 0:
                self._first = [
                    self.kernel("kernel_dense", dense, units, scale),
                    self.kernel("kernel_embedded", embedded, units, scale),
                ]
            else:
                self._kernels.append(self.kernel(f"kernel_{number}", before, units, scale))
            if number < len(self._settings.hidden_units):
                self._biases.append(self._variable(f"bias_{number}", np.zeros((self._members, 1, units))))
                if rate:
                    self._dropouts.append(keras.layers.Dropout(rate, seed=self._settings.seed + number))
            before = units

    def _variable(self, name: str, values: npt.NDArray[Any], regularizer: Any = None) -> Any:
        return self.add_weight(
            shape=values.shape,
            initializer=lambda shape, dtype: tf.constant(values, dtype),
            regularizer=regularizer,
            name=name,
        )

    def kernel(self, name: str, before: int, after: int, scale: float) -> Any:
        """A matrix a member, uniform in [-scale, scale], or None where it would be empty."""
        if not before:
            return None
        shape = (self._members, before, after)
        l2 = keras.regularizers.L2(self._settings.l2) if self._settings.l2 and scale else None
        return self._variable(name, self._random.uniform(-scale, scale, shape), l2)

    def table(self, name: str, size: int, width: int, scale: float) -> Any:
        """The members' vectors of each category, side by side, uniform in [-scale, scale]."""
        return self._variable(name, self._random.uniform(-scale, scale, (size, self._members * width)))

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Answer: shape (members, n_rows, outputs)."""
        dense, index, tokens = inputs
        answer = self._bias + tf.zeros([tf.shape(dense)[0], 1])
        if self._wide is not None:
            if self._wide_kernel is not None:
                answer += tf.matmul(dense, self._wide_kernel)
            for vectors in self._wide(index, tokens):
                answer += tf.add_n(tf.unstack(vectors, axis=2))
        if self._deep is not None:
            answer += self._run_hidden(dense, self._deep(index, tokens), training)
        return answer

    def _run_hidden(self, dense: Any, vectors: list[Any], training: bool) -> Any:
        from_dense, from_embedded = self._first
        x = tf.matmul(dense, from_dense) if from_dense is not None else 0.0
        if from_embedded is not None:
            rows = tf.shape(dense)[0]
            flat = [tf.reshape(v, [self._members, rows, v.shape[2] * v.shape[3]]) for v in vectors]
            x += tf.matmul(flat[0] if len(flat) == 1 else tf.concat(flat, 2), from_embedded)
        for number, bias in enumerate(self._biases):
            x = tf.nn.relu(x + bias)
            if self._dropouts:
                x = self._dropouts[number](x, training=training)
            x = tf.matmul(x, self._kernels[number])
        return x


class _Categories:
    """Vectors of categories and texts. Columns with vectors of the same width share a table, and so one operation."""

    def __init__(self, network: Network, inputs: Inputs, width: Callable[[int], int], name: str, scale: float) -> None:
        self._members, self._groups, self._texts, self.width = network._members, [], [], 0
        widths = [width(size) for size in inputs.index]
        for wide in sorted(set(widths)):
            columns = [column for column, one in enumerate(widths) if one == wide]
            sizes = [inputs.index[column] for column in columns]
            offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32)
            self._groups.append((columns, offsets, network.table(f"{name}_{wide}", sum(sizes), wide, scale), wide))
            self.width += wide * len(columns)
        for number, (place, size) in enumerate(inputs.tokens):
            wide = width(size)
            self._texts.append((place, network.table(f"{name}_text_{number}", size, wide, scale), wide))
            self.width += wide

    def __call__(self, index: Any, tokens: Any) -> list[Any]:
        """Vectors, each of shape (members, n_rows, columns, width)."""
        found = []
        for columns, offsets, table, width in self._groups:
            chosen = index if len(columns) == index.shape[1] else tf.gather(index, columns, axis=1)
            vectors = tf.gather(table, chosen + offsets)
            found.append(self._by_member(vectors, len(columns), width))
        for place, table, width in self._texts:
            words = tokens[:, place]
            there = tf.cast(words > 0, tf.float32)[:, :, None]
            total = tf.reduce_sum(tf.gather(table, words) * there, axis=1)
            mean = total / tf.maximum(tf.reduce_sum(there, axis=1), 1.0)
            found.append(self._by_member(mean[:, None], 1, width))
        return found

    def _by_member(self, vectors: Any, columns: int, width: int) -> Any:
        split = tf.reshape(vectors, [tf.shape(vectors)[0], columns, self._members, width])
        return split[None, :, :, 0] if self._members == 1 else tf.transpose(split, [2, 0, 1, 3])
