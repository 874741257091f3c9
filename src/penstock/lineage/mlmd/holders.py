"""Which process holds an SQLite file, as the kernel knows it: so that whoever waits can say for whom.

Nothing is opened: closing a file drops the locks that this process has on it (sqlite.org/howtocorrupt.html, section
2.2). A lock of another container may not be seen; then nobody is named.

Source:
    proc_locks(5); sqlite.org/fileformat2.html, sections 1.6 and 4, for which file a lock is on.
"""

from __future__ import annotations

import os
from pathlib import Path

_LOCKS = Path("/proc/locks")
_SHARED_MEMORY = "-shm"


def exclusive_holder(path: Path) -> str:
    """Who keeps everybody else out of an SQLite file with a write-ahead log.

    Returns:
        `process 123 (python)`; empty when nobody does, or nobody knows.
    """
    return _holder(path)


def writer(path: Path) -> str:
    """Who is writing to an SQLite file, or keeps everybody else out: see `exclusive_holder`."""
    return _holder(path) or _holder(path.with_name(path.name + _SHARED_MEMORY))


def _holder(path: Path) -> str:
    try:
        status = path.stat()
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return ""
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    for line in lines:
        words = line.split()
        if len(words) == 8 and words[1] == "POSIX" and words[3] == "WRITE" and words[5] == place:
            number = int(words[4])
            if number not in (os.getpid(), 0, -1):
                return f"process {number}{_name(number)}"
    return ""


def _name(number: int) -> str:
    try:
        return f" ({Path(f'/proc/{number}/comm').read_text().strip()})"
    except OSError:
        return ""
