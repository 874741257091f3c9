"""How an unknown text is written: its encoding, what separates its values, whether its first line names them.

Pure: bytes in, words out. Encoding is decided on all bytes, the rest on the beginning; that it holds to the end shows
when the whole is read.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.sdk import BadInput

DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_BYTES = 1 << 18
_SAMPLE_ROWS = 1000
_STRANGE = bytes({*range(9), *range(14, 27), *range(28, 32), 127})
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAGIC = {
    b"PK\x03\x04": "a zip archive or an office document: give a zip a name that ends in .zip, save a sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old office document: save the sheet as CSV",
    b"\x1f\x8b": "packed by gzip: give it a name that ends in .gz",
    b"SQLite format 3\0": "an SQLite database: give its URL, sqlite:///PATH, and a query",
    b"%PDF": "a PDF",
    b"ARROW1": "Arrow IPC: save it as Parquet",
    b"Obj\x01": "Avro: save it as Parquet",
    b"ORC": "ORC: save it as Parquet",
}
_ELSEWHERE = 0.3
"""A share of letters beyond ASCII [fraction] above which a text is not in a language of Western Europe."""
_FEW_LETTERS = 20
"""So few letters beyond ASCII do not show a script."""
_NUMBER = re.compile(
    r"^\s*[-+]?[0-9][0-9.,' ]*([eE][-+]?[0-9]+)?\s*$|^\s*[-+]?\.[0-9]+\s*$|^[0-9]{1,4}([-/.])[0-9]{1,2}\2"
)
_WEB_PAGE = re.compile(rb"\s*<(!doctype html|html)\b", re.IGNORECASE)
_YEAR = re.compile(r"^(19|20)[0-9]{2}$")


@dataclass(frozen=True)
class Dialect:
    """How a CSV is written."""

    delimiter: str
    header: bool
    strip: bool


def find_encoding(content: bytes, where: str) -> str:
    """Find the encoding of a text, by Python's name.

    Raises:
        BadInput: It is no text (author of the configuration).
    """
    for magic, what in _MAGIC.items():
        if content.startswith(magic):
            kind, _, hint = what.partition(": ")
            raise BadInput(f"{where}: is no text but {kind}", hint.capitalize() if hint else "Give a table")
    if _WEB_PAGE.match(content):
        raise BadInput(f"{where}: is no table but a web page", "Give the address of the file that it links to")
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    head = content[:_SAMPLE_BYTES]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if even + odd:
        if min(even, odd) * 20 < max(even, odd) and max(even, odd) * 5 > len(head):
            return "utf-16-be" if even > odd else "utf-16-le"
        raise BadInput(f"{where}: is no text: it has NUL bytes, the first as byte {head.find(0):,}", "Give a table")
    strange = len(head) - len(head.translate(None, _STRANGE))
    if strange * 100 > len(head):
        raise BadInput(f"{where}: is no text: {strange / len(head):.0%} of it are control characters", "Give a table")
    if content.isascii() or _is_utf8(content):
        return "utf-8"
    sample = _beyond_ascii(content)
    _refuse_damaged(content, sample, where)
    return _old_encoding(content, sample)


def _is_utf8(content: bytes) -> bool:
    decoder, view = codecs.getincrementaldecoder("utf-8")(), memoryview(content)
    try:
        for at in range(0, len(content), _SAMPLE_BYTES):
            decoder.decode(view[at : at + _SAMPLE_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _beyond_ascii(content: bytes) -> bytes:
    """The first lines that are not in ASCII."""
    lines = [line for line in content[: 4 * _SAMPLE_BYTES].split(b"\n") if not line.isascii()]
    lines = lines or [line for line in content.split(b"\n") if not line.isascii()]
    return b"\n".join(lines)[: _SAMPLE_BYTES // 4]


def _refuse_damaged(content: bytes, sample: bytes, where: str) -> None:
    """Refuse UTF-8 with a few bytes that are none: in any other encoding, all its other letters would be wrong."""
    letters = [c for c in sample.decode("utf-8", "surrogateescape") if not c.isascii()]
    stray = sum("\udc80" <= c <= "\udcff" for c in letters)
    if len(letters) - stray <= 2 * stray:
        return
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        what = f"line {line:,}: byte 0x{content[error.start]:02x} is not UTF-8, as the rest is"
        raise BadInput(f"{where}: {what}", "Mend such lines, or save the table anew as UTF-8") from None


def _old_encoding(content: bytes, sample: bytes) -> str:
    """One of the encodings from before Unicode."""
    from charset_normalizer import from_bytes

    letters = sum(byte > 127 or chr(byte).isalpha() for byte in sample)
    beyond = sum(byte > 127 for byte in sample)
    western = "cp1252" if _decodes(content, "cp1252") else "latin-1"
    if beyond <= _ELSEWHERE * letters or beyond < _FEW_LETTERS:
        return western
    best = from_bytes(sample).best()
    return best.encoding if best is not None and _decodes(content, best.encoding) else western


def _decodes(content: bytes, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for at in range(0, len(content), _SAMPLE_BYTES):
            decoder.decode(content[at : at + _SAMPLE_BYTES], final=at + _SAMPLE_BYTES >= len(content))
    except UnicodeError:
        return False
    return True


def find_dialect(content: bytes, where: str, delimiter: str = "") -> Dialect:
    """Find how a CSV is written, from the beginning of its UTF-8.

    Args:
        content: The text.
        where: Names it in messages.
        delimiter: What separates its values; found when empty.

    Raises:
        BadInput: It is empty (author of the data).
    """
    sample = content[:_SAMPLE_BYTES]
    if len(sample) < len(content):  # without the line that is cut off, if that is not all there is
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    text = sample.decode("utf-8-sig", errors="replace")
    if not text.strip():
        raise BadInput(f"{where}: is empty", "Give a table with rows")
    delimiter = delimiter or _delimiter(text)
    rows = _parse(text, delimiter)
    padded = sum(any(cell != cell.strip(" ") for cell in row) for row in rows[1:])
    strip = padded * 20 > len(rows[1:])
    header = _only_first_quoted(text, rows) or _has_header([[cell.strip() for cell in row] for row in rows])
    return Dialect(delimiter, header, strip)


def _delimiter(text: str) -> str:
    parsed = {mark: _parse(text, mark) for mark in DELIMITERS}
    best = max(DELIMITERS, key=lambda mark: _evenness(parsed[mark]))
    if len(parsed[best][0]) == 1:  # a space is in every text, so it comes last
        spaced = _parse(text, " ")
        best = " " if _evenness(spaced)[0] == 1 and len(spaced) > 1 else best
    return best


def _parse(text: str, delimiter: str) -> list[list[str]]:
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))  # one for the whole process: never make it less
    rows: list[list[str]] = []
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
        if row:
            rows.append(row)
        if len(rows) > _SAMPLE_ROWS:
            break
    return rows


def _evenness(rows: Sequence[Sequence[str]]) -> tuple[float, int]:
    """How well a delimiter does: the share of rows that have as many values as the first, then how many these are."""
    size = len(rows[0]) if rows else 1
    if size == 1:
        return 0.0, 1
    same = sum(len(row) == size for row in rows) / len(rows)
    return round(same, 2), size


def _only_first_quoted(text: str, rows: Sequence[Sequence[str]]) -> bool:
    """Whether each value of the first line is in quotes, and not so in the second: names, above numbers."""
    lines = text.splitlines()[:2]
    quoted = [line.count('"') >= 2 * len(row) for line, row in zip(lines, rows, strict=False)]
    return quoted == [True, False] and text.startswith('"')


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: it differs in kind from what is below it, and names nothing twice."""
    first, below = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    if not below:
        return not any(_NUMBER.match(cell) for cell in first)
    named = against = 0
    for cell, *values in zip(first, *below, strict=True):
        filled = [value for value in values if value]
        numbers = sum(bool(_NUMBER.match(value)) for value in filled)
        if filled and numbers > 0.8 * len(filled):
            is_number = bool(_NUMBER.match(cell)) and not (_YEAR.match(cell) and cell not in filled)
            named, against = named + 2 * (not is_number), against + 2 * is_number
        elif filled:
            again = cell in filled or bool(_NUMBER.match(cell))
            named, against = named + (not again), against + again
    return named > against or (named == against and len(set(first)) == len(first))
