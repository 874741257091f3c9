"""Values inside values: what a column of JSON holds under a path, and JSON lines as tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.sdk import BadInput
from penstock.tables.contents import read_texts
from penstock.tables.delimited import Choose, Piece
from penstock.tables.values import Locate

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".jsonl", ".ndjson")

_MOST_PATHS = 64
_DEEPEST = 4
_INT64 = range(-(2**63), 2**63)


def json_values(
    column: pa.ChunkedArray, paths: Sequence[Sequence[str | int]], where: str, locate: Locate
) -> list[pa.Array]:
    """Take values out of JSON texts.

    Args:
        column: Texts, shape (n_rows,); a missing one has no values.
        paths: The way to each value.
        where: Names the column in messages.
        locate: Says where a row is.

    Returns:
        For each path an array of shape (n_rows,), typed as JSON types it where all values agree, else text.

    Raises:
        BadInput: A text is not JSON (author of the data).

    Example:
        >>> import pyarrow
        >>> column = pyarrow.chunked_array([['{"a": {"b": [7]}}', None, '{"a": 1}']])
        >>> json_values(column, [["a", "b", 0], ["a"]], "", str)[0].to_pylist()
        [7, None, None]
    """
    import pyarrow as pa

    encoded = column.dictionary_encode().combine_chunks()
    encoded = encoded if isinstance(encoded, pa.DictionaryArray) else pa.concat_arrays(encoded.chunks)
    found: list[list[Any]] = [[] for _ in paths]
    for number, text in enumerate(encoded.dictionary.to_pylist()):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            row = encoded.indices.index(number).as_py()
            raise BadInput(f"{where}: {locate(row)} is no JSON: {text[:40]!r}") from None
        for path, values in zip(paths, found, strict=True):
            values.append(_follow(value, path))
    return [typed_values(values).take(encoded.indices) for values in found]


def json_paths(column: pa.ChunkedArray) -> list[tuple[str, ...]]:
    """The ways to all plain values inside JSON objects, in order of first appearance, at most `_MOST_PATHS` of them."""
    import pyarrow.compute as pc

    paths: dict[tuple[str, ...], None] = {}

    def walk(value: Any, path: tuple[str, ...]) -> None:
        if isinstance(value, dict) and len(path) < _DEEPEST:
            for key, inner in value.items():
                walk(inner, (*path, key))
        elif path and value is not None and len(paths) < _MOST_PATHS:
            paths[path] = None

    for text in pc.unique(column.drop_null()).to_pylist():
        walk(json.loads(text), ())
    return list(paths)


def typed_values(values: list[Any]) -> pa.Array:
    """Make an array of JSON values: bool, int64, float64, or text where they do not agree.

    Example:
        >>> typed_values([1, 2.5, None]).to_pylist(), typed_values([1, "a", [2]]).to_pylist()
        ([1.0, 2.5, None], ['1', 'a', '[2]'])
    """
    import pyarrow as pa

    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds == {int} and all(value is None or value in _INT64 for value in values):
        return pa.array(values, pa.int64())
    if kinds and kinds <= {int, float}:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([v if v is None or isinstance(v, str) else as_json(v) for v in values], pa.string())


def as_json(value: Any) -> str:
    """Write a value as JSON, the same for equal values."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)


def read_json_lines(path: Path, encoding: str, choose: Choose, where: str) -> list[Piece]:
    """Read texts that hold a JSON object a line: its keys are the columns.

    Raises:
        BadInput: A line is no JSON object, or a column is not there (author of the data).
    """
    import pyarrow as pa

    pieces = []
    for text in read_texts(path, encoding, where, SUFFIXES):
        rows, lines = _objects(text.content, text.where)
        names = list(dict.fromkeys(key for row in rows for key in row))
        columns = {name: typed_values([row.get(name) for row in rows]) for name in choose(names, text.where)}
        pieces.append(Piece(text.where, pa.table(columns), names, partial(_line, lines)))
    return pieces


def _line(lines: list[int], row: int) -> str:
    return f"line {lines[row]:,}"


def _objects(content: bytes, where: str) -> tuple[list[dict[str, Any]], list[int]]:
    rows, lines = [], []
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{where}: line {number:,}: is no JSON: {error}") from None
        if not isinstance(row, dict):
            raise BadInput(f"{where}: line {number:,}: is no JSON object, so it names no columns")
        rows.append(row)
        lines.append(number)
    return rows, lines


def _follow(value: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and 0 <= step < len(value):
            value = value[step]
        else:
            return None
    return value
