"""The texts of a source that nobody has described: their one encoding, and columns of text from all of them together.

They are kept while they are small enough, because columns are looked at in groups, each in a pass of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.sdk import BadInput
from penstock.tables.contents import Text, decode, read_texts
from penstock.tables.delimited import SUFFIXES, header_of, line_of, parse_csv
from penstock.tables.dialects import find_encoding
from penstock.tables.source import Source

if TYPE_CHECKING:
    import pyarrow as pa

_KEPT = 1 << 30
"""More text than this [bytes] is read again for each group of columns, unless it is one text."""

Rows = Sequence[int]
"""Numbers of rows, from 0, ascending."""


class UnknownTexts:
    """All texts, in the order of the files."""

    def __init__(self, files: Sequence[tuple[str, Path]], where: str, encoding: str = "") -> None:
        """Look at every text once.

        Args:
            files: Address (for messages) and path of each.
            where: Names the source in messages.
            encoding: That of all texts; found when empty.

        Raises:
            BadInput: One is no text, or not in the encoding of the others (who gave the address).
        """
        self._files = [(f"{where}: {uri}", path) for uri, path in files]
        self._kept: list[Text] = []
        self._whole = True
        self.encoding = encoding
        """That of all texts; empty before the first."""
        self.size = 0
        """Of all texts [bytes]."""
        self.quoted = False
        """Whether there are quotes in any."""
        plain = True  # so far, so that every encoding but those of two bytes a letter will do
        for name, path in self._files:
            for text in read_texts(path, "", name, SUFFIXES):
                found, ascii_only = encoding or find_encoding(text.content, text.where), text.content.isascii()
                if plain or not self.encoding:
                    self.encoding = found
                elif found != self.encoding and not ascii_only:
                    what = f"is {found}, where files before it are {self.encoding}"
                    raise BadInput(f"{text.where}: {what}", "Save all files of a table in one encoding")
                plain &= ascii_only
                self._keep(Text(text.where, decode(text.content, self.encoding, text.where)))

    def _keep(self, text: Text) -> None:
        self.size += len(text.content)
        self.quoted |= b'"' in text.content
        self._whole &= not self._kept or self.size <= _KEPT
        if self._whole:
            self._kept.append(text)
        else:
            del self._kept[1:]

    @property
    def first(self) -> Text:
        """The first text, by which the dialect is found."""
        return self._kept[0]

    def __iter__(self) -> Iterator[Text]:
        if self._whole:
            yield from self._kept
            return
        for name, path in self._files:
            yield from read_texts(path, self.encoding, name, SUFFIXES)

    def table(self, source: Source, names: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """Some columns of all texts, as text; empty ones are missing.

        Args:
            source: The dialect.
            names: All columns, as the first text has them.
            columns: Those wanted.

        Raises:
            BadInput: A text has other columns, or lines with more or fewer values (author of the data).
        """
        import pyarrow as pa

        plain = source.model_copy(update={"nulls": ("",), "quoted_nulls": True})
        tables = []
        for text in self:
            here = header_of(text, source)
            if set(here) != set(names):
                lacks, more = (", ".join(map(repr, sorted(a - b))) for a, b in _both_ways(set(names), set(here)))
                what = " and ".join(filter(None, (lacks and f"lacks {lacks}", more and f"has {more} besides")))
                hint = "All files of a table have the same columns: mend it, or name by a pattern those that do"
                raise BadInput(f"{text.where}: compared with the first file, it {what}", hint)
            tables.append(parse_csv(text, plain, here, columns, {}))
        return pa.concat_tables(tables)

    def locate(self, source: Source, column: str, rows: Rows) -> tuple[str, str, str]:
        """Where the first of some rows is, what it has in a column, and how many more there are."""
        row, more = rows[0], f" ({len(rows) - 1:,} more)" if len(rows) > 1 else ""
        for text in self:
            table = parse_csv(text, source, header_of(text, source), [column], {})
            if row < table.num_rows:
                return f"{text.where}: {line_of(text.content, source, row)}", str(table.column(0)[row]), more
            row -= table.num_rows
        raise AssertionError(f"there is no row {rows[0]}")


def _both_ways(one: set[str], other: set[str]) -> tuple[tuple[set[str], set[str]], tuple[set[str], set[str]]]:
    return (one, other), (other, one)
