"""What a model answers: the task, and the names behind its numbers."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

TaskKind = Literal["binary", "multiclass", "regression"]

TASK_FILE = "task.json"
"""The name of the task's file in a model."""


class Task(BaseModel):
    """What is predicted: `TASK_FILE` in a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: TaskKind
    """`binary`: the label is 0 or 1. `multiclass`: the label is the number of a class, from 0 on. `regression`: the
    label is a number."""
    classes: tuple[str, ...] = ()
    """What the labels 0, 1, ... stand for, in order; for `multiclass` one a class, for `binary` two or none."""

    @property
    def outputs(self) -> int:
        """How many numbers a score has: one a class for `multiclass`, else one."""
        return len(self.classes) if self.kind == "multiclass" else 1
