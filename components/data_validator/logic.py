"""What follows from what was found: the consequences, as one table and one function. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from penstock.artifacts import Consequence, Decision, Reason, Verdict

_VALUE_LENGTH = 60
"""A reason is one line: values are cut to so many characters in it."""


class Kind(IntEnum):
    """What a finding is about; the order is that of gravity, worst first."""

    STRUCTURE = 0
    """The data are not what the schema speaks of: stop."""
    ROWS = 1
    """Some rows are bad: set them aside, if they are few."""
    VALUES = 2
    """The data are valid but lie elsewhere than before: a model trained on the old ones should be trained again."""


KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(
        (
            "BOOL_TYPE_BIG_INT",
            "BOOL_TYPE_SMALL_INT",
            "BOOL_TYPE_UNEXPECTED_FLOAT",
            "BOOL_TYPE_UNEXPECTED_STRING",
            "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
            "FEATURE_TYPE_LOW_FRACTION_PRESENT",
            "FLOAT_TYPE_BIG_FLOAT",
            "FLOAT_TYPE_HAS_INF",
            "FLOAT_TYPE_HAS_NAN",
            "FLOAT_TYPE_SMALL_FLOAT",
            "INT_TYPE_BIG_INT",
            "INT_TYPE_SMALL_INT",
        ),
        Kind.ROWS,
    ),
    **dict.fromkeys(
        (
            "COMPARATOR_CONTROL_DATA_MISSING",
            "COMPARATOR_HIGH_NUM_EXAMPLES",
            "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
            "COMPARATOR_LOW_NUM_EXAMPLES",
            "COMPARATOR_L_INFTY_HIGH",
            "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH",
            "COMPARATOR_TREATMENT_DATA_MISSING",
        ),
        Kind.VALUES,
    ),
}
"""TFDV's anomaly types by what they are about. Whatever is not here stops: a gate never opens on what it does not know.

Source:
    tensorflow/metadata, tensorflow_metadata/proto/v0/anomalies.proto, AnomalyInfo.Type.
"""


class Finding(BaseModel):
    """One thing that is not as it should be."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    split: str
    feature: str
    """The column; empty for the table as a whole."""
    rule: str
    """TFDV's anomaly type in lower case, or `rule:<name>` for a rule of the configuration."""
    kind: Kind
    text: str
    """What is wrong, without the split and the feature."""
    rows: int | None = None
    """Rows concerned [rows]; None where rows mean nothing."""
    fraction: float | None = None
    """Share of the split's rows [fraction]."""
    examples: tuple[dict[str, Any], ...] = ()
    """Some of the rows, each with its place in the split as `_row`."""

    def reason(self) -> Reason:
        """The finding as a reason of the decision, with what its example rows have in the column."""
        subject = f"{self.split}: {self.feature}" if self.feature else self.split
        shown = [{"_row": row["_row"], self.feature: row[self.feature]} for row in self.examples if self.feature in row]
        example = f"; row {shown[0]['_row']} has {_value(shown[0][self.feature])}" if shown else ""
        evidence = {"split": self.split, "rows": self.rows, "fraction": self.fraction, "examples": shown or None}
        return Reason(
            rule=self.rule,
            subject=subject,
            verdict=Verdict.FAILED,
            text=f"{subject}: {self.text}{example}",
            evidence={key: value for key, value in evidence.items() if value is not None},
        )


class SplitCount(BaseModel):
    """How many rows a split had, and how many of them are bad."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    bad: int = 0

    @property
    def fraction(self) -> float:
        """The share of bad rows, in [0, 1]."""
        return self.bad / self.rows if self.rows else 0.0


class Distance(BaseModel):
    """How far a feature's values lie from others, as a comparator of the schema measures it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    feature: str
    of: str
    """`drift`: from the last run's. `skew`: from the training split's."""
    type: str
    """`l_infty`, `jensen_shannon_divergence` or `normalized_absolute_difference`."""
    value: float
    threshold: float


def decide(
    findings: Sequence[Finding],
    counts: Mapping[str, SplitCount],
    distances: Mapping[str, Sequence[Distance]],
    *,
    max_quarantine_fraction: float,
    reviewed: bool,
) -> Decision:
    """Decide what follows.

    Args:
        findings: All that was found, in any order.
        counts: For each split, its rows.
        distances: For each split, all distances that were measured; evidence where none is above its threshold.
        max_quarantine_fraction: The largest share of bad rows that is borne in each split, in [0, 1].
        reviewed: Whether the schema was given, rather than inferred from these very data.

    Returns:
        In this order of precedence: a split without rows, or without good ones where all may be set aside, stops as
        Inconclusive; a finding about the structure, or too many bad rows, stops as Failed; values that moved say
        retrain; bad rows say quarantine; else proceed.

    Example:
        >>> decide([], {"train": SplitCount(rows=10)}, {}, max_quarantine_fraction=0.0, reviewed=True).consequence.value
        'proceed'
    """
    ordered = sorted(findings, key=lambda f: (f.kind, -(f.fraction or 0), f.split, f.feature, f.rule))
    found = [finding.reason() for finding in ordered]
    borne = {split: count for split, count in counts.items() if count.fraction <= max_quarantine_fraction}
    empty = [_empty(split, count) for split, count in borne.items() if count.rows == count.bad]
    if empty:
        return Decision(
            verdict=Verdict.INCONCLUSIVE, consequence=Consequence.STOP, reasons=(*empty, *found, _schema(reviewed))
        )
    quarantine = [_quarantine(split, count, max_quarantine_fraction) for split, count in counts.items() if count.bad]
    quarantine.sort(key=lambda reason: (reason.verdict is Verdict.SUCCESSFUL, reason.subject))
    kinds = {finding.kind for finding in findings}
    too_many = any(reason.verdict is Verdict.FAILED for reason in quarantine)
    held = [_held(split, count) for split, count in counts.items() if not _concerns(findings, split)]
    held += [_near(split, measured) for split, measured in distances.items() if measured and not _moved(measured)]
    if Kind.STRUCTURE in kinds or too_many:
        verdict, consequence = Verdict.FAILED, Consequence.STOP
    elif Kind.VALUES in kinds:
        verdict, consequence = Verdict.SUCCESSFUL, Consequence.RETRAIN
    else:
        verdict = Verdict.SUCCESSFUL
        consequence = Consequence.QUARANTINE if quarantine else Consequence.PROCEED
    worst_first = (*quarantine, *found) if too_many and Kind.STRUCTURE not in kinds else (*found, *quarantine)
    return Decision(verdict=verdict, consequence=consequence, reasons=(*worst_first, _schema(reviewed), *held))


def _value(value: object) -> str:
    text = "none" if value is None else repr(value)
    return text if len(text) <= _VALUE_LENGTH else text[: _VALUE_LENGTH - 3] + "..."


def _concerns(findings: Sequence[Finding], split: str) -> bool:
    return any(finding.split == split for finding in findings)


def _moved(measured: Sequence[Distance]) -> bool:
    return any(distance.value > distance.threshold for distance in measured)


def _empty(split: str, count: SplitCount) -> Reason:
    what = f"all {count.rows:,} rows are bad" if count.rows else "there are no rows"
    text = f"{split}: {what}, so there is nothing to go on with"
    return Reason(rule="rows", subject=split, verdict=Verdict.INCONCLUSIVE, text=text, evidence=count.model_dump())


def _quarantine(split: str, count: SplitCount, most: float) -> Reason:
    above = count.fraction > most
    figures = f"{count.bad:,} of {count.rows:,} rows ({count.fraction:.3%}) are bad, {most:.3%} are borne"
    return Reason(
        rule="max_quarantine_fraction",
        subject=split,
        verdict=Verdict.FAILED if above else Verdict.SUCCESSFUL,
        text=f"{split}: {figures}: " + ("too many to go on without them" if above else "set aside in the quarantine"),
        evidence={"bad_rows": count.bad, "rows": count.rows, "fraction": count.fraction, "limit": most},
    )


def _schema(reviewed: bool) -> Reason:
    text = "the data were held against the reviewed schema"
    if not reviewed:
        text = "no schema was given: one was inferred from these data; review it, and keep it in Git"
    return Reason(rule="schema", subject="schema", verdict=Verdict.SUCCESSFUL, text=text)


def _held(split: str, count: SplitCount) -> Reason:
    text = f"{split}: {count.rows:,} rows, nothing found"
    return Reason(rule="schema", subject=split, verdict=Verdict.SUCCESSFUL, text=text, evidence={"rows": count.rows})


def _near(split: str, measured: Sequence[Distance]) -> Reason:
    nearest = max(measured, key=lambda d: d.value / d.threshold if d.threshold else 0.0)
    count = f"{len(measured)} distance{'s' if len(measured) > 1 else ''}"
    shown = f"{nearest.of} of {nearest.feature} {nearest.value:.4f}, threshold {nearest.threshold:g}"
    return Reason(
        rule="distances",
        subject=split,
        verdict=Verdict.SUCCESSFUL,
        text=f"{split}: {count} measured, none above its threshold; the nearest to it: {shown}",
        evidence={f"{d.of}:{d.feature}": d.value for d in measured},
    )
