"""The texts inside a file: unpacked, decoded to UTF-8, and refused where they are no text.

Memory: a text is held as a whole. What is packed may unpack to `unpacked_limit` of its size and no further.
"""

from __future__ import annotations

import codecs
import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from penstock.sdk import BadInput

_CHUNK = 1 << 20
_LEAST_LIMIT = 256 << 20
_GREATEST_RATIO = 200
BROKEN = (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError,
           struct.error)  # fmt: skip
"""What the readers of archives raise for one that is broken, or packed in a way that they do not know."""
_UTF8 = ("utf-8", "utf_8", "utf8", "u8", "ascii", "us-ascii")
"""Names of encodings whose bytes are UTF-8 already."""


@dataclass(frozen=True)
class Text:
    """One text: what it is called, and its UTF-8, which may begin with a byte order mark."""

    where: str
    content: bytes


def read_texts(path: Path, encoding: str, where: str, suffixes: tuple[str, ...]) -> Iterator[Text]:
    """Read the texts of a file: one, or those members of a zip that have the first suffix that any has, by name.

    Args:
        path: The file.
        encoding: How its bytes are letters; empty: the bytes are given as they are.
        where: Names it in messages.
        suffixes: Of the names of texts.

    Raises:
        BadInput: The file cannot be unpacked, or is no text in this encoding (author of the configuration).
    """
    for name, packed in _unpack(path, where, suffixes):
        yield Text(name, decode(packed, encoding, name) if encoding else packed)


def unpacked_limit(packed: int) -> int:
    """How much a packed file may unpack to [bytes]: 256 MiB, or 200 times its size where that is more."""
    return max(_LEAST_LIMIT, _GREATEST_RATIO * packed)


def decode(content: bytes, encoding: str, where: str) -> bytes:
    """Turn a text into UTF-8, without NUL.

    UTF-8 itself is passed on unlooked at: who parses it looks.

    Raises:
        BadInput: It is no text, or none in this encoding (author of the configuration).
    """
    if encoding.lower() not in _UTF8:
        content = _transcode(content, encoding, where)
    if (at := content.find(b"\0")) >= 0:
        wide = content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        hint = "Declare encoding: utf-16" if wide else "A text has none: is it another kind of file, or cut off?"
        raise BadInput(f"{where}: {place(content, at)}: has a NUL byte", hint)
    return content


def refuse_invalid_utf8(content: bytes, where: str) -> None:
    """Tell where a text is not UTF-8, if it is not.

    Raises:
        BadInput: It is not (author of the configuration).
    """
    try:
        for _ in _decoded(content, "utf-8"):
            pass
    except _NotDecoded as error:
        found = content[error.at]
        hint = "Declare its encoding, such as cp1252 (Western European) or utf-16"
        raise BadInput(f"{where}: {place(content, error.at)}: byte 0x{found:02x} is not UTF-8", hint) from None


def place(content: bytes, at: int) -> str:
    """Tell a person where a byte is."""
    line = content.count(b"\n", 0, at) + 1
    return f"line {line:,}, byte {at:,}"


class _NotDecoded(ValueError):
    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


def _decoded(content: bytes, encoding: str) -> Iterator[str]:
    """The text by pieces, so that it is never there three times."""
    decoder, at = codecs.getincrementaldecoder(encoding)(), 0
    while at < len(content) or not at:
        held = len(decoder.getstate()[0])
        try:
            yield decoder.decode(content[at : at + _CHUNK], final=at + _CHUNK >= len(content))
        except UnicodeDecodeError as error:
            raise _NotDecoded(max(at - held, 0) + error.start) from None
        at += _CHUNK


def _transcode(content: bytes, encoding: str, where: str) -> bytes:
    out = io.BytesIO()
    try:
        for piece in _decoded(content, encoding):
            out.write(piece.encode())
    except _NotDecoded as error:
        raise BadInput(f"{where}: byte {error.at:,}: is not {encoding}", "Declare the encoding that it has") from None
    except UnicodeError as error:  # UTF-16 without a byte order mark, by its name
        raise BadInput(f"{where}: is not {encoding}: {error}", "Declare the encoding that it has") from None
    return out.getvalue()


def _unpack(path: Path, where: str, suffixes: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    try:
        with path.open("rb") as file:
            if path.name.endswith(".gz"):
                with gzip.GzipFile(fileobj=file) as stream:
                    yield where, _read(stream, unpacked_limit(path.stat().st_size), where)  # type: ignore[arg-type]
            elif path.name.endswith(".zip"):
                yield from _members(file, where, suffixes)
            else:
                yield where, file.read()
    except BROKEN as error:
        raise BadInput(f"{where}: cannot be unpacked: {error}", "Is it whole, and what its name says?") from None
    except OSError as error:
        raise BadInput(f"{where}: cannot be read: {error.strerror or error}") from None


def table_members(archive: zipfile.ZipFile, where: str, suffixes: tuple[str, ...]) -> list[zipfile.ZipInfo]:
    """The texts in a zip that are tables: those that have the first suffix that any has, by name.

    Raises:
        BadInput: There is none, or one is protected by a password (author of the configuration).
    """
    found = sorted(
        (m for m in archive.infolist() if m.filename.endswith(suffixes) and not m.filename.startswith("__MACOSX")),
        key=lambda member: member.filename,
    )
    # A readme.txt beside a table.csv is no table.
    first = next((s for s in suffixes if any(m.filename.endswith(s) for m in found)), "")
    members = [member for member in found if member.filename.endswith(first)]
    if not members:
        raise BadInput(f"{where}: the zip holds no {' or '.join(suffixes)} file")
    for member in members:
        if member.flag_bits & 1:
            name = where if len(members) == 1 else f"{where}: {member.filename}"
            raise BadInput(f"{name}: is protected by a password", "Unpack it, and give the files in it")
    return members


def _members(file: BinaryIO, where: str, suffixes: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(file) as archive:
        members = table_members(archive, where, suffixes)
        for member in members:
            name = where if len(members) == 1 else f"{where}: {member.filename}"
            with archive.open(member) as stream:
                yield name, _read(stream, unpacked_limit(member.compress_size), name)  # type: ignore[arg-type]


def _read(stream: BinaryIO, limit: int, where: str) -> bytes:
    out = io.BytesIO()  # gives its bytes away without a copy
    while out.tell() <= limit and (piece := stream.read(_CHUNK)):
        out.write(piece)
    if out.tell() > limit:
        raise BadInput(
            f"{where}: unpacks to more than {limit >> 20:,} MiB, which is over {_GREATEST_RATIO} times its size",
            "If that is what it holds, unpack it first",
        )
    return out.getvalue()
