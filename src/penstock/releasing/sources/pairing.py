"""From answers to requests of which all that counts is there: one model's answer, or in shadow both models'."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from penstock.releasing.sources.answers import Answer

PATIENCE_FILES = 60
"""For so many files an answer waits for that of the other model to the same request: two minutes of the gateway's."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A request of which all that counts is there."""

    first: Answer
    """The stable's answer in shadow; else the only one."""
    shadow: Answer | None = None
    """The candidate's answer to the same request, which no user saw."""

    @property
    def request_id(self) -> str:
        """The request's id."""
        return self.first.request_id


class Pairing:
    """Takes answers file by file. What it remembers is a function of the last `PATIENCE_FILES` files."""

    def __init__(self) -> None:
        self._met: dict[tuple[str, bool], Answer | None] = {}
        self._files: deque[list[tuple[str, bool]]] = deque()

    def next_file(self, answers: Iterable[Answer]) -> tuple[list[Answer], list[Whole]]:
        """Take one more file.

        Of each request and model the first answer counts: who had to try again has failed. An answer in shadow that
        waited for the other model's for too long is given up.

        Returns:
            The answers that count, and the requests that are whole with them.
        """
        keys: list[tuple[str, bool]] = []
        fresh: list[Answer] = []
        found: list[Whole] = []
        for answer in answers:
            key = (answer.request_id, answer.by_candidate)
            if key in self._met:
                continue
            self._met[key] = answer if answer.copied else None
            keys.append(key)
            fresh.append(answer)
            other = self._met.get((answer.request_id, not answer.by_candidate))
            if not answer.copied:
                found.append(Whole(answer))
            elif other is not None:
                found.append(Whole(other, answer) if answer.by_candidate else Whole(answer, other))
        self._files.append(keys)
        if len(self._files) > PATIENCE_FILES:
            for key in self._files.popleft():
                del self._met[key]
        return fresh, found
