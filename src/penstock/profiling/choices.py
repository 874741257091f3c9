"""How a choice is written down: the value, and the reason beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Because:
    """A value somewhere in a configuration, and why it is so; the reason becomes the comment above it."""

    value: Any
    reason: str


def plain(value: Any) -> Any:
    """The value without its reasons, at every depth.

    Example:
        >>> plain({"epochs": Because(5, "few rows"), "units": [64]})
        {'epochs': 5, 'units': [64]}
    """
    if isinstance(value, Because):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value
