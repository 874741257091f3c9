"""What must hold between fields: one declaration, which the API server enforces at admission."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """A condition in CEL on the part that declares it, and what a person is told where it is not met."""

    rule: str
    """The condition, with `self` for the part and its fields as they are spelled in YAML."""
    message: str
    """One sentence that names what to change."""
