"""A release carried out by whoever runs the model servers, in a thread beside them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.releasing.evidencing import EvidenceJudge
from penstock.releasing.local.cluster import LocalCluster, ModelServers
from penstock.releasing.local.evidence import FileEvidence
from penstock.releasing.local.loop import LOOK_SECONDS, Loop, now
from penstock.releasing.local.room import room_in_memory
from penstock.releasing.local.store import ReleaseStore
from penstock.releasing.observing import SourcesObserver
from penstock.serving.bundle import Bundle


def releases_below(home: Path) -> ReleaseStore:
    """The releases of a state folder."""
    return ReleaseStore(home / "releases")


def is_begun(store: ReleaseStore, name: str) -> bool:
    """Whether a release says already what serves: then nothing else does."""
    found = store.find(name)
    return found is not None and found.status.stable is not None


@contextmanager
def carried_out(
    store: ReleaseStore,
    name: str,
    servers: ModelServers,
    *,
    log: Path,
    served: Bundle | None,
    tell: Callable[[str], None],
    look_seconds: float = LOOK_SECONDS,
) -> Iterator[None]:
    """Carry a release out while the body runs; wait for it where there is none yet.

    Args:
        store: Where releases are kept.
        name: The release: it is called as what is served.
        servers: The model servers.
        log: Their prediction log.
        served: What they serve already.
        tell: Told in one line what people are to know.
        look_seconds: How long between two looks at most [s].

    Raises:
        BadInput: Another process carries it out (caller).
    """
    cluster = LocalCluster(store, servers, clock=now, served=served, room=room_in_memory, tell=tell)
    log.mkdir(parents=True, exist_ok=True)  # before the first request there is a log with nothing in it
    judge = EvidenceJudge(SourcesObserver(prometheus=None, prediction_log=log), FileEvidence(store))
    loop = Loop(store, cluster, judge, name, tell=tell, look_seconds=look_seconds)
    stop = threading.Event()
    with store.carried_out(name):
        thread = threading.Thread(target=loop.run, args=(stop,), name="release")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
