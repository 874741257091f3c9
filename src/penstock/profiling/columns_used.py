"""What becomes of each column: a feature, or left out, and why."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.profiling.profile import ColumnProfile, Profile


@dataclass(frozen=True)
class Use:
    """What becomes of one column."""

    feature: bool
    reason: str = ""
    """Why it is left out; empty for a feature."""
    known_after: bool = False
    """Whether it may be known only after the event, so that no feature may ever be made from it."""


def uses_of(profile: Profile) -> dict[str, Use]:
    """Decide for every column but the label, in the order of the table."""
    return {column.name: _use(profile, column) for column in profile.columns if column.name != profile.label.column}


def _use(profile: Profile, column: ColumnProfile) -> Use:
    grave = [found for found in profile.findings if found.columns == (column.name,) and found.kind in _KNOWN_AFTER]
    if grave:
        return Use(feature=False, reason=grave[0].text, known_after=True)
    for found in profile.about(column.name, "duplicate_column"):
        later, earlier = found.columns
        if later == column.name and earlier != profile.label.column:
            return Use(feature=False, reason=f"says the same as {earlier}")
    if column.name == profile.group:
        return Use(feature=False, reason="names whom the rows are about; those who come later are not known yet")
    if column.name == profile.time_column and column.role != "moment":
        return Use(feature=False, reason="is the time: what comes later lies beyond all that was learnt from")
    if column.role in _WORTHLESS:
        return Use(feature=False, reason=_WORTHLESS[column.role])
    return Use(feature=True)


_KNOWN_AFTER = ("leakage", "filled_by_label", "after_the_event")
_WORTHLESS = {
    "empty": "has no value at all",
    "constant": "has one value only",
    "identifier": "only names the row",
}
