"""Evidence in the store of releases: one attempt's at a time."""

from __future__ import annotations

from penstock.releasing.gates.evidence import Evidence
from penstock.releasing.local.store import ReleaseStore
from penstock.releasing.port import Look


class FileEvidence:
    """Keeps evidence beside its release.

    Args:
        store: Where releases are kept. Only who carries a release out writes its evidence, so nobody comes between.
    """

    def __init__(self, store: ReleaseStore) -> None:
        self._store = store

    def load(self, look: Look) -> Evidence:
        """The evidence of the attempt under way; of another, none."""
        return self._store.evidence(look.key.name, _trial(look)) or Evidence()

    def keep(self, look: Look, evidence: Evidence) -> None:
        """Keep it."""
        self._store.save_evidence(look.key.name, _trial(look), evidence)


def _trial(look: Look) -> int:
    return look.status.trial.number if look.status.trial else 0
