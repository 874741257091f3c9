"""Programs that end with whoever started them, however that ends: they hold the other end of a pipe."""

from __future__ import annotations

import os
import signal
import threading


def end_with_stdin() -> None:
    """Ask this process to stop (SIGTERM) as soon as its standard input ends.

    Whoever starts it keeps the writing end of a pipe: when that process is gone, even by SIGKILL, the kernel closes it.
    """
    threading.Thread(target=_wait, name="parent", daemon=True).start()


def _wait() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
