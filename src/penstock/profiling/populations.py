"""Rows that look like another population: a test system's, another country's, an older version's.

The rule is one that can be told in a sentence: rows that share one value of a column, or that lie together in the
data, and that differ almost completely from all other rows in at least half of the other columns. Rows are compared
with those of the same label, so that data sorted by their label show no such thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.profiling.coding import Coded

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FAR = 0.75
"""Total variation distance from which a column's values count as others altogether: at most a quarter overlaps."""
_FEWEST_COLUMNS = 3
_SHARE_OF_COLUMNS = 0.5
_FEWEST_ROWS = 30
"""Rows of the sample from which a group is compared."""
_LARGEST_SHARE = 0.4
"""A larger group is no exception but one of two kinds, which a model can learn."""
_MOST_VALUES = 50
_MOST_BLOCKS = 50
_CODES = 10
_SHOWN_COLUMNS = 5


@dataclass(frozen=True)
class Group:
    """Rows that differ from the others."""

    first: int
    """The first code of the grouping that is in it."""
    last: int
    share: float
    """Of the rows looked at, in (0, 1)."""
    columns: tuple[str, ...]
    """The columns in which it differs, the most different first."""
    compared: int
    """How many columns were compared."""

    @property
    def shown(self) -> str:
        """The columns as a message names them."""
        more = len(self.columns) - _SHOWN_COLUMNS
        return ", ".join(self.columns[:_SHOWN_COLUMNS]) + (f" and {more} more" if more > 0 else "")


def strange_values(grouping: Coded, others: Sequence[Coded], label: Coded) -> list[Group]:
    """Find the values of a column whose rows are of another population.

    Args:
        grouping: The column; nothing is found where it has many values.
        others: The columns to compare, coarse.
        label: The label, coarse.
    """
    if grouping.size > _MOST_VALUES + 1:
        return []
    return _strange(grouping, others, label)


def strange_blocks(others: Sequence[Coded], label: Coded) -> list[Group]:
    """Find stretches of the data whose rows are of another population; codes are `blocks_of`'s."""
    grouping = blocks_of(len(label.codes))
    return _joined(_strange(grouping, others, label)) if grouping.size > 2 else []


def blocks_of(rows: int) -> Coded:
    """Number the rows by the equally long stretch of the data that they lie in."""
    import numpy as np

    count = min(_MOST_BLOCKS, rows // _FEWEST_ROWS)
    codes = np.arange(rows) * count // max(rows, 1)
    return Coded("", codes, count, np.zeros(rows, dtype=bool), ordered=True)


def _strange(grouping: Coded, others: Sequence[Coded], label: Coded) -> list[Group]:
    import numpy as np

    compared = [other for other in others if other.name not in (grouping.name, label.name)]
    if len(compared) < _FEWEST_COLUMNS:
        return []
    rows = np.bincount(grouping.codes, minlength=grouping.size)
    candidates = np.flatnonzero((rows >= _FEWEST_ROWS) & (rows <= _LARGEST_SHARE * len(grouping.codes)))
    if not len(candidates):
        return []
    both = label.codes * grouping.size + grouping.codes
    cells = np.bincount(both, minlength=label.size * grouping.size).reshape(label.size, grouping.size)
    distances = np.stack([_distances(both, cells, other) for other in compared], axis=1)
    found = []
    for code in candidates:
        far = np.flatnonzero(distances[code] >= FAR)
        if len(far) >= max(_FEWEST_COLUMNS, _SHARE_OF_COLUMNS * len(compared)):
            names = tuple(compared[i].name for i in far[np.argsort(-distances[code][far], kind="stable")])
            share = float(rows[code] / len(grouping.codes))
            found.append(Group(int(code), int(code), share, names, len(compared)))
    return found


def _distances(both: npt.NDArray[np.int64], cells: npt.NDArray[np.int64], other: Coded) -> npt.NDArray[np.float64]:
    """How far each group's values lie from those of all other rows with the same labels.

    Args:
        both: Label and group of each row, as one number.
        cells: Rows by label and group, shape (n_labels, n_groups).
        other: The column whose values are compared.

    Returns:
        Total variation distances, shape (n_groups,), in [0, 1]; 0 where most of a group's labels are nowhere else.
    """
    import numpy as np

    labels, groups = cells.shape
    counts = np.bincount(both * other.size + other.codes, minlength=labels * groups * other.size)
    counts = counts.reshape(labels, groups, other.size).astype(np.float64)
    elsewhere = cells.sum(axis=1, keepdims=True) - cells
    weight = np.where(elsewhere >= _FEWEST_ROWS, cells, 0).astype(np.float64)
    known = weight.sum(axis=0) / np.maximum(cells.sum(axis=0), 1)
    inside = counts / np.maximum(cells, 1)[:, :, None]
    outside = (counts.sum(axis=1, keepdims=True) - counts) / np.maximum(elsewhere, 1)[:, :, None]
    weight /= np.maximum(weight.sum(axis=0), 1)
    mixed = ((inside - outside) * weight[:, :, None]).sum(axis=0)
    distances: npt.NDArray[np.float64] = np.where(known > 0.5, np.abs(mixed).sum(axis=1) / 2, 0.0)
    return distances


def _joined(blocks: list[Group]) -> list[Group]:
    """Blocks that lie beside each other are one."""
    joined: list[Group] = []
    for block in blocks:
        before = joined[-1] if joined else None
        if before is None or block.first != before.last + 1:
            joined.append(block)
            continue
        columns = before.columns + tuple(name for name in block.columns if name not in before.columns)
        joined[-1] = Group(before.first, block.last, before.share + block.share, columns, block.compared)
    return [block for block in joined if block.share <= _LARGEST_SHARE]
