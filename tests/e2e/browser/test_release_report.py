"""The page of a release as people meet it: from the disk, on a phone, in the dark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.releasing.local.report import view_of
from penstock.reporting.release_page import render_release
from tests.e2e.browser.visiting import CONTRAST, NARROW, WIDE, Visit
from tests.unit.releasing.local.kept import moments, stored
from tests.unit.releasing.releases import at

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Visiting = Callable[..., Visit]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    file: Path = tmp_path_factory.mktemp("release") / "release.html"
    file.write_text(render_release(view_of(stored(), moments(), at(3000))), encoding="utf-8")
    return file.as_uri()


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_it_opens_from_the_disk_fits_the_window_and_asks_nobody(
    visit: Visiting, page: str, size: tuple[int, int]
) -> None:
    visited = visit(page, size=size)
    assert visited.page.locator("h1").inner_text() == "Release of flights"
    visited.page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    assert visited.page.evaluate("document.documentElement.scrollWidth") == size[0]
    visited.assert_quiet()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast(visit: Visiting, page: str, scheme: str) -> None:
    visited = visit(page, scheme=scheme)
    visited.page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    assert visited.page.evaluate(CONTRAST) == []


def test_the_newest_attempt_is_open_and_each_picture_says_what_it_shows(visit: Visiting, page: str) -> None:
    visited = visit(page)
    assert visited.page.locator("details.gate[open] .name").all_inner_texts() == ["Attempt 2"]
    pictures = visited.page.locator("#attempt-2 figure svg[role=img]")
    assert pictures.count() == 5
    assert all(pictures.evaluate_all("found => found.map(one => one.getAttribute('aria-label').length > 20)"))
