"""The JSON files of artifacts that have no class of their own, as far as pages show them.

What else is in them is passed over: a page says what it knows.
"""

from __future__ import annotations

import math
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

Number = float | None


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class FindingEntry(_File):
    """One finding of the data validator."""

    split: str
    feature: str = ""
    rule: str
    kind: str
    text: str
    rows: int | None = None
    fraction: float | None = None
    examples: tuple[dict[str, Any], ...] = ()


class DistanceEntry(_File):
    """One comparison of a column's values with those of elsewhere."""

    feature: str
    of: str
    type: str
    value: float
    threshold: float


class AnomaliesFile(_File):
    """`anomalies.json` of anomalies."""

    findings: tuple[FindingEntry, ...] = ()
    distances: dict[str, tuple[DistanceEntry, ...]] = {}


class Epoch(_File):
    """One epoch of `history.json`: by split, metrics; and its number."""

    model_config = ConfigDict(frozen=True, extra="allow")
    epoch: int

    def metrics(self) -> dict[str, dict[str, float]]:
        """By split and metric, whatever finite numbers there are."""
        return {
            split: {name: float(v) for name, v in found.items() if isinstance(v, int | float) and math.isfinite(v)}
            for split, found in (self.model_extra or {}).items()
            if isinstance(found, dict)
        }


HISTORY = TypeAdapter(tuple[Epoch, ...])
"""`history.json` of a model."""


class SliceEntry(_File):
    """One slice: by metric and model, the value and the bounds of its interval."""

    slice: str
    rows: int
    metrics: dict[str, dict[str, tuple[Number, Number, Number]]]


class SplitEntry(_File):
    """One split of an evaluation."""

    slices: tuple[SliceEntry, ...] = ()


class EvaluationFile(_File):
    """`evaluation.json` of an evaluation."""

    judged_split: str = ""
    confidence: float | None = None
    metrics: tuple[str, ...] = ()
    splits: dict[str, SplitEntry] = {}
