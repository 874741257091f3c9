"""A table that nobody has described: find out how it is written, and write that down as a `Source`.

What is found is read at the same time, because types are decided on all rows. Memory: the text of the files where it is
under a gibibyte, a part of its columns as text, and all columns in their types.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from penstock.sdk import BadInput
from penstock.sdk.params import explain
from penstock.tables.delimited import header_of
from penstock.tables.dialects import find_dialect
from penstock.tables.files import find_files
from penstock.tables.guessing import SURELY_MISSING, Guess, guess, infinities, is_json, strays, without_spellings
from penstock.tables.names import require_column
from penstock.tables.nested import json_paths, json_values
from penstock.tables.reading import fetch_files, format_of, read_source
from penstock.tables.source import JsonField, Source
from penstock.tables.unknown_texts import Rows, UnknownTexts
from penstock.tables.values import convert, name_of

if TYPE_CHECKING:
    import pyarrow as pa

_TEXT_AT_ONCE = 160 << 20
"""So much text [bytes] is held as columns of text at a time."""
_THREADS = 2
_NAME = "data"


@dataclass(frozen=True)
class Note:
    """Something that a person should know about how a table was read."""

    column: str
    """The column, by its name in the file; empty for the table as a whole."""
    text: str


@dataclass(frozen=True)
class Sniffed:
    """An unknown table, read."""

    source: Source
    """How to read it: complete, with a type for every column."""
    table: pa.Table
    """What reading it gives: all columns, by their names in the file, and those from inside JSON."""
    notes: tuple[Note, ...] = ()


@dataclass
class _Found:
    """What is known so far."""

    columns: dict[str, pa.ChunkedArray] = field(default_factory=dict)
    guesses: dict[str, Guess] = field(default_factory=dict)
    fields: dict[str, JsonField] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


def sniff(
    address: str,
    *,
    query: str = "",
    encoding: str = "",
    delimiter: str = "",
    without: Sequence[str] = (),
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Sniffed:
    """Read a table of which only the address is known.

    Args:
        address: A file, a directory, a pattern or a URL; with `query`, the SQLAlchemy URL of a database.
        query: What to ask the database for.
        encoding: How the bytes of a CSV are letters, by Python's name; found when empty.
        delimiter: What separates the values of a CSV; found when empty.
        without: Columns to leave out, by their names in the file.
        progress: Told the columns done and in all, as often as there is news.

    Raises:
        BadInput: There is no table, or none that can be read (who gave the address).
        PenstockError: It cannot be reached (operator).
    """
    given = {name: value for name, value in (("encoding", encoding), ("delimiter", delimiter)) if value}
    source = _declared(address, query, given)
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        files = fetch_files(find_files(_NAME, source), Path(folder))
        found = _Found()
        source = _with_format(source, files[0][1])
        _refuse_mixture(source, files)
        if format_of(files[0][1], source) == "csv":
            texts = UnknownTexts(files, f"source {_NAME!r}", encoding)
            source = _with_dialect(source, texts, found, given)
            source = _sniff_texts(source, texts, without, found, progress)
        else:
            _take_typed(source, files, without, found)
    return _finish(source, found)


def _declared(address: str, query: str, given: Mapping[str, str]) -> Source:
    try:
        return Source.model_validate({"uri": address, "query": query, **given})
    except ValidationError as error:
        raise BadInput(explain(error, Source)) from None


def _with_format(source: Source, path: Path) -> Source:
    """Say the format where the content shows it and the name does not."""
    if source.query or not path.is_file() or format_of(path, source) != "csv":
        return source
    try:
        with path.open("rb") as file:
            head = file.read(1 << 16)
    except OSError:
        return source  # who reads it as a whole says why
    if head.startswith(b"PAR1"):
        return source.model_copy(update={"format": "parquet"})
    try:
        first = json.loads(head.split(b"\n", 1)[0]) if head.startswith(b"{") else None
    except (ValueError, RecursionError):
        return source
    return source.model_copy(update={"format": "json_lines"}) if isinstance(first, dict) else source


def _refuse_mixture(source: Source, files: Sequence[tuple[str, Path]]) -> None:
    first = format_of(files[0][1], source)
    for uri, path in files:
        if format_of(path, source) != first:
            what = f"is {format_of(path, source)}, where the first file, {files[0][0]}, is {first}"
            raise BadInput(f"source {_NAME!r}: {uri}: {what}", "Give files of one format, by a pattern such as *.csv")


def _sniff_texts(
    source: Source,
    texts: UnknownTexts,
    without: Sequence[str],
    found: _Found,
    progress: Callable[[int, int], None],
) -> Source:
    """Read CSV, some columns at a time, and guess what each is."""
    names = header_of(texts.first, source)
    for column in without:
        require_column(column, names, texts.first.where)
    wanted = [name for name in names if name not in without]
    if not wanted:
        raise BadInput(f"{texts.first.where}: no column is left")
    groups = max(1, min(len(wanted), -(-texts.size // _TEXT_AT_ONCE)))
    with ThreadPoolExecutor(_THREADS) as pool:
        for group in (wanted[at::groups] for at in range(groups)):
            table = texts.table(source, names, group)
            if not table.num_rows:
                raise BadInput(f"{texts.first.where}: has a header but no rows", "Give a table with rows")
            columns = {name: table.column(name) for name in group}
            del table
            for name, (guessed, column, wild, stray) in zip(group, pool.map(_typed, columns.values()), strict=True):
                if wild:
                    where, text, more = texts.locate(source, name, wild)
                    raise BadInput(
                        f"{where}: column {name!r} has an infinite value, {text!r}{more}",
                        "Mend the data, or leave the column out",
                    )
                if stray:
                    where, text, more = texts.locate(source, name, stray)
                    found.notes.append(
                        Note(name, f"is text, but nearly all are numbers or dates; {where} has {text!r}{more}")
                    )
                found.columns[name], found.guesses[name] = column, guessed
                columns.pop(name)
            progress(len(found.columns), len(wanted))
    found.columns = {name: found.columns[name] for name in wanted}
    found.guesses = {name: found.guesses[name] for name in wanted}
    return source


def _typed(column: pa.ChunkedArray) -> tuple[Guess, pa.ChunkedArray, Rows, Rows]:
    """A column in the type that it seems to have; rows with an infinite value; those that spoil it."""
    import pyarrow.compute as pc

    guessed = guess(column)
    if guessed.kind != "string":
        plain = without_spellings(column, guessed.spellings) if guessed.needed else column
        return guessed, convert(plain, guessed.kind, "", guessed.form), [], []
    wild, stray = (pc.indices_nonzero(mark(column)).to_pylist() for mark in (infinities, strays))
    return guessed, column, wild, [] if guessed.forms else stray


def _with_dialect(source: Source, texts: UnknownTexts, found: _Found, given: Mapping[str, str]) -> Source:
    dialect = find_dialect(texts.first.content, texts.first.where, given.get("delimiter", ""))
    if "encoding" not in given and texts.encoding not in ("utf-8", "utf-16"):
        found.notes.append(Note("", f"the text is not UTF-8; it is read as {texts.encoding}"))
    if not dialect.header:
        what = "the first line looks like a row, so the columns are called column_1, column_2, ..."
        found.notes.append(Note("", what))
    changes = {"delimiter": dialect.delimiter, "header": dialect.header, "strip": dialect.strip}
    known = {"format": "csv", "encoding": texts.encoding, "quoted_nulls": texts.quoted}
    return source.model_copy(update={**known, **changes})


def _take_typed(source: Source, files: Sequence[tuple[str, Path]], without: Sequence[str], found: _Found) -> None:
    """Read what brings its types along."""
    import pyarrow.parquet as pq

    table = read_source(_NAME, source, files, None)
    for column in without:
        require_column(column, table.column_names, f"source {_NAME!r}: {source.uri}")
    if format_of(files[0][1], source) == "parquet":
        lost = [name for name in pq.read_schema(files[0][1]).names if name not in table.column_names]
        found.notes += [Note("", f"{name!r} is left out: it holds no texts, numbers or times") for name in lost]
    if not table.num_rows:
        raise BadInput(f"source {_NAME!r}: {source.uri}: has no rows", "Give a table with rows")
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name not in without:
            found.guesses[name] = _of_typed(column)
            found.columns[name] = convert(column, found.guesses[name].kind, "", found.guesses[name].form)


def _of_typed(column: pa.ChunkedArray) -> Guess:
    """What a column is whose type came with it; a text is no number, even if it looks like one, but may be a date."""
    kind = name_of(column.type)
    if kind != "string":
        return Guess(kind)
    guessed = guess(column)
    return guessed if guessed.kind in ("date", "timestamp") and not guessed.needed else Guess("string")


def _finish(source: Source, found: _Found) -> Sniffed:
    """Decide what only all columns together can tell: missing values, JSON."""
    import pyarrow as pa

    nulls = _nulls(found)
    for name, guessed in found.guesses.items():
        spelled = [text for text in guessed.spellings if text in nulls]
        if spelled and not guessed.needed:
            found.columns[name] = without_spellings(found.columns[name], spelled)
    for name in [n for n, g in found.guesses.items() if g.kind == "string" and is_json(found.columns[n])]:
        _open_json(name, found)
    for name, guessed in found.guesses.items():
        _say(name, guessed, found)
    changes = {
        "types": {name: guessed.kind for name, guessed in found.guesses.items()},
        "formats": {name: guessed.form for name, guessed in found.guesses.items() if guessed.form},
        "fields": found.fields,
        "nulls": nulls,
    }
    source = Source.model_validate({**source.model_dump(exclude_defaults=True), **changes})
    return Sniffed(source, pa.table(found.columns), tuple(found.notes))


def _nulls(found: _Found) -> tuple[str, ...]:
    """The spellings of missing values: sure ones, those that a type needs, and those that several columns have."""
    needed = {text for guessed in found.guesses.values() if guessed.needed for text in guessed.spellings}
    often = Counter(text for guessed in found.guesses.values() for text in guessed.spellings)
    nulls = {text for text, columns in often.items() if text in SURELY_MISSING or text in needed or columns > 1}
    return ("", *sorted(nulls))


def _open_json(name: str, found: _Found) -> None:
    """Make columns of the values inside a column of JSON, in its place."""
    import pyarrow as pa

    column = found.columns.pop(name)
    del found.guesses[name]
    paths = json_paths(column)
    taken = {*found.columns, name}
    for path, values in zip(paths, json_values(column, paths, name, str), strict=True):
        new = ".".join([name, *map(str, path)])
        if new in taken:
            continue
        array = pa.chunked_array([values])
        guessed = _of_typed(array)
        found.columns[new] = convert(array, guessed.kind, "", guessed.form)
        found.guesses[new] = guessed
        found.fields[new] = JsonField(column=name, path=path)
    found.notes.append(Note(name, f"holds JSON; {len(paths)} values inside it are columns of their own"))


def _say(name: str, guessed: Guess, found: _Found) -> None:
    if guessed.forms:
        ways = " or ".join(guessed.forms[:3])
        found.notes.append(Note(name, f"may be written as {ways}; it is read as text until 'formats' says which"))
