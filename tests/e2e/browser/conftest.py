"""A real Chromium without a network: pages are opened as people open them, and whatever they ask or say is recorded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.browser.visiting import WIDE, Visit

CHROMIUM = Path("/usr/bin/chromium")
Scheme = Literal["light", "dark"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for each module: while it is there, no test of another could start an event loop of its own."""
    if not CHROMIUM.exists():
        pytest.skip("no Chromium here: apt-get install chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
        yield launched
        launched.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Open an address: `visit(uri, size=WIDE, scheme="light", javascript=True, offline=True)`."""
    contexts = []

    def opened(
        address: str,
        *,
        size: tuple[int, int] = WIDE,
        scheme: Scheme = "light",
        javascript: bool = True,
        offline: bool = True,
        **more: Any,
    ) -> Visit:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            java_script_enabled=javascript,
            offline=offline,
            **more,
        )
        contexts.append(context)
        found = Visit(context.new_page())
        found.page.on("console", lambda message: found.said.append(f"{message.type}: {message.text}"))
        found.page.on("pageerror", lambda error: found.said.append(str(error)))
        found.page.on("dialog", lambda dialog: found.said.append(f"dialog: {dialog.message}"))
        own = {address, "about:srcdoc", "data:,"}
        context.on("request", lambda request: None if request.url in own else found.asked.append(request.url))
        found.page.goto(address)
        return found

    yield opened
    for context in contexts:
        context.close()
