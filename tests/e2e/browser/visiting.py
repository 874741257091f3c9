"""A page in the browser, and what it said and asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Page

WIDE, NARROW = (1440, 900), (390, 844)
"""Windows of a desk and of a hand [CSS px]."""
CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")
"""A function for the page that lists each text without enough contrast."""


@dataclass
class Visit:
    """A page in the browser, with all that it said and asked for."""

    page: Page
    said: list[str] = field(default_factory=list)
    """Messages of the console and errors of scripts."""
    asked: list[str] = field(default_factory=list)
    """Addresses that were requested, that of the page itself left out."""

    def assert_quiet(self) -> None:
        """It said nothing and asked nobody."""
        assert self.said == []
        assert self.asked == []
