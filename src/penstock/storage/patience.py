"""Trying again: with growing pauses, at random, and only what may pass by itself."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from penstock.sdk import BadInput
from penstock.storage.reasons import explain, is_passing

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")

PATIENCE = "PENSTOCK_STORE_PATIENCE_SECONDS"
"""The environment variable that says for how long a store may be away [s]; `_DEFAULT_SECONDS` when it is not set."""
_DEFAULT_SECONDS = 120.0
"""A store that is restarted, or moved to another machine, is back within a minute or two."""
_BRIEF_SECONDS = "10"
_SILENT_SECONDS = 3.0
"""Nobody waits longer than that without being told why [s]."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 10.0


def be_brief() -> None:
    """Wait no longer than a person would, who sits before the command and may have mistyped an address."""
    os.environ.setdefault(PATIENCE, _BRIEF_SECONDS)


def read_seconds(variable: str, default: float, environment: Mapping[str, str] = os.environ) -> float:
    """Read a time from an environment variable [s].

    Args:
        variable: Its name.
        default: What it is when the variable is not set, or empty [s].
        environment: Where to look.

    Raises:
        BadInput: It is not a number of seconds (operator).

    Example:
        >>> read_seconds("WAIT", 120, {"WAIT": "1.5"})
        1.5
    """
    text = environment.get(variable, "")
    try:
        seconds = float(text) if text else default
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise BadInput(f"{variable}: {text!r} is not a number of seconds", f"Write {default:.0f}, or unset it")
    return seconds


@dataclass
class Patience:
    """How long one operation is tried again.

    Example:
        >>> Patience(seconds=0).call(lambda: 42, "s3://bucket/key")
        42
    """

    seconds: float = _DEFAULT_SECONDS
    """From the first failure on [s]; each operation that succeeds starts anew."""
    _told: bool = field(default=False, repr=False)

    @classmethod
    def from_environment(cls) -> Patience:
        """What the operator wants.

        Raises:
            BadInput: The variable is not a number of seconds (operator).
        """
        return cls(read_seconds(PATIENCE, _DEFAULT_SECONDS))

    def call(self, work: Callable[[], T], uri: str) -> T:
        """Do something with a store, and again while what stops it may pass.

        Args:
            work: What to do; may be done several times.
            uri: What it is about, for messages.

        Raises:
            StoreError: It is final, or has lasted too long; one line (operator).
        """
        from tenacity import Retrying, retry_if_exception, wait_random_exponential

        failing_since: list[float] = []

        def is_over(_state: RetryCallState) -> bool:
            failing_since.append(time.monotonic())
            return failing_since[-1] - failing_since[0] >= self.seconds

        def between(state: RetryCallState) -> None:
            if not self._told and failing_since[-1] - failing_since[0] + state.upcoming_sleep > _SILENT_SECONDS:
                self._told = True
                why = explain(uri, state.outcome.exception() if state.outcome else None).reason
                sys.stderr.write(f"penstock: {uri}: {why}; trying again for up to {self.seconds:.0f} s\n")

        attempts = Retrying(
            retry=retry_if_exception(is_passing),
            wait=wait_random_exponential(multiplier=_FIRST_PAUSE_SECONDS, max=_LONGEST_PAUSE_SECONDS),
            stop=is_over,
            before_sleep=between,
            reraise=True,
        )
        try:
            return attempts(work)
        except Exception as error:
            told = explain(uri, error, tried_seconds=self.seconds if is_passing(error) else None)
            if told is error:
                raise
            raise told from error
