"""Locks on files of this machine: held by an open descriptor, they end with its process, however that ends."""

from __future__ import annotations

import fcntl


def try_lock(descriptor: int) -> bool:
    """Lock what is open, unless it is locked by way of another descriptor; returns whether it is locked by this one."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
