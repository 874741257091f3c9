"""Asking the gates: new observations are added to the evidence, which is kept where the next controller finds it."""

from __future__ import annotations

from typing import Protocol

from penstock.artifacts.verdict import Verdict
from penstock.releasing.gates.evidence import Evidence
from penstock.releasing.gates.judging import judge
from penstock.releasing.gates.observations import Batch
from penstock.releasing.planning.observed import Judged
from penstock.releasing.port import Conflict, Look, Unavailable
from penstock.releasing.reading import GateReading
from penstock.sdk import PenstockError


class Observer(Protocol):
    """Who brings what was seen of both models."""

    def batch(self, look: Look, evidence: Evidence) -> Batch:
        """Everything seen since the evidence's cursors; what could not be measured is a problem in it, never raised."""
        ...


class EvidenceStore(Protocol):
    """Who keeps evidence."""

    def load(self, look: Look) -> Evidence:
        """The evidence of the attempt under way; of another, none.

        Raises:
            Unavailable: It cannot be asked.
        """
        ...

    def keep(self, look: Look, evidence: Evidence) -> None:
        """Keep it, if nobody else has written since it was loaded.

        Raises:
            Conflict: Another controller has.
            Unavailable: It cannot be asked, or did not answer.
            PenstockError: It cannot be kept at all (whoever named so many slices).
        """
        ...


class EvidenceJudge:
    """A judge over an observer and a store."""

    def __init__(self, observer: Observer, store: EvidenceStore) -> None:
        self._observer = observer
        self._store = store

    def judge(self, look: Look) -> Judged | None:
        """Add what was seen since the last look, keep it, and say what the gates say of all of it."""
        trial, step = look.status.trial, look.status.trial.step if look.status.trial else ""
        if trial is None or look.status.candidate is None or not step:
            return None
        before = self._store.load(look)
        after, readings = judge(look.spec.analysis, before, self._observer.batch(look, before))
        try:
            if after != before:
                self._store.keep(look, after)
        except (Conflict, Unavailable):
            raise
        except PenstockError as problem:
            # What cannot be kept cannot count: the next look would count it again.
            readings = tuple(
                GateReading(gate=gate.name, verdict=Verdict.ERROR, text=f"its evidence cannot be kept: {problem}")
                for gate in look.spec.analysis.gates
            )
        return Judged(trial.number, step, readings)
