"""What `doctor` says of one thing, on this machine or of a cluster."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    what: str
    ok: bool | None
    """None where it could not be looked at."""
    text: str
    remedy: str = ""
