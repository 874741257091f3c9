"""Whether `compiled.yaml` is what was made from the sources beside it, told without compiling and without kfp.

Only the pipeline's own folder counts: what has changed in a component shows in `penstock compile --check`, which
compiles. The header holds a digest of the sources, and one of everything below it, so that an edit by hand shows.
"""

from __future__ import annotations

import re
from pathlib import Path

from penstock import __version__
from penstock.artifacts.digest import digest_bytes, digest_file, digest_json
from penstock.authoring.discovery import COMPILED_FILE
from penstock.provenance.compiled import split_head
from penstock.sdk import BadInput

NO_SOURCES = (COMPILED_FILE, "README.md", "release.yaml")
"""Files beside a pipeline that it is not made from: how its bundles are released is said after it has run."""
_MARK = "# sources: "
_SEAL = re.compile(r"# content: (sha256:[0-9a-f]{64}), by Penstock (\S+)")


def mark(folder: Path) -> str:
    """The line of a compiled pipeline's header that names its sources."""
    sources = [p for p in folder.iterdir() if p.is_file() and p.name not in NO_SOURCES and not p.name.startswith(".")]
    listing = sorted([path.name, digest_file(path)] for path in sources)
    return f"{_MARK}{digest_json(listing)}"


def seal(content: str) -> str:
    """The line of a compiled pipeline's header that names what is below the header, and who made it."""
    return f"# content: {digest_bytes(content.encode())}, by Penstock {__version__}"


def is_stale(compiled: Path) -> bool:
    """Whether a source beside a compiled pipeline is not the one that it was made from.

    A file without the mark in its header was not made here, and is never stale.
    """
    header, _ = split_head(compiled.read_bytes())
    marks = [line for line in header if line.startswith(_MARK)]
    return bool(marks) and (compiled.parent / "pipeline.py").is_file() and marks[0] != mark(compiled.parent)


def check_seal(compiled: Path) -> None:
    """Refuse a compiled pipeline that was edited by hand, or made by another version of Penstock.

    A file without the seal in its header was not made here, and nothing is known of it.

    Raises:
        BadInput: It is not what `penstock compile` of this version wrote (caller).
    """
    header, content = split_head(compiled.read_bytes())
    for line in header:
        if sealed := _SEAL.fullmatch(line):
            again = f"Make it again: penstock compile {compiled.absolute().parent.name}"
            if sealed[2] != __version__:
                raise BadInput(f"{compiled} was compiled by Penstock {sealed[2]}, and this is {__version__}", again)
            if sealed[1] != digest_bytes(content):
                change = "Change pipeline.yaml or pipeline.py instead, and make it again"
                raise BadInput(f"{compiled} was edited by hand", again.replace("Make it again", change))
