"""What `skeleton` decides: values in, values out, no files."""

from __future__ import annotations

from collections.abc import Mapping


def large_enough(rows: Mapping[str, int], min_rows: int) -> list[str]:
    """Name the splits to keep.

    Args:
        rows: Rows by split [rows], each >= 0.
        min_rows: Smallest number of rows that a split may have [rows].

    Returns:
        Their names, sorted.

    Example:
        >>> large_enough({"train": 8, "eval": 1}, min_rows=2)
        ['train']
    """
    return sorted(split for split, count in rows.items() if count >= min_rows)
