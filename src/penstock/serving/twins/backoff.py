"""How long to wait before a program that died is started again: pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

_FIRST_SECONDS = 0.5
_MOST_SECONDS = 30.0
_WELL_SECONDS = 60.0
"""A program that lived so long is well: what was before is forgotten."""


@dataclass(frozen=True)
class Backoff:
    """What is remembered of a program's deaths."""

    deaths: int = 0
    """In a row, none of them long after the start before it."""

    def died(self, lived_seconds: float) -> tuple[Backoff, float]:
        """What to remember after another death, and how long to wait [s].

        A first death is mended at once; after that it is 0.5, 1, 2, ... 30 s.

        Example:
            >>> Backoff().died(5.0)
            (Backoff(deaths=1), 0.0)
            >>> Backoff(deaths=3).died(5.0)
            (Backoff(deaths=4), 2.0)
            >>> Backoff(deaths=9).died(61.0)
            (Backoff(deaths=1), 0.0)
        """
        before = 0 if lived_seconds >= _WELL_SECONDS else self.deaths
        wait = 0.0 if before == 0 else min(_FIRST_SECONDS * 2 ** (before - 1), _MOST_SECONDS)
        return replace(self, deaths=before + 1), wait
