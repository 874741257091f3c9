"""Unix sockets in folders with long names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def with_short_path(path: Path, use: Callable[[str], object]) -> None:
    """Call `bind` or `connect` with a name that fits into the 108 bytes that the kernel has for one.

    Args:
        path: The socket.
        use: What is called with another name of the same socket.

    Raises:
        OSError: The folder is not there, or `use` says so.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        use(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
