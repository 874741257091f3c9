from __future__ import annotations

import os
import signal
import threading

import pytest

from penstock.running.interrupts import Interrupts


def test_counts_wakes_and_at_last_gives_up() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.getsignal(signal.SIGINT)
    with Interrupts(writer) as interrupts:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.count == 1
        assert os.read(reader, 10) == bytes([signal.SIGINT])
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupts.count == 2
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    os.close(reader)
    os.close(writer)


def test_leaves_signals_alone_outside_the_main_thread() -> None:
    before, seen = signal.getsignal(signal.SIGINT), []

    def inside() -> None:
        with Interrupts(-1):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [before]
