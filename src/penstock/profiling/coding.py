"""A sample of the table as small whole numbers: what the searches for suspects count in.

Every column becomes codes: values that come again get one each, numbers are cut between quantiles, and a missing value
has a code of its own. Counting codes finds any relation, straight or bent, and is fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.profiling.columns import LISTED_VALUES, encode, numbers_of
from penstock.profiling.profile import ColumnProfile

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

_SAMPLED_VALUES = 4_000_000
"""Values that are searched, in all columns together, as far as the rows stay within the next two bounds."""
_FEWEST_SAMPLED, _MOST_SAMPLED = 2_000, 40_000
_MOST_BINS = 200
_ROWS_A_BIN = 10


@dataclass(frozen=True)
class Coded:
    """One column of the sample."""

    name: str
    codes: npt.NDArray[np.int64]
    """Shape (n_sampled,), in [0, size)."""
    size: int
    missing: npt.NDArray[np.bool_]
    """True where the value is missing, shape (n_sampled,)."""
    ordered: bool
    """Whether a larger code means a larger value; the code of missing values is the largest all the same."""
    words: tuple[str, ...] = ()
    """What the codes stand for, where they are few texts or truth values."""

    def coarse(self, size: int) -> Coded:
        """The same in at most so many codes, one more where values are missing."""
        import numpy as np

        present = ~self.missing
        used = np.bincount(self.codes[present], minlength=self.size)
        if np.count_nonzero(used) <= size:
            new = (np.cumsum(used > 0) - 1).astype(np.int64)
        elif self.ordered:
            below = np.cumsum(used) - used / 2
            new = np.minimum((below * size / max(used.sum(), 1)).astype(np.int64), size - 1)
        else:
            new = np.full(self.size, size - 1, dtype=np.int64)
            new[np.argsort(-used, kind="stable")[: size - 1]] = np.arange(size - 1)
        codes = np.where(present, new[self.codes], size)
        return Coded(self.name, codes, size + 1, self.missing, self.ordered)


def rows_to_sample(columns: int) -> int:
    """How many rows of a table are searched: fewer of a wide one.

    Example:
        >>> rows_to_sample(50), rows_to_sample(400), rows_to_sample(10_000)
        (40000, 10000, 2000)
    """
    return min(_MOST_SAMPLED, max(_FEWEST_SAMPLED, _SAMPLED_VALUES // max(columns, 1)))


def sampled_rows(rows: int, most: int) -> npt.NDArray[np.int64]:
    """Evenly spaced places, rising; all where there are few.

    Example:
        >>> sampled_rows(10, 5).tolist()
        [0, 2, 4, 6, 8]
    """
    import numpy as np

    if rows <= most:
        return np.arange(rows, dtype=np.int64)
    return (np.arange(most, dtype=np.int64) * rows) // most


def code_columns(table: pa.Table, columns: Sequence[ColumnProfile]) -> dict[str, Coded]:
    """Code every column of a table, by name."""
    return {column.name: code_column(column.name, table.column(column.name)) for column in columns}


def code_column(name: str, column: pa.ChunkedArray) -> Coded:
    """Code one column of shape (n_rows,)."""
    import numpy as np
    import pyarrow.types as is_

    missing = column.is_null().to_numpy()
    if is_.is_string(column.type) or is_.is_dictionary(column.type):
        dictionary, numbered = encode(column)
        of_words = np.where(missing, len(dictionary), numbered).astype(np.int64)
        return Coded(name, of_words, len(dictionary) + 1, missing, False, _few(dictionary))
    numbers = numbers_of(column)
    codes = np.zeros(len(column), dtype=np.int64)
    bounds = _bounds(numbers)
    codes[~missing] = np.searchsorted(bounds, numbers, side="right")
    codes[missing] = len(bounds) + 1
    words = tuple(str(bool(value)) for value in np.unique(numbers)) if is_.is_boolean(column.type) else ()
    return Coded(name, codes, len(bounds) + 2, missing, True, words)


def _few(words: pa.Array) -> tuple[str, ...]:
    return tuple(words.to_pylist()) if len(words) <= LISTED_VALUES else ()


def _bounds(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Where to cut: between all values where they come again, else between quantiles."""
    import numpy as np

    most = int(np.clip(len(numbers) // _ROWS_A_BIN, 2, _MOST_BINS))
    values: npt.NDArray[Any] = np.unique(numbers)
    if len(values) > most:
        quantiles = np.linspace(0, 1, most + 1)[1:-1]
        values = np.unique(np.quantile(numbers, quantiles, method="inverted_cdf"))
        return values if len(values) and values[0] > numbers.min() else values[1:]
    return values[1:]
