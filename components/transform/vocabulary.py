"""Vocabulary analyzers, vectorised: counting, pruning, ordering and writing, as TensorFlow Transform does them.

Counts stay in Arrow columns from the first batch to the file, so that a vocabulary of millions never becomes Python
objects, except where TFT's own format asks for one line of text each.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


class TokenCounts:
    """Counts tokens, or sums their weights, over batches."""

    def __init__(self, definition: Any) -> None:
        self._tables: list[pa.Table] = []
        self._pending = 0
        self._text = definition.input_dtype == "string"

    def add(self, values: tuple[Any, ...]) -> None:
        """Count one batch.

        Args:
            values: Tokens of shape (n,); and for weighted vocabularies their summed weights, same shape.
        """
        import pyarrow as pa

        tokens = pa.array(values[0], type=pa.binary() if self._text else None)
        if len(values) == 1:
            counted = tokens.value_counts()
            table = pa.table({"token": counted.field(0), "weight": counted.field(1)})
        else:
            table = pa.table({"token": tokens, "weight": pa.array(values[1]).cast(pa.float64())})
        self._tables.append(table)
        self._pending += table.num_rows
        if self._pending > _COMPACT_ROWS:
            self._tables = [self._merged()]
            self._pending = 0

    def finish(self) -> pa.Table:
        """Columns `token` and `weight`, a token once."""
        return self._merged()

    def _merged(self) -> pa.Table:
        import pyarrow as pa

        if not self._tables:
            return pa.table({"token": pa.array([], pa.binary()), "weight": pa.array([], pa.int64())})
        grouped = pa.concat_tables(self._tables).group_by("token").aggregate([("weight", "sum")])
        return pa.table({"token": grouped["token"], "weight": grouped["weight_sum"]})


_COMPACT_ROWS = 4_000_000


def prune(definition: Any, counts: pa.Table) -> pa.Table:
    """Keep tokens that are frequent enough, and of those the first `top_k`.

    Ties are broken by the token itself, larger bytes first, as TFT's ordering of (count, token) pairs does.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if definition.frequency_threshold > 0:
        counts = counts.filter(pc.greater_equal(counts["weight"], definition.frequency_threshold))
    if not pa.types.is_binary(counts.schema.field("token").type):
        counts = counts.set_column(0, "token", pc.cast(pc.cast(counts["token"], pa.string()), pa.binary()))
    if definition.top_k is None:
        return counts
    return _ordered(counts).slice(0, definition.top_k)


def write(definition: Any, counts: pa.Table, folder: Path) -> Path:
    """Order the tokens and write TFT's vocabulary file.

    Returns:
        The file: one token a line (behind its count, if so asked), or TFRecords.
    """
    from tensorflow_transform import analyzers

    if definition.fingerprint_shuffle:
        rows = sorted(_rows(counts), key=lambda row: hashlib.sha1(row[1]).digest())  # noqa: S324 - TFT's order
    else:
        rows = _rows(_ordered(counts))
    if not rows:  # TensorFlow cannot load a table from an empty file
        rows = [analyzers.get_empy_vocabulary_dummy_value(definition.input_dtype)]
    lines = (
        [f"{weight} ".encode() + token for weight, token in rows]
        if definition.store_frequency
        else [token for _, token in rows]
    )
    folder.mkdir(parents=True, exist_ok=True)
    if definition.file_format == "text":
        path = folder / definition.vocab_filename
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        return path
    import tensorflow as tf

    path = folder / f"{definition.vocab_filename}.tfrecord.gz"
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for line in lines:
            writer.write(line)
    return path


def _ordered(counts: pa.Table) -> pa.Table:
    return counts.sort_by([("weight", "descending"), ("token", "descending")])


def _rows(counts: pa.Table) -> list[tuple[Any, bytes]]:
    return list(zip(counts["weight"].to_pylist(), counts["token"].to_pylist(), strict=True))
