"""Which part of the page an artifact belongs to. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.artifacts import Artifact
from penstock.reporting.views import Findings, RunView

PARTS = {
    "data": ("statistics", "anomalies"),
    "tuning": ("tuning",),
    "training": ("model",),
    "evaluation": ("evaluation", "blessing"),
    "serving": ("infra_blessing",),
}
"""The inputs that belong together, by the name under which the page speaks of them."""


def parts(given: Mapping[str, Artifact]) -> list[tuple[str, Sequence[Artifact]]]:
    """Sort artifacts by the part of the page that they make.

    Args:
        given: Artifacts by the name of the input.

    Returns:
        The parts that there is anything for, in the order of the page.
    """
    found = [(part, [given[name] for name in names if name in given]) for part, names in PARTS.items()]
    return [(part, artifacts) for part, artifacts in found if artifacts]


def view(title: str, findings: Findings) -> RunView:
    """The page of what was found; of the run itself a task knows nothing."""
    return RunView(title=title, findings=findings)
