"""What a gate says, and what follows from it.

A gate opens on evidence only: whatever is not `Successful` closes it. `Error` (could not measure) is not
`Failed` (measured, and bad), and neither is `Inconclusive` (measured, and not enough to tell).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_validator


class Verdict(StrEnum):
    """The outcome of a check."""

    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"
    ERROR = "Error"


class Consequence(StrEnum):
    """What the pipeline does about a verdict."""

    PROCEED = "proceed"
    QUARANTINE = "quarantine"
    RETRAIN = "retrain"
    STOP = "stop"


class Reason(BaseModel):
    """One finding behind a decision."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    """Which rule was applied, as a stable name (`min_auc`, `unexpected_value`)."""
    subject: str
    """What it was applied to: a feature, a slice, a file (`overall`, `carrier=HA`)."""
    verdict: Verdict
    """What the rule says of the subject."""
    text: str
    """One sentence for a person, with the figures in it."""
    evidence: dict[str, Any] = {}
    """The figures, for machines: estimates, intervals, bounds, counts."""


class Decision(BaseModel):
    """A gate's verdict with its consequence and its evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    verdict: Verdict
    """The verdict as a whole."""
    consequence: Consequence
    """What follows."""
    reasons: tuple[Reason, ...] = ()
    """The findings, worst first."""

    @model_validator(mode="after")
    def _never_open_without_evidence(self) -> Self:
        if self.verdict is not Verdict.SUCCESSFUL and self.consequence is not Consequence.STOP:
            raise ValueError(f"a verdict of {self.verdict} must stop, not {self.consequence}")
        return self

    @property
    def gate(self) -> str:
        """Either `open` or `closed`.

        Example:
            >>> Decision(verdict="Failed", consequence="stop").gate
            'closed'
        """
        return "closed" if self.consequence is Consequence.STOP else "open"
