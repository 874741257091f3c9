"""What a search has finished, kept in the scratch folder: after a crash no finished trial is made again.

One line of JSON a trial. The folder belongs to this very piece of work (same code, parameters and inputs), so nothing
in it needs to say what it was made from. Optuna's own storages would be read with pickle, or need a database.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Finished(BaseModel):
    """One finished trial, with all that the sampler and the pruner knew of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Literal["complete", "pruned", "failed"]
    parameters: dict[str, Any]
    value: float | None
    reports: dict[int, float]
    """What was reported, by step."""
    notes: dict[str, Any]
    """Optuna's system attributes: Hyperband keeps its rungs there."""
    losses: tuple[float, ...]
    seconds: float
    """Time spent on the search until then [s], by all processes together."""
    why: str = ""
    """Why it failed."""


class Journal:
    """The finished trials of one search, in their order.

    Args:
        folder: A folder that survives a crash.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "trials.jsonl"

    def read(self) -> list[Finished]:
        """All that was finished; a line that a crash cut off was not, and goes."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            os.truncate(self._path, len(whole.encode()))
        return [Finished.model_validate(json.loads(line)) for line in whole.splitlines()]

    def add(self, trial: Finished) -> None:
        """Keep one more."""
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(trial.model_dump(mode="json"), allow_nan=False) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
