"""What can be wrong with a question to the lineage, or with its store, in words that a person can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from penstock.sdk import BadInput, PenstockError


class UnknownRun(BadInput):
    """No run has this id."""


class UnknownArtifact(BadInput):
    """No artifact fits the reference, or several do."""


class StoreUnavailable(PenstockError):
    """The lineage store cannot be opened, read or written just now; the reason and the remedy are in the message."""


class NoAnswer(StoreUnavailable):
    """No server answers at the address."""


class StoreVersion(BadInput):
    """The lineage store was written by another version of ML Metadata than the one that is installed."""


@contextmanager
def nothing_begun() -> Iterator[None]:
    """Tell trouble with the store as bad input: so far nothing was tried, so nothing has been changed.

    Raises:
        BadInput: Instead of `StoreUnavailable`, with the same words (operator).
    """
    try:
        yield
    except StoreUnavailable as error:
        raise BadInput(error.message, error.remedy) from None
