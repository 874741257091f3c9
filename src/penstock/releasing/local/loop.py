"""Carrying one release out, over and over, until told to end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from penstock.releasing.local.store import ReleaseStore
from penstock.releasing.port import Cluster, Conflict, Judge, Key, Unavailable
from penstock.releasing.reconciling import reconcile
from penstock.sdk import PenstockError
from penstock.sdk.errors import explain_disk

NAMESPACE = "local"
LOOK_SECONDS = 2.0
"""A laptop looks at least this often [s]."""
_WAKE_SECONDS = 0.2
_AGAIN_SECONDS = 5.0
"""After an error that will not pass by itself [s]."""


def now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


class Loop:
    """Reconciles one release, as soon as its specification changes and else as often as the plan asks.

    Args:
        store: Where releases are kept.
        cluster: Where this one runs.
        judge: Who asks the gates.
        name: The release.
        tell: Told in one line what went wrong, once for each time that it changes.
        look_seconds: How long between two looks at most [s].
    """

    def __init__(
        self,
        store: ReleaseStore,
        cluster: Cluster,
        judge: Judge,
        name: str,
        *,
        tell: Callable[[str], None],
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._store = store
        self._cluster = cluster
        self._judge = judge
        self._name = name
        self._tell = tell
        self._look_seconds = look_seconds
        self._trouble = ""

    def run(self, stop: threading.Event) -> None:
        """Carry the release out until `stop` is set; wait for it where there is none yet."""
        while not stop.is_set():
            wait = self._once()
            seen, end = self._store.generation(self._name), time.monotonic() + wait
            while not stop.wait(_WAKE_SECONDS) and time.monotonic() < end:
                if self._store.generation(self._name) != seen:
                    break

    def _once(self) -> float:
        """Reconcile once; how long to wait then [s]."""
        try:
            made = reconcile(self._cluster, self._judge, Key(NAMESPACE, self._name), now)
        except Conflict:
            return 0.0
        except Unavailable as error:
            self._say(str(error))
            return min(1.0, self._look_seconds)
        except (PenstockError, OSError) as error:
            self._say(str(explain_disk(error) or error))
            return _AGAIN_SECONDS
        except Exception as error:  # whatever it is, the stable model goes on serving, and people are told
            self._say(f"release {self._name} could not be looked at: {type(error).__name__}: {error}")
            return _AGAIN_SECONDS
        self._trouble = ""
        return min(made.again_in_seconds, self._look_seconds) if made else self._look_seconds

    def _say(self, text: str) -> None:
        if text != self._trouble:
            self._trouble = text
            self._tell(text)
