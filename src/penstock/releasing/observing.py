"""What is observed where no source can be asked."""

from __future__ import annotations

from penstock.releasing.gates.evidence import Evidence
from penstock.releasing.gates.observations import Batch
from penstock.releasing.port import Look


class NoSources:
    """Every gate says that it could not be measured: the release holds, then rolls back. Nothing is ever assumed."""

    def batch(self, look: Look, evidence: Evidence) -> Batch:
        """A problem for each gate."""
        problems = {gate.name: f"source {gate.source.kind} cannot be asked here" for gate in look.spec.analysis.gates}
        trial = look.status.trial
        shadow = trial is not None and trial.weight_percent == 0
        return Batch(step=trial.step if trial else "", shadow=shadow, problems=problems, cursors=evidence.cursors)
