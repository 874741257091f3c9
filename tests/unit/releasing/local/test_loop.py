"""The loop: wakes when the specification changes, and outlasts whatever one look comes to."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from penstock.releasing.local.loop import Loop
from penstock.releasing.local.store import ReleaseStore
from penstock.releasing.planning.actions import Action
from penstock.releasing.planning.observed import Judged, Observed
from penstock.releasing.port import Conflict, Key, Look, Unavailable
from penstock.releasing.resource.status import ModelReleaseStatus
from penstock.sdk import PenstockError
from tests.unit.releasing.releases import spec_of

PATIENCE_SECONDS = 20.0


class Troubled:
    """A cluster that has one trouble after another, then none."""

    def __init__(self, store: ReleaseStore, *troubles: Exception) -> None:
        self.store, self.troubles, self.looks = store, list(troubles), 0

    def look(self, key: Key) -> Look | None:
        self.looks += 1
        if self.troubles:
            raise self.troubles.pop(0)
        stored = self.store.find(key.name)
        return Look(key, stored.spec, stored.status, Observed(stored.generation)) if stored else None

    def save(self, look: Look, status: ModelReleaseStatus) -> Look:
        self.store.save(look.key.name, look.observed.generation, self.store.get(look.key.name).serial, status)
        return look

    def perform(self, look: Look, action: Action) -> None:
        pass


class Silent:
    def judge(self, look: Look) -> Judged | None:
        return None


@contextmanager
def running(loop: Loop) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def until(what: object) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not what():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    return ReleaseStore(tmp_path / "releases")


def test_it_waits_for_a_release_and_takes_up_each_change(store: ReleaseStore) -> None:
    cluster = Troubled(store)
    with running(Loop(store, cluster, Silent(), "flights", tell=lambda _: None, look_seconds=60)):
        until(lambda: cluster.looks == 1)
        for generation, model in enumerate(("one", "two"), start=1):
            store.apply("flights", spec_of(model))
            until(lambda now=generation: store.get("flights").status.observed_generation == now)


def test_trouble_is_told_once_and_outlasted(store: ReleaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.releasing.local.loop._AGAIN_SECONDS", 0.01)
    store.apply("flights", spec_of("one"))
    troubles = (
        Conflict("written"),
        Unavailable("away"),
        Unavailable("away"),
        PenstockError("disk full"),
        KeyError("x"),
    )
    told: list[str] = []
    cluster = Troubled(store, *troubles)
    with running(Loop(store, cluster, Silent(), "flights", tell=told.append, look_seconds=0.01)):
        until(lambda: store.get("flights").status.observed_generation == 1)
    assert told == ["away", "disk full", "release flights could not be looked at: KeyError: 'x'"]
