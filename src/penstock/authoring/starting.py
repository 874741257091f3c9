"""From the address of a table to a pipeline that runs: sniff, look, choose, write."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.artifacts.task import TaskKind
from penstock.authoring.starting_folder import check_name, check_place, start_pipeline
from penstock.profiling.choosing import Choices, choose
from penstock.profiling.looking import Wishes, look
from penstock.profiling.names import safe_names
from penstock.profiling.profile import Finding, Profile
from penstock.sdk import BadInput


@dataclass(frozen=True)
class Request:
    """What the user asks for; columns are called as in the data, or by their safe names."""

    name: str
    data: str
    """The address of the table: a path, or a URL; with `query`, a database's."""
    label: str
    time_column: str = ""
    key: tuple[str, ...] = ()
    task: TaskKind | None = None
    drop: tuple[str, ...] = ()
    query: str = ""
    encoding: str = ""
    """How the bytes of a CSV are letters; found when empty."""
    delimiter: str = ""
    """What separates the values of a CSV; found when empty."""
    force: bool = False


@dataclass(frozen=True)
class Started:
    """A pipeline that was written."""

    folder: Path
    files: tuple[str, ...]
    profile: Profile
    choices: Choices


Progress = Callable[[str, int, int], None]
"""Told what is being done, and how much of it is done, of how much in all."""


def start(request: Request, root: Path, progress: Progress = lambda *_: None) -> Started:
    """Start a pipeline from a table.

    Args:
        request: What is asked for.
        root: The project; its `pipelines/` is made where there is none.
        progress: Told how far it is.

    Raises:
        BadInput: The name, the place, the table or a column cannot be used; nothing was written (caller's user).
        PenstockError: The table cannot be reached (operator).
    """
    from penstock.tables.sniffing import sniff

    # What is cheap to refuse is refused before a large table is read.
    name = check_name(request.name)
    folder = check_place(root, name.replace("-", "_"), force=request.force)
    address = _lasting(request.data, request.query)
    sniffed = sniff(
        address,
        query=request.query,
        encoding=request.encoding,
        delimiter=request.delimiter,
        progress=lambda done, total: progress("reading", done, total),
    )
    names = safe_names(sniffed.table.column_names)
    safe = {original: name for name, original in names.items()}
    source = sniffed.source.renamed({name: original for name, original in names.items() if name != original})
    notes = tuple(_finding(note.column, note.text, safe) for note in sniffed.notes)
    table = sniffed.table.rename_columns(list(names))
    del sniffed  # the profile needs the memory
    looking = _with_safe_names(request, names)
    for note in notes:
        if note.columns and note.columns[0] == looking.time_column:
            raise BadInput(f"time column {note.text}", "Mend the data, or choose another column")
    profile = look(table, names, looking, lambda done, total: progress("looking", done, total)).with_findings(notes)
    choices = choose(profile, source, name)
    progress("writing", 0, 1)
    files = start_pipeline(folder, name, profile, choices)
    progress("writing", 1, 1)
    return Started(folder, files, profile, choices)


def _lasting(address: str, query: str) -> str:
    """The address as a run from any folder understands it."""
    if query:
        scheme, _, path = address.partition(":///")
        in_file = scheme.startswith("sqlite") and path and not path.startswith((":", "/", "file:"))
        return f"{scheme}:///{Path(path).absolute()}" if in_file else address
    return address if "://" in address else str(Path(address).absolute())


def _finding(column: str, text: str, safe: Mapping[str, str]) -> Finding:
    about = f"{safe.get(column, column)}: " if column else ""
    return Finding(kind="source", columns=(safe[column],) if column in safe else (), text=f"{about}{text}")


def _with_safe_names(request: Request, names: Mapping[str, str]) -> Wishes:
    def one(option: str, asked: str) -> str:
        return _safe(asked, names, f"--{option}") if asked else ""

    def several(option: str, asked: Sequence[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one(option, name) for name in asked))

    return Wishes(
        label=_safe(request.label, names, "--label"),
        time_column=one("time-column", request.time_column),
        key=several("key", request.key),
        task=request.task,
        drop=several("drop", request.drop),
    )


def _safe(asked: str, names: Mapping[str, str], option: str) -> str:
    """The safe name of a column that is called as in the data, or safely."""
    for name, original in names.items():
        if original == asked:
            return name
    if asked in names:
        return asked
    known = {*names, *names.values()}
    near = [name for name in names.values() if name.casefold() == asked.casefold()]
    near += difflib.get_close_matches(asked, known, n=1, cutoff=0.5)
    columns = list(names.values())
    listed = ", ".join(columns[:20]) + (f" and {len(columns) - 20} more" if len(columns) > 20 else "")
    raise BadInput(
        f"{option}: the table has no column {asked!r}", f"Did you mean {near[0]!r}?" if near else f"It has {listed}"
    )
