"""The controller: followers fill the queue, workers empty it, and only while it leads is anything written."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from penstock.releasing.controller.fenced import Fenced
from penstock.releasing.controller.leading import RENEW_SECONDS, Elector
from penstock.releasing.controller.logs import say
from penstock.releasing.controller.metrics import Metrics
from penstock.releasing.controller.queue import WorkQueue
from penstock.releasing.planning.actions import Tell
from penstock.releasing.port import Cluster, Conflict, Judge, Key, Unavailable
from penstock.releasing.reconciling import reconcile
from penstock.sdk import BadInput, PenstockError

_RETRY_BAD_SECONDS = 300.0


class Following(Protocol):
    """What finds out which releases are due."""

    def run(self, stop: threading.Event) -> None:
        """Find out until told to stop."""
        ...

    def wake(self) -> None:
        """Wait no longer: what failed may succeed now."""
        ...


class Controller:
    """One controller process."""

    def __init__(
        self,
        cluster: Cluster,
        judge: Judge,
        elector: Elector,
        queue: WorkQueue,
        *,
        workers: int = 4,
        server_is_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        """Put it together.

        Args:
            cluster: Where the releases are.
            judge: Who asks the gates.
            elector: Who leads.
            queue: Which release is due.
            workers: How many releases are looked at at once.
            server_is_ready: Whether the API server serves everything; asked only after it was away. May raise
                Unavailable.
        """
        self._server_is_ready = server_is_ready
        self._elector, self.queue, self._workers = elector, queue, workers
        self._cluster, self._judge = Fenced(cluster, elector.leads), judge
        self.metrics = Metrics(elector.leads, lambda: len(queue))
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._followers: Sequence[Following] = ()
        self._beat = time.monotonic()

    def start(self, followers: Sequence[Following]) -> None:
        """Start everything."""
        self._followers = followers
        jobs: list[tuple[str, Callable[[], None]]] = [("leading", self._lead)]
        jobs += [(f"follower-{number}", _running(each, self._stop)) for number, each in enumerate(followers)]
        jobs += [(f"worker-{number}", self._work) for number in range(self._workers)]
        for name, job in jobs:
            thread = threading.Thread(target=job, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, seconds: float = 20.0) -> None:
        """Finish what is being done, let another lead, and stop."""
        self._stop.set()
        self.queue.close()
        self._wake_followers()
        end = time.monotonic() + seconds
        for thread in self._threads:
            if thread.name.startswith(("worker", "leading")):
                thread.join(max(0.0, end - time.monotonic()))
        try:
            self._elector.step_down()
        except PenstockError as problem:
            say("could not give the lease back", logging.WARNING, why=str(problem))

    def is_alive(self) -> bool:
        """Whether its threads live and the one that leads is not stuck."""
        stuck = time.monotonic() - self._beat > 60
        return not stuck and all(thread.is_alive() for thread in self._threads)

    def reconcile(self, key: Key) -> None:
        """Look at one release, and see to it that it is looked at again."""
        began = time.monotonic()
        try:
            made = reconcile(self._cluster, self._judge, key, _now)
        except Conflict as problem:
            self._again(key, "conflict", began, problem)
        except Unavailable as problem:
            self._again(key, "unavailable", began, problem)
        except BadInput as problem:
            say("the release cannot be read", logging.ERROR, release=str(key), why=str(problem))
            self.metrics.reconciled("bad_input", time.monotonic() - began)
            self.queue.done(key, _RETRY_BAD_SECONDS)
        except PenstockError as problem:
            say("refused", logging.ERROR, release=str(key), why=str(problem))
            self._again(key, "refused", began, problem)
        except Exception:  # A fault of one release must not end the others'.
            logging.getLogger("penstock.controller").exception("fault", extra={"fields": {"release": str(key)}})
            self._again(key, "fault", began, None)
        else:
            self.metrics.reconciled("done", time.monotonic() - began)
            if made is None:
                self.metrics.forget(key)
                self.queue.done(key, None)
                return
            self.metrics.show(key, made.status)
            for action in made.actions:
                if isinstance(action, Tell):
                    self.metrics.decided(key, action.reason)
                    say(action.text, release=str(key), event=action.reason, phase=str(made.status.phase))
                else:
                    say("did", release=str(key), action=type(action).__name__, phase=str(made.status.phase))
            self.queue.done(key, made.again_in_seconds)

    def _again(self, key: Key, outcome: str, began: float, problem: PenstockError | None) -> None:
        self.metrics.reconciled(outcome, time.monotonic() - began)
        if problem:
            say(
                outcome, logging.DEBUG if outcome == "conflict" else logging.WARNING, release=str(key), why=str(problem)
            )
        self.queue.failed(key)

    def _lead(self) -> None:
        led = is_there = False
        while not self._stop.is_set():
            leads = self._elector.renew()
            self._beat = time.monotonic()
            if leads is not led:
                say("leads" if leads else "does not lead")
                led = leads
            was_there, is_there = is_there, self._is_there(is_there)
            if is_there and not was_there:
                # What could not be done because the API server was away waits no longer.
                self.queue.retry()
                self._wake_followers()
            self._stop.wait(RENEW_SECONDS * random.uniform(0.9, 1.1))  # noqa: S311

    def _is_there(self, was_there: bool) -> bool:
        """Whether the API server is there: it answers and, where it was away, serves everything again."""
        try:
            return self._elector.answered and (was_there or self._server_is_ready())
        except Unavailable:
            return False

    def _wake_followers(self) -> None:
        for follower in self._followers:
            follower.wake()

    def _work(self) -> None:
        while not self._stop.is_set():
            if not self._elector.leads():
                self._stop.wait(0.2)
                continue
            key = self.queue.take(0.5)
            if key:
                self.reconcile(key)


def _running(follower: Following, stop: threading.Event) -> Callable[[], None]:
    return lambda: follower.run(stop)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
