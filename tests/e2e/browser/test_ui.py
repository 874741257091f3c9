"""The local pages in a browser: quiet, by keyboard, on a phone, in the dark, without a script; nothing hostile runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.browser.visiting import CONTRAST, NARROW, WIDE, Visit
from tests.unit.viewing.local_home import make_home, serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Visiting = Callable[..., Visit]
PAGES = [
    "/",
    "/runs/run-0119",
    "/compare?run=run-0119&run=run-0118",
    "{model}",
    "{model}/files/rows.parquet",
    "/nowhere",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of the pages, and that of an artifact."""
    home = tmp_path_factory.mktemp("ui") / "home"
    numbers = make_home(home)
    with serving(home) as (address, _):
        yield address, f"/artifacts/{numbers['model']}"


@pytest.fixture
def see(visit: Visiting, site: tuple[str, str]) -> Visiting:
    """Open one of the pages by its path."""

    def opened(path: str, **how: object) -> Visit:
        return visit(f"{site[0]}{path.format(model=site[1])}", offline=False, **how)

    return opened


def path(visited: Visit) -> str:
    parts = urlsplit(visited.page.url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def own(visited: Visit, site: tuple[str, str]) -> None:
    """It said nothing, took nothing of a run for a script, and asked nobody but its server."""
    unknown = "/nowhere" in visited.page.url
    assert [said for said in visited.said if not (unknown and "404" in said)] == []
    assert [asked for asked in visited.asked if not asked.startswith((f"{site[0]}/", "data:"))] == []
    assert visited.page.title() != "taken"


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_quiet_fits_and_can_be_read(
    see: Visiting, site: tuple[str, str], page: str, size: tuple[int, int]
) -> None:
    for scheme in ("light", "dark"):
        visited = see(page, size=size, scheme=scheme)
        assert visited.page.locator("h1").is_visible()
        assert visited.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert visited.page.evaluate(CONTRAST) == []
        own(visited, site)


def test_the_arrow_keys_turn_pages(see: Visiting, site: tuple[str, str]) -> None:
    visited = see("/")
    for key, wanted in (("ArrowRight", "/?page=2"), ("ArrowRight", "/?page=3"), ("ArrowLeft", "/?page=2")):
        visited.page.keyboard.press(key)
        visited.page.wait_for_url(f"{site[0]}{wanted}")
    visited.page.get_by_label("Text").fill("run")
    visited.page.keyboard.press("ArrowLeft")  # moves the cursor, not the page
    assert path(visited) == "/?page=2"
    own(visited, site)


def test_a_list_is_restricted_and_its_runs_compared_by_keyboard_alone(see: Visiting, site: tuple[str, str]) -> None:
    visited = see("/", javascript=False)
    page = visited.page
    page.get_by_label("Text").focus()
    page.keyboard.type("train_epochs=4")
    page.keyboard.press("Enter")
    page.wait_for_url("**text=train_epochs*")
    assert page.get_by_role("status").inner_text() == "1–24 of 24 runs, newest first"  # noqa: RUF001
    for run in ("run-0114", "run-0109"):
        page.get_by_label(f"Select {run}").focus()
        page.keyboard.press("Space")
    page.get_by_role("button", name="Compare the selected").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/compare?run=run-0114&run=run-0109")
    assert page.locator("thead a").all_inner_texts() == ["run-0114", "run-0109"]
    own(visited, site)


def test_from_a_run_through_the_graph_to_another_artifact_and_back(see: Visiting, site: tuple[str, str]) -> None:
    visited = see("/runs/run-0119")
    page = visited.page
    page.locator("#artifacts tr", has_text="train").locator("a").first.click()
    page.wait_for_url(f"{site[0]}{site[1]}")
    centre = page.locator(".graph .centre")
    box = centre.bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= WIDE[0]
    page.locator(".graph a", has_text="examples").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('h1').textContent.startsWith('examples')")
    page.locator(".graph a", has_text="ingest").first.click()
    page.wait_for_url("**/runs/run-0119#task-ingest")
    assert page.locator("tr:target th").inner_text() == "ingest"
    own(visited, site)


def test_a_page_that_a_run_made_works_in_its_frame_and_reaches_nothing(see: Visiting, site: tuple[str, str]) -> None:
    visited = see("{model}/files/view.html")
    frame = visited.page.frame_locator("iframe")
    frame.get_by_text("after").wait_for()
    assert frame.get_by_text("reached").count() == 0
    assert visited.page.title().startswith("view.html")
    assert [said for said in visited.said if "Content Security Policy" not in said] == []
    alone = see("{model}/raw/view.html")
    assert alone.page.evaluate("self.origin") == "null"
    assert alone.page.get_by_text("reached").count() == 0


def test_a_picture_is_shown(see: Visiting, site: tuple[str, str]) -> None:
    visited = see("{model}/files/dot.png")
    assert visited.page.locator("img.shown").evaluate("image => image.naturalWidth") == 1
    own(visited, site)


def test_a_report_opens_within_the_pages(see: Visiting, site: tuple[str, str]) -> None:
    visited = see("/runs/run-0119")
    visited.page.get_by_role("link", name="Open the report").click()
    visited.page.wait_for_url("**/runs/run-0119/report")
    assert "run-0119" in visited.page.locator("main").inner_text()
    own(visited, site)


def test_pictures_of_all_pages(see: Visiting, tmp_path: Path) -> None:
    """For people to look at: `--basetemp` says where they lie."""
    for number, page in enumerate(PAGES):
        for size in (WIDE, NARROW):
            see(page, size=size).page.screenshot(path=tmp_path / f"{number}-{size[0]}.png", full_page=True)
    assert len(list(tmp_path.iterdir())) == 2 * len(PAGES)
