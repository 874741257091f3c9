"""What each kind of node of TFT's analysis graph means when it is computed in one process.

A node is either an accumulator, fed batch by batch, or a follower, computed once from what its inputs gave. The numbers
come from TFT's own combiner objects; only the plumbing around them, which is Beam in TFT, is ours. A kind that is not
listed here is not guessed at: the caller lets Beam do the whole analysis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from components.transform import vocabulary


class Accumulator(Protocol):
    """Takes batches, then gives what it gathered."""

    def add(self, values: tuple[Any, ...]) -> None:
        """Take one batch: a NumPy array for each tensor of the node's source."""

    def finish(self) -> Any:
        """Give the node's value."""


class _Combined:
    """A combiner over whole batches."""

    def __init__(self, definition: Any) -> None:
        self._combiner = definition.combiner
        self._state = self._combiner.create_accumulator()

    def add(self, values: tuple[Any, ...]) -> None:
        self._state = self._combiner.add_input(self._state, values)

    def finish(self) -> Any:
        return self._combiner.compact(self._state)


class _CombinedPerKey:
    """A combiner for each key."""

    def __init__(self, definition: Any) -> None:
        from tensorflow_transform import analyzers

        self._combiner = definition.combiner
        self._states: dict[Any, Any] = {}
        # Quantiles come row by row and take rows together; other combiners get rows that the graph has reduced
        # already, one a key and batch, and would mistake several rows for one with more dimensions.
        self._whole = isinstance(self._combiner, analyzers.QuantilesCombiner)

    def add(self, values: tuple[Any, ...]) -> None:
        keys, columns = values[0], values[1:]
        for key, rows in self._groups(keys):
            state = self._states[key] if key in self._states else self._combiner.create_accumulator()
            self._states[key] = self._combiner.add_input(state, [column[rows] for column in columns])

    def finish(self) -> Any:
        return {key: self._combiner.compact(state) for key, state in self._states.items()}

    def _groups(self, keys: Any) -> list[tuple[Any, Any]]:
        import numpy as np
        import pyarrow as pa

        if not self._whole:
            return list(zip(keys.tolist(), range(len(keys)), strict=True))
        encoded = pa.array(keys).dictionary_encode()
        codes = encoded.indices.to_numpy()
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], np.arange(len(encoded.dictionary)))
        return list(zip(encoded.dictionary.to_pylist(), np.split(order, starts[1:]), strict=True))


ACCUMULATORS: Mapping[str, Callable[[Any], Accumulator]] = {
    "CacheableCombineAccumulate": _Combined,
    "CacheableCombinePerKeyAccumulate": _CombinedPerKey,
    "VocabularyAccumulate": vocabulary.TokenCounts,
}
"""Kinds of nodes that are fed batches."""


def supported(definition: Any) -> bool:
    """Say whether a node can be computed here."""
    kind = type(definition).__name__
    if kind in ("VocabularyAccumulate", "VocabularyMerge"):
        from tensorflow_transform import analyzers

        orders = analyzers._VocabOrderingType
        return definition.vocab_ordering_type in (orders.FREQUENCY, orders.WEIGHTED_FREQUENCY)
    if kind == "VocabularyPrune":
        return definition.key_fn is None
    return kind in ACCUMULATORS or kind in FOLLOWERS


def _merge(definition: Any, inputs: tuple[Any, ...], _folder: Path) -> tuple[Any, ...]:
    combiner = definition.combiner
    return (combiner.extract_output(combiner.merge_accumulators(list(inputs))),)


def _merge_per_key(definition: Any, inputs: tuple[Any, ...], _folder: Path) -> tuple[Any, ...]:
    combiner = definition.combiner
    (states,) = inputs
    return ({key: combiner.extract_output(combiner.merge_accumulators([s])) for key, s in states.items()},)


def _format_keys(definition: Any, inputs: tuple[Any, ...], _folder: Path) -> tuple[Any, ...]:
    import numpy as np

    (outputs,) = inputs
    keys = sorted(outputs)
    dtypes = [info.dtype.as_numpy_dtype for info in definition.combiner.output_tensor_infos()]
    columns = [np.array([outputs[key][i] for key in keys], dtype) for i, dtype in enumerate(dtypes)]
    return (np.array(keys, object), *columns)


def _format_large(_definition: Any, inputs: tuple[Any, ...], _folder: Path) -> tuple[Any, ...]:
    import pyarrow as pa

    (outputs,) = inputs
    values = [",".join(str(value) for value in outputs[key]) for key in outputs]
    return (pa.table({"token": pa.array(list(outputs), pa.binary()), "weight": pa.array(values, pa.string())}),)


def _count(_definition: Any, inputs: tuple[Any, ...], _folder: Path) -> tuple[Any, ...]:
    import numpy as np

    return (np.int64(max(1, inputs[0].num_rows)),)  # an empty vocabulary is written with one stand-in


def _scale_and_flatten(_definition: Any, inputs: tuple[Any, ...], _folder: Path) -> tuple[Any, ...]:
    """Lay the boundaries of all keys end to end on one axis, key k on [k, k + 1].

    Returns:
        Boundaries on that axis; scale and shift per key, with which `x * scale + shift` lands on it; buckets per key.
    """
    import numpy as np

    rows = inputs[0]
    width = rows[:, -1:] - rows[:, :1]
    least = np.where(width > 0, 1e-6 * width, 1e-6)
    rising = np.cumsum(np.hstack([rows[:, :1], np.maximum(np.diff(rows, axis=1), least)]), axis=1)
    low, spread = rising.min(axis=1), rising.max(axis=1) - rising.min(axis=1)
    scale = np.where(spread != 0, 1.0 / np.where(spread != 0, spread, 1.0), 1.0)
    shift = np.arange(len(scale), dtype=np.float32) - low * scale
    ends = (rising[:, 1:] * scale[:, None] + shift[:, None]).ravel()
    return np.concatenate([[0.0], ends]), scale, shift, np.int64(rows.shape[1] + 1)


FOLLOWERS: Mapping[str, Callable[[Any, tuple[Any, ...], Path], tuple[Any, ...]]] = {
    "TensorSource": lambda _definition, _inputs, _folder: (None,),
    "CacheableCombineMerge": _merge,
    "ExtractCombineMergeOutputs": lambda _definition, inputs, _folder: tuple(inputs[0]),
    "CacheableCombinePerKeyMerge": _merge_per_key,
    "CacheableCombinePerKeyFormatKeys": _format_keys,
    "CacheableCombinePerKeyFormatLarge": _format_large,
    "ScaleAndFlattenPerKeyBucketBouandaries": _scale_and_flatten,
    "VocabularyMerge": lambda _definition, inputs, _folder: (inputs[0],),
    "VocabularyCount": _count,
    "VocabularyPrune": lambda definition, inputs, _folder: (vocabulary.prune(definition, inputs[0]),),
    "VocabularyOrderAndWrite": lambda definition, inputs, folder: (
        str(vocabulary.write(definition, inputs[0], folder)),
    ),
}
"""Kinds of nodes that are computed from others, by name of their class in `tensorflow_transform.analyzer_nodes`."""
