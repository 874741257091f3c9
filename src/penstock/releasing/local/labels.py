"""Labels that come late: files of a request's id and its true label, which are added to while they are read."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path

from penstock.releasing.gates.source_spec import Source
from penstock.sdk import BadInput

Labels = list[tuple[str, float]]
"""Ids and values."""
Read = dict[str, int]
"""Of each file, how far it has been read: bytes of CSV, rows of Parquet."""


def read_labels(source: Source, read: Mapping[str, int], until: Mapping[str, int] | None = None) -> tuple[Labels, Read]:
    """The labels that came since.

    Args:
        source: Where they are.
        read: What was returned the last time.
        until: How far to read; to the end where nothing is said.

    Returns:
        Ids and values, and what has been read now. A folder that is not there yet has none.

    Raises:
        BadInput: A file cannot be read as labels (whoever writes them).
    """
    folder = Path(source.labels.removeprefix("file://"))
    files = [folder] if folder.is_file() else sorted(folder.iterdir()) if folder.is_dir() else []
    found: Labels = []
    after = dict(read)
    for path in files:
        if path.name.startswith(".") or path.suffix not in {".csv", ".parquet"}:
            continue
        if until is not None and path.name not in until:
            continue
        end = until[path.name] if until is not None else None
        rows, after[path.name] = _rows(path, source, read.get(path.name, 0), end)
        found += [(identity, _number(value)) for identity, value in rows if value not in {None, ""}]
    return found, after


Rows = list[tuple[str, object]]


def _rows(path: Path, source: Source, before: int, end: int | None) -> tuple[Rows, int]:
    """The rows of a file from a place on, and the place to go on from."""
    columns = (source.id_column, source.value_column)
    try:
        return _parquet(path, columns, before, end) if path.suffix == ".parquet" else _csv(path, columns, before, end)
    except FileNotFoundError:
        return [], before
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise BadInput(f"labels {path} cannot be read: {' '.join(str(error).split())[:200]}") from None


def _csv(path: Path, columns: tuple[str, str], before: int, end: int | None) -> tuple[Rows, int]:
    """Whole lines only: the last may still be written."""
    with path.open("rb") as file:
        head = file.readline()
        begin = file.seek(max(before, len(head)))
        text = file.read() if end is None else file.read(max(0, end - begin))
    if not head.endswith(b"\n"):
        return [], before
    names = next(csv.reader([head.decode("utf-8-sig")]))
    missing = [name for name in columns if name not in names]
    if missing:
        raise ValueError(f"it has no column {missing[0]!r}")
    whole = text[: text.rfind(b"\n") + 1]
    places = [names.index(name) for name in columns]
    lines = csv.reader(io.StringIO(whole.decode("utf-8"), newline=""))
    rows: Rows = [(line[places[0]], line[places[1]]) for line in lines if len(line) == len(names)]
    return rows, begin + len(whole)


def _parquet(path: Path, columns: tuple[str, str], before: int, end: int | None) -> tuple[Rows, int]:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise ValueError(f"it has no column {missing[0]!r}")
    last = table.num_rows if end is None else end
    rows = table.select(list(columns)).slice(before, max(0, last - before)).to_pylist()
    return [(str(row[columns[0]]), row[columns[1]]) for row in rows], max(before, last)


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan


def written(read: Mapping[str, int]) -> str:
    """As a cursor."""
    return json.dumps(dict(sorted(read.items())))


def parsed(cursor: str) -> Read:
    """From a cursor; nothing was read where there is none."""
    return dict(json.loads(cursor)) if cursor else {}
