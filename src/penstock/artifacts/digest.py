"""Content digests: the identity of everything that passes between tasks.

A digest names bytes and relative file names, never a path, a time or an owner, so the same content has the
same digest on a laptop and on a cluster.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

_PREFIX = "sha256:"


def digest_bytes(data: bytes) -> str:
    """Digest a byte string.

    Example:
        >>> digest_bytes(b"")[:14]
        'sha256:e3b0c44'
    """
    return _PREFIX + hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """Digest one file's bytes.

    Raises:
        OSError: The file cannot be read (operator).
    """
    with path.open("rb") as stream:
        return _PREFIX + hashlib.file_digest(stream, "sha256").hexdigest()


def digest_tree(path: Path) -> str:
    """Digest a file, or a directory as its sorted list of (relative name, file digest).

    Empty directories do not count: object stores cannot hold them. A symbolic link counts as what it points to.

    Raises:
        FileNotFoundError: Nothing is at the path (caller).
    """
    if path.is_file():
        return digest_file(path)
    if not path.is_dir():
        raise FileNotFoundError(path)
    listing = [[p.relative_to(path).as_posix(), digest_file(p)] for p in path.rglob("*") if p.is_file()]
    return digest_json(sorted(listing))


def digest_json(value: object) -> str:
    """Digest a JSON value in its canonical form: sorted keys, no spaces, UTF-8.

    Example:
        >>> digest_json({"b": 1, "a": 2}) == digest_json({"a": 2, "b": 1})
        True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return digest_bytes(text.encode())
