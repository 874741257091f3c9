"""What can be wrong with a question to the lineage, or with its store, in words that a person can act on."""

from __future__ import annotations

from penstock.sdk import BadInput, PenstockError


class UnknownRun(BadInput):
    """No run has this id."""


class UnknownArtifact(BadInput):
    """No artifact fits the reference, or several do."""


class StoreUnavailable(PenstockError):
    """The lineage store cannot be opened, read or written just now; the reason and the remedy are in the message."""
