"""One connection to an ML Metadata store: opened with clear errors, every call tried again when others were first.

ML Metadata's own retries sleep two seconds on average; ours sleep milliseconds, with jitter, so that two runs that
write at once both get through.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from penstock.lineage.errors import NoAnswer
from penstock.lineage.mlmd import opening
from penstock.lineage.mlmd.holders import writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from tenacity import RetryCallState

    from penstock.lineage.address import StoreAddress

    T = TypeVar("T")

PATIENCE_SECONDS = 20.0
"""How long a call is tried again while other writers are first [s]: a run that has worked for hours is not lost to a
backup of the database."""
LONGEST_PAUSE_SECONDS = 0.5
_STARTING_SECONDS = 30.0
"""How long a database that answers and refuses may be starting [s]."""
SILENT_SECONDS = 1.0
"""How long it waits before it says for what [s]; other runs hold a store for milliseconds."""


class Connection:
    """A store that can be called from several threads of the process that opened it.

    Args:
        address: Where it is.
        patience_seconds: How long a call is tried again [s].
        wait: Whether a server that does not answer yet is waited for, too.

    Raises:
        BadInput: The file is not a store (caller).
        StoreUnavailable: It cannot be opened; says why (operator).
    """

    def __init__(
        self, address: StoreAddress, *, patience_seconds: float = PATIENCE_SECONDS, wait: bool = False
    ) -> None:
        os.environ.setdefault("GLOG_minloglevel", "3")  # read by the C++ half when it is loaded: it logs each connect
        _hush()
        self.address = address
        self._lock = threading.RLock()
        self._has_told = False
        self._patience_seconds = patience_seconds
        self._store: Any = None
        self._patiently(self._connected, wait=wait)

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of `ml_metadata.MetadataStore`.

        Raises:
            NotFoundError: Of `ml_metadata.errors`: see `find`.
            AlreadyExistsError: Of `ml_metadata.errors`: somebody else wrote the same node first (the adapter).
            StoreUnavailable: Still locked after `PATIENCE_SECONDS`, or the store is gone (operator).
            PenstockError: ML Metadata refused the call (us).
        """
        return self._patiently(lambda: getattr(self._connected(), method)(*args, **kwargs), wait=True)

    def find(self, method: str, *args: Any, **kwargs: Any) -> Sequence[Any]:
        """Call a method that lists: some of them raise where nothing is found, and some return nothing."""
        from ml_metadata import errors

        try:
            found: Sequence[Any] = self.call(method, *args, **kwargs)
        except errors.NotFoundError:
            return ()
        return found

    def _patiently(self, work: Callable[[], T], *, wait: bool = False) -> T:
        from ml_metadata import errors
        from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

        began = time.monotonic()

        def may_pass(error: BaseException) -> bool:
            if isinstance(error, RuntimeError):  # from opening: a server that starts says no more than a wrong password
                starting = wait and time.monotonic() - began < _STARTING_SECONDS
                return _says(error, _BUSY) or (starting and self.address.path is None)
            return _is_passing(error) or (wait and isinstance(error, NoAnswer))

        attempts = Retrying(
            retry=retry_if_exception(may_pass),
            wait=wait_random_exponential(multiplier=0.004, max=LONGEST_PAUSE_SECONDS),
            stop=stop_after_delay(self._patience_seconds),
            before_sleep=self._between,
            reraise=True,
        )
        with self._lock:
            try:
                return attempts(work)
            except (errors.AlreadyExistsError, errors.NotFoundError):
                raise
            except NoAnswer as error:
                lasted = f", and it was tried again for {self._patience_seconds:.0f} s" if wait else ""
                raise NoAnswer(f"{error.message}{lasted}", error.remedy) from None
            except errors.StatusError as error:
                self._let_go(error)
                away = self._patience_seconds if _is_away(error) else None
                raise opening.explain_call(self.address, error, busy=_is_passing(error), away_seconds=away) from None
            except RuntimeError as error:
                raise opening.explain_open(self.address, error) from None

    def _between(self, state: RetryCallState) -> None:
        """Between two attempts: say why it takes so long, and let go of a connection that is no good any more."""
        error = state.outcome.exception() if state.outcome else None
        if not self._has_told and (state.seconds_since_start or 0) > SILENT_SECONDS:
            self._has_told = True
            patience = f"waiting up to {self._patience_seconds:.0f} s"
            sys.stderr.write(f"penstock: {patience} for the lineage store {self.address.shown}: {self._why(error)}\n")
        self._let_go(error)

    def _connected(self) -> Any:
        """The store, opened where that has not been done or the connection was lost."""
        if self._store is None:
            self._store = opening.open_store(self.address)
        return self._store

    def _why(self, error: BaseException | None) -> str:
        if _is_away(error):
            return "it does not answer"
        return f"{(self.address.path and writer(self.address.path)) or 'another process'} holds it"

    def _let_go(self, error: BaseException | None) -> None:
        """Let go of the connection where a failed statement or a lost server leaves it unusable.

        MySQL's stays inside its transaction after some errors; a connection that the server closed stays closed, and
        ML Metadata crashes the process when it is used once more.
        """
        if _says(error, _LOST) or _says(error, ("max_allowed_packet",)):
            self._store = None


def _is_passing(error: BaseException) -> bool:
    """Whether trying again may help: somebody else held a lock, or the connection can be made anew."""
    from ml_metadata import errors

    if isinstance(error, errors.AlreadyExistsError):
        return False
    if isinstance(error, errors.AbortedError | errors.UnavailableError):
        return True
    return isinstance(error, errors.StatusError) and (_says(error, _BUSY) or _says(error, _LOST))


_BUSY = (
    "database is locked",
    "deadlock",
    "lock wait timeout",
    "could not serialize",
    "concurrent writes aborted",
    "please retry",  # somebody else is making the tables
    "duplicate key value",
    "tuple concurrently updated",
)
_LOST = (
    "transaction already open",
    "gone away",
    "lost connection",
    "server closed the connection",
    "terminating connection",
    "no connection to the server",
    "mysql_real_connect failed: errno: ,",
    "connection pointer is null",
    "the database system is",  # starting up, shutting down
)


def _is_away(error: BaseException | None) -> bool:
    """Whether a server cannot be reached, or went away in the middle."""
    from ml_metadata import errors

    return isinstance(error, errors.UnavailableError | NoAnswer) or _says(error, _LOST)


_SILENT = "metadata source error:"
"""How ML Metadata ends when the client of a database had lost its server and so had nothing to say."""


def _says(error: BaseException | None, signs: tuple[str, ...]) -> bool:
    text = str(error).strip().lower()
    return any(sign in text for sign in signs) or (signs is _LOST and text.endswith(_SILENT))


def _hush() -> None:
    """Keep ML Metadata's own log lines out: they repeat our errors, and one shows the password."""
    from absl import logging as absl_logging

    logger = absl_logging.get_absl_logger()  # not by its name: made before absl is imported, it tells no caller
    if not any(isinstance(known, _NotMlMetadata) for known in logger.filters):
        logger.addFilter(_NotMlMetadata())


class _NotMlMetadata(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return "ml_metadata" not in record.pathname
