"""Whether `compiled.yaml` was made from the sources that lie beside it, told without compiling and without kfp.

Only the pipeline's own folder counts: what has changed in a component or in Penstock shows in `penstock compile
--check`, which compiles.
"""

from __future__ import annotations

from pathlib import Path

from penstock.artifacts.digest import digest_file, digest_json
from penstock.authoring.discovery import COMPILED_FILE

_MARK = "# sources: "
_HEADER_LINES = 5


def mark(folder: Path) -> str:
    """The line of a compiled pipeline's header that names its sources."""
    made = (COMPILED_FILE, "README.md")
    sources = [p for p in folder.iterdir() if p.is_file() and p.name not in made and not p.name.startswith(".")]
    listing = sorted([path.name, digest_file(path)] for path in sources)
    return f"{_MARK}{digest_json(listing)}"


def is_stale(compiled: Path) -> bool:
    """Whether a source beside a compiled pipeline is not the one that it was made from.

    A file without the mark in its header was not made here, and is never stale.
    """
    with compiled.open(encoding="utf-8", errors="replace") as lines:
        header = [line.rstrip("\n") for line, _ in zip(lines, range(_HEADER_LINES), strict=False)]
    marks = [line for line in header if line.startswith(_MARK)]
    return bool(marks) and (compiled.parent / "pipeline.py").is_file() and marks[0] != mark(compiled.parent)
