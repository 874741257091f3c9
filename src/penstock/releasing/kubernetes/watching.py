"""What changes on the cluster: which release it concerns, told as it happens."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from penstock.releasing.controller.queue import backoff_seconds
from penstock.releasing.kubernetes.api import RELEASES, Api, Gone, Kind, Thing
from penstock.releasing.port import Key
from penstock.releasing.resource.names import RELEASE_LABEL
from penstock.sdk import PenstockError

_SHORT_SECONDS = 5.0
"""A watch that ends sooner was not worth beginning: load balancers end the longest ones, servers all when they go."""


@dataclass
class Follower:
    """Follows the objects of one kind: lists them, then watches from there, and goes on after every interruption.

    A watch that ends is taken up from the last version seen, so nothing is missed and nothing listed twice; only where
    that version is too old (410 Gone), everything is listed anew.
    """

    api: Api
    kind: Kind
    on_change: Callable[[Key], None]
    namespace: str = ""
    labels: str = ""
    on_trouble: Callable[[str], None] = lambda _: None
    lists: int = 0
    """How often everything was listed."""
    version: str = ""
    """The last version seen."""
    generations: dict[Key, int] = field(default_factory=dict)
    """Of releases, the specification seen last: what only the controller writes, its status, is no news to it."""
    _awake: threading.Event = field(default_factory=threading.Event)

    def run(self, stop: threading.Event) -> None:
        """Follow until told to stop; what ends at once, for whatever reason, is begun again ever more rarely."""
        failures = 0
        while not stop.is_set():
            began = time.monotonic()
            try:
                self.once(stop)
            except Gone:
                self.version = ""
            except PenstockError as problem:
                self.on_trouble(f"{self.kind.plural}: {problem}")
            failures = failures + 1 if time.monotonic() - began < _SHORT_SECONDS else 1
            self._awake.wait(backoff_seconds(failures, random.random()))  # noqa: S311
            self._awake.clear()

    def wake(self) -> None:
        """Begin again now, if it waits."""
        self._awake.set()

    def once(self, stop: threading.Event) -> None:
        """List if that is needed, and watch until the server ends it."""
        if not self.version:
            things, version = self.api.list(self.kind, self.namespace, self.labels)
            self.lists += 1
            self.generations.clear()
            for thing in things:
                self._tell("LISTED", thing)
            self.version = version
        for event, thing in self.api.watch(self.kind, self.version, self.namespace, self.labels):
            self.version = thing["metadata"]["resourceVersion"]
            if event != "BOOKMARK":
                self._tell(event, thing)
            if stop.is_set():
                return

    def _tell(self, event: str, thing: Thing) -> None:
        metadata = thing["metadata"]
        if self.kind != RELEASES:
            name = (metadata.get("labels") or {}).get(RELEASE_LABEL)
            if name:
                self.on_change(Key(metadata["namespace"], name))
            return
        key, generation = Key(metadata["namespace"], metadata["name"]), metadata["generation"]
        is_news = event != "MODIFIED" or self.generations.get(key) != generation
        self.generations[key] = generation
        if event == "DELETED":
            del self.generations[key]
        if is_news:
            self.on_change(key)
