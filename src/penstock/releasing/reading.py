"""What a gate says at one look: the only thing that the plan knows of statistics."""

from __future__ import annotations

from penstock.artifacts.verdict import Verdict
from penstock.releasing.base import Part

OVERALL = "overall"
"""The slice that holds everything."""


class GateReading(Part):
    """One gate on one slice, judged on everything seen so far.

    `Failed` is harm proven, at the gate's share of the error budget. `Successful` is no worse than the margin, with the
    minimum of samples. `Inconclusive` is neither, yet. `Error` is that it could not be measured: never a success.
    """

    gate: str
    """The gate's name in the specification."""
    slice: str = OVERALL
    """The slice that it was judged on: `overall`, or `feature=value`."""
    verdict: Verdict
    """What follows for this gate on this slice."""
    stable_samples: int = 0
    """Observations of the stable model that count."""
    candidate_samples: int = 0
    """Observations of the candidate that count."""
    estimate: float | None = None
    """Candidate minus stable, in the gate's unit; positive is worse."""
    lower: float | None = None
    """Lower end of the interval of the estimate, valid at every look."""
    upper: float | None = None
    """Upper end of it."""
    e_value: float | None = None
    """Evidence of harm: the gate fails when it reaches one over its share of the error budget."""
    text: str = ""
    """One sentence for a person, with the figures in it."""
