"""The queue of releases: each once, one worker at a time, later after each failure."""

from __future__ import annotations

import threading

import pytest

from penstock.releasing.controller.queue import WorkQueue
from penstock.releasing.port import Key

ONE, TWO = Key("ml", "one"), Key("ml", "two")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def queue() -> tuple[WorkQueue, Clock]:
    clock = Clock()
    return WorkQueue(clock, lambda: 0.0), clock


def test_soonest_first_and_each_once() -> None:
    made, clock = queue()
    made.add(ONE, 5)
    made.add(TWO, 1)
    made.add(ONE, 0)
    made.add(ONE, 9)
    assert made.take(0) == ONE
    assert made.take(0) is None
    clock.now = 1
    assert made.take(0) == TWO
    made.done(ONE, None)
    made.done(TWO, None)
    clock.now = 20
    assert made.take(0) is None


def test_what_happens_during_work_is_worked_on_after_it_never_beside_it() -> None:
    made, clock = queue()
    made.add(ONE)
    assert made.take(0) == ONE
    made.add(ONE)
    assert made.take(0) is None
    made.done(ONE, 300)
    assert made.take(0) == ONE
    made.done(ONE, 300)
    clock.now = 299
    assert made.take(0) is None
    clock.now = 300
    assert made.take(0) == ONE


def test_failures_wait_longer_each_time_and_success_forgets_them() -> None:
    made, clock = queue()
    made.add(ONE)

    def waited() -> float:
        began = clock.now
        while made.take(0) is None:
            clock.now += 0.01
        return round(clock.now - began, 2)

    waited()
    waits = []
    for _ in range(4):
        made.failed(ONE)
        waits.append(waited())
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8], abs=0.02)
    made.done(ONE, 0)
    waited()
    made.failed(ONE)
    assert waited() == pytest.approx(0.1, abs=0.02)


def test_a_waiting_worker_hears_of_what_comes_and_of_the_end() -> None:
    made = WorkQueue()
    found: list[Key | None] = []

    def work() -> None:
        found.append(made.take(30))
        found.append(made.take(30))

    thread = threading.Thread(target=work)
    thread.start()
    made.add(ONE)
    made.add(TWO, 20)
    while not found:
        pass
    made.close()
    thread.join(10)
    assert found == [ONE, None]


def test_what_failed_is_due_at_once_when_what_it_failed_for_is_over() -> None:
    made, clock = queue()
    made.add(ONE)
    for _ in range(8):
        assert made.take(0) == ONE
        made.failed(ONE)
        clock.now += 60
    made.take(0)
    made.failed(ONE)
    made.add(TWO, 30)
    assert made.take(0) is None
    made.retry()
    assert made.take(0) == ONE
    assert made.take(0) is None, "what did not fail keeps its time"
    made.failed(ONE)
    clock.now += 0.1
    assert made.take(0) == ONE, "and failures are counted from one again"
