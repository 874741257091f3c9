"""The files of artifacts, looked at from afar: what lies there, and a harmless view of one.

Nothing is run, unpickled or followed out of its place: an artifact's files are shown only where they lie within the
state folder, links are resolved before that is judged, and only regular files are opened. At most `MOST_BYTES` of a
text and `MOST_ROWS` rows of a table are read.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from penstock.sdk import BadInput

MOST_BYTES = 256 * 1024
MOST_FILES = 500
MOST_ROWS, MOST_COLUMNS = 20, 60
MOST_RAW_BYTES = 32 * 2**20
"""Largest page or picture that is handed out whole [bytes]."""
_HEX_BYTES = 512
_CELL_CHARACTERS = 200
RAW_TYPES = {".html": "text/html; charset=utf-8", ".png": "image/png"}
"""What is handed out as it lies, by suffix."""


class NoSuchFile(BadInput):
    """There is no such file to look at."""


@dataclass(frozen=True)
class FileEntry:
    """One file of an artifact."""

    name: str
    """Relative to the artifact; the artifact's own name where it is a single file."""
    size_bytes: int


@dataclass(frozen=True)
class Listing:
    """The files of an artifact."""

    files: tuple[FileEntry, ...] = ()
    more: bool = False
    """Whether there are more than `MOST_FILES`."""
    why_not: str = ""
    """Why there is nothing to list."""

    @property
    def size_bytes(self) -> int:
        """All that is listed [bytes]."""
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True)
class Preview:
    """A harmless view of one file."""

    kind: str
    """`text`, `table`, `html`, `image` or `binary`."""
    size_bytes: int
    text: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[Sequence[str], ...] = ()
    note: str = ""
    """What of it is shown."""


def artifact_place(uri: str, within: Path) -> Path:
    """Where an artifact's files lie.

    Args:
        uri: As the lineage has it.
        within: The state folder.

    Raises:
        NoSuchFile: It is not on this machine, is gone, or lies outside the state folder (caller).
    """
    parts = urlsplit(uri)
    if parts.scheme not in ("", "file"):
        raise NoSuchFile(f"it lies in a store ({parts.scheme}://), not on this machine")
    path = Path(unquote(parts.path) if parts.scheme else uri)
    if not path.is_absolute() or "\0" in uri:
        raise NoSuchFile("its address is no absolute path")
    try:
        place = path.resolve(strict=True)
    except (OSError, RuntimeError):
        raise NoSuchFile("its files are gone") from None
    if not place.is_relative_to(within.resolve()):
        raise NoSuchFile(f"it lies outside the state folder {within}, and is not opened here")
    return place


def list_files(uri: str, within: Path) -> Listing:
    """List an artifact's files, sorted; what is no regular file, or hidden, is left out.

    Args:
        uri: As the lineage has it.
        within: The state folder.
    """
    try:
        place = artifact_place(uri, within)
    except NoSuchFile as error:
        return Listing(why_not=error.message)
    if place.is_file():
        return Listing((FileEntry(place.name, place.stat().st_size),))
    found: list[FileEntry] = []
    for folder, subfolders, names in os.walk(place):
        subfolders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                found.append(FileEntry(path.relative_to(place).as_posix(), status.st_size))
            if len(found) > MOST_FILES:
                return Listing(tuple(found[:MOST_FILES]), more=True)
    return Listing(tuple(found))


def locate(uri: str, name: str, within: Path) -> Path:
    """Find one file of an artifact.

    Args:
        uri: The artifact's address, as the lineage has it.
        name: As `list_files` gives it.
        within: The state folder.

    Raises:
        NoSuchFile: There is no such regular file in the artifact (caller).
    """
    place = artifact_place(uri, within)
    missing = NoSuchFile(f"there is no file {name[:200]!r} in this artifact")
    if "\0" in name or name.startswith("/") or ".." in name.split("/"):
        raise missing
    asked = place if place.is_file() and name == place.name else place / name
    try:
        path = asked.resolve(strict=True)
        regular = stat.S_ISREG(path.stat().st_mode)
    except (OSError, RuntimeError):
        raise missing from None
    if not regular or not path.is_relative_to(place):
        raise missing
    return path


def read_raw(path: Path) -> tuple[bytes, str]:
    """Read a page or a picture whole; returns it with its media type.

    Raises:
        NoSuchFile: It is of another kind, or too large (caller).
    """
    media_type = RAW_TYPES.get(path.suffix.lower())
    if media_type is None or path.stat().st_size > MOST_RAW_BYTES:
        raise NoSuchFile(f"{path.name} is not shown as it is")
    return path.read_bytes(), media_type


def preview(path: Path) -> Preview:
    """Look at a file.

    Returns:
        Parquet as the head of a table, JSON indented, other UTF-8 text as it is, pages and pictures by their kind
        alone, everything else as its first bytes.
    """
    size, suffix = path.stat().st_size, path.suffix.lower()
    if suffix in RAW_TYPES and size <= MOST_RAW_BYTES:
        return Preview("html" if suffix == ".html" else "image", size)
    if suffix == ".parquet":
        return _table(path, size)
    with path.open("rb") as stream:
        head = stream.read(MOST_BYTES)
    note = f"the first {MOST_BYTES // 1024} kB" if size > len(head) else ""
    text = _as_text(head, cut=bool(note))
    if text is None:
        return Preview("binary", size, _dump(head[:_HEX_BYTES]), note=f"the first {min(size, _HEX_BYTES)} bytes")
    if suffix == ".json" and not note:
        text = _indented(text)
    return Preview("text", size, text, note=note)


def _table(path: Path, size: int) -> Preview:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            columns = names[:MOST_COLUMNS]
            total = file.metadata.num_rows
            batch = next(file.iter_batches(batch_size=MOST_ROWS, columns=columns), None)
    except (pa.ArrowException, OSError, ValueError) as error:
        return Preview("binary", size, note=f"no Parquet file that can be read: {str(error)[:200]}")
    rows = batch.to_pylist() if batch is not None else []
    note = f"{len(rows)} of {total:,} rows, {len(columns)} of {len(names)} columns"
    shown = tuple(tuple(_cell(row.get(name)) for name in columns) for row in rows)
    return Preview("table", size, columns=tuple(columns), rows=shown, note=note)


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _CELL_CHARACTERS else f"{text[:_CELL_CHARACTERS]}…"


def _as_text(head: bytes, *, cut: bool) -> str | None:
    """The bytes as UTF-8 text, None where they are none; a character cut in two at the end is let go."""
    if b"\0" in head:
        return None
    for missing in range(4 if cut else 1):
        try:
            return head[: len(head) - missing].decode("utf-8")
        except UnicodeDecodeError:
            continue
    return None


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _dump(data: bytes) -> str:
    lines = []
    for start in range(0, len(data), 16):
        part = data[start : start + 16]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{start:06x}  {part.hex(' '):<47}  {letters}")
    return "\n".join(lines)
