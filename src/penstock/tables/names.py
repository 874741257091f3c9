"""Names of columns: which are there, which is meant, and what they are called from here on."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from penstock.sdk import BadInput

_SHOWN = 12


def require_column(column: str, names: Sequence[str], where: str) -> None:
    """Refuse a column that is not there, and name the nearest that is.

    Raises:
        BadInput: It is not there (author of the configuration, or of the data).
    """
    if column not in names:
        near = difflib.get_close_matches(column, names, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"It has {_listed(names)}"
        raise BadInput(f"{where}: has no column {column!r}", hint)


def refuse_twice(names: Sequence[str], where: str) -> None:
    """Refuse a table in which two columns have one name.

    Raises:
        BadInput: It is one (author of the data).
    """
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        if twice == [""]:
            hint = "Name them; if the line is a title, delete it"
            raise BadInput(f"{where} leaves {Counter(names)['']:,} columns without a name", hint)
        shown = ", ".join(repr(name) for name in twice[:_SHOWN])
        raise BadInput(f"{where} names a column twice: {shown}", "Rename one of them in the data")


def new_names(names: Iterable[str], columns: Mapping[str, str], where: str) -> dict[str, str]:
    """Say what every column of a file is called from here on.

    Args:
        names: The columns, by their names in the file.
        columns: New name: name in the file.
        where: Names the file in messages.

    Returns:
        New name: name in the file; all columns, in the order of the file.

    Raises:
        BadInput: Two columns would have one name, or a renamed column is not there (author of the configuration).

    Example:
        >>> new_names(["Total $", "b"], {"total": "Total $"}, "a.csv")
        {'total': 'Total $', 'b': 'b'}
    """
    known = list(names)
    for old in columns.values():
        require_column(old, known, where)
    renamed: dict[str, list[str]] = {}
    for new, old in columns.items():
        renamed.setdefault(old, []).append(new)
    out: dict[str, str] = {}
    for old in known:
        for new in renamed.get(old, [old]):
            if new in out:
                raise BadInput(f"{where}: columns {out[new]!r} and {old!r} would both be called {new!r}", "Rename one")
            out[new] = old
    return out


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return (", ".join(names[:_SHOWN]) or "none") + more
