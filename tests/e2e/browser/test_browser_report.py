"""A report as people meet it: from the disk, in Kubeflow's frame, by keyboard, on paper, on a phone, in the dark."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from components.reporter.logic import parts
from penstock.reporting.page import render, render_comparison
from penstock.reporting.reading import read_findings
from penstock.reporting.views import ComparisonView, Row
from tests.e2e.browser.visiting import CONTRAST, NARROW, WIDE, Visit
from tests.unit.reporting.report_samples import HOSTILE, run_view, write_artifacts

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Visiting = Callable[..., Visit]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    view = run_view(read_findings(parts(write_artifacts(folder / "artifacts"))))
    rows = (Row(name=HOSTILE, values=("a", "b"), differs=True), Row(name="same", values=(1, 1), differs=False))
    pages = {
        "run": render(view),
        "comparison": render_comparison(ComparisonView(first=view, second=view, aspects={"parameter": rows})),
    }
    found = {}
    for name, text in pages.items():
        found[name] = folder / f"{name}.html"
        found[name].write_text(text, encoding="utf-8")
    return found


@pytest.fixture(params=["run", "comparison"])
def either(request: pytest.FixtureRequest, pages: dict[str, Path]) -> str:
    return pages[request.param].as_uri()


@pytest.fixture
def report(pages: dict[str, Path]) -> str:
    return pages["run"].as_uri()


def slices(visited: Visit) -> list[str]:
    """The names in the first table of slices that are to be seen, from top to bottom."""
    return visited.page.locator("#slices-1-1 tbody tr:visible th").all_inner_texts()


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_it_opens_from_the_disk_and_asks_nobody(visit: Visiting, either: str, size: tuple[int, int]) -> None:
    visited = visit(either, size=size)
    assert visited.page.locator("h1").is_visible()
    visited.assert_quiet()


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_it_is_never_wider_than_the_window(visit: Visiting, either: str, size: tuple[int, int]) -> None:
    visited = visit(either, size=size)
    visited.page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    assert visited.page.evaluate("document.documentElement.scrollWidth") == size[0]


def test_in_a_wide_window_the_figures_of_numbers_are_all_in_sight(visit: Visiting, report: str) -> None:
    tables = visit(report).page.locator("table.mini", has_text="greatest")
    assert tables.count() > 0
    right = "x => x.getBoundingClientRect().right"
    hidden = f"found => found.map(t => ({right})(t) - ({right})(t.closest('.scroll')))"
    assert max(tables.evaluate_all(hidden)) <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast(visit: Visiting, either: str, scheme: str) -> None:
    visited = visit(either, scheme=scheme)
    visited.page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    assert visited.page.evaluate(CONTRAST) == []


def test_a_text_without_contrast_is_found(visit: Visiting, report: str) -> None:
    visited = visit(report)
    visited.page.add_style_tag(content="h2 { color: #ccc !important } .graph text { fill: #ddd !important }")
    found = visited.page.evaluate(CONTRAST)
    assert any("H2" in line for line in found)
    assert any("text" in line for line in found)


def test_it_works_in_the_frame_that_kubeflow_shows_it_in(visit: Visiting, pages: dict[str, Path]) -> None:
    """Scripts, and nothing else: no origin of its own, so no storage."""
    frame = pages["run"].parent / "frame.html"
    document = html.escape(pages["run"].read_text(encoding="utf-8"), quote=True)
    attributes = f'title="r" sandbox="allow-scripts" style="width:900px;height:700px" srcdoc="{document}"'
    frame.write_text(f"<!doctype html><iframe {attributes}></iframe>", encoding="utf-8")
    visited = visit(frame.as_uri())
    inside = visited.page.frame_locator("iframe")
    inside.locator("h1").wait_for()
    inside.locator("#slices-1-1 thead button", has_text="Rows").click()
    assert inside.locator("#slices-1-1 tbody tr").first.locator("th").inner_text() == "overall"
    inside.get_by_role("button", name="Dark theme").click()
    assert inside.locator("html").get_attribute("data-theme") == "dark"
    inside.get_by_role("navigation").get_by_role("link", name="Lineage").click()
    expect(inside.locator("#h-lineage")).to_be_in_viewport()
    visited.assert_quiet()


def test_a_table_is_sorted_by_keyboard(visit: Visiting, report: str) -> None:
    visited = visit(report)
    assert slices(visited) == ["overall", "carrier=HA", "carrier=B6", "carrier=UA"]
    head = visited.page.locator("#slices-1-1 thead th", has_text="Rows")
    head.get_by_role("button").focus()
    visited.page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert slices(visited) == ["overall", "carrier=UA", "carrier=B6", "carrier=HA"]
    visited.page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "ascending"
    assert slices(visited) == ["carrier=HA", "carrier=B6", "carrier=UA", "overall"]
    visited.page.locator("#slices-1-1 thead th", has_text="Verdict").get_by_role("button").press("Enter")
    assert slices(visited)[:2] == ["carrier=HA", "overall"]
    assert head.get_attribute("aria-sort") is None


def test_a_table_is_searched(visit: Visiting, report: str) -> None:
    visited = visit(report)
    tools = visited.page.locator(".tools", has_text="Search slices").first
    tools.get_by_role("searchbox").fill("CARRIER b6")
    assert slices(visited) == ["carrier=B6"]
    assert tools.get_by_role("status").inner_text() == "1 of 4"
    tools.get_by_role("searchbox").fill("")
    assert len(slices(visited)) == 4
    assert tools.get_by_role("status").inner_text() == ""


def test_the_theme_follows_the_system_until_it_is_switched(visit: Visiting, report: str) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    light, dark = visit(report, scheme="light"), visit(report, scheme="dark")
    white, black = light.page.evaluate(paper), dark.page.evaluate(paper)
    assert white == "rgb(255, 255, 255)"
    assert black != white
    dark.page.get_by_role("button", name="Light theme").click()
    assert dark.page.evaluate(paper) == white
    dark.page.get_by_role("button", name="Dark theme").click()
    assert dark.page.evaluate(paper) == black
    fill = "getComputedStyle(document.querySelector('figure svg text')).fill"
    assert light.page.evaluate(fill) != dark.page.evaluate(fill)


def test_without_scripts_all_is_there(visit: Visiting, report: str) -> None:
    visited = visit(report, javascript=False)
    assert slices(visited) == ["overall", "carrier=HA", "carrier=B6", "carrier=UA"]
    assert visited.page.locator("[data-toggle-theme]").is_hidden()
    assert visited.page.locator(".tools").first.is_hidden()
    visited.page.locator("summary", has_text="serving").click()
    assert visited.page.get_by_text("at least 20 requests per second").last.is_visible()


def test_the_keyboard_begins_with_the_way_past_the_contents(visit: Visiting, report: str) -> None:
    visited = visit(report)
    visited.page.keyboard.press("Tab")
    assert visited.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    visited.page.keyboard.press("Enter")
    assert visited.page.evaluate("document.activeElement.id") == "main"


def test_whatever_can_be_clicked_has_a_name(visit: Visiting, either: str) -> None:
    visited = visit(either)
    nameless = """() => [...document.querySelectorAll('a, button, input, summary, [role=region]')]
        .filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.[0]?.textContent.trim()))
        .map((e) => e.outerHTML.slice(0, 80))"""
    assert visited.page.evaluate(nameless) == []


def test_it_has_landmarks_for_those_who_listen(visit: Visiting, report: str) -> None:
    visited = visit(report)
    for role in ("banner", "main"):
        assert visited.page.get_by_role(role).count() == 1
    assert visited.page.get_by_role("navigation", name="On this page").count() == 1
    assert visited.page.get_by_role("img", name="ROC").count() == 0  # told by its sentence
    assert visited.page.get_by_role("img", name="True positive rate over false positive rate").count() == 1
    assert visited.page.get_by_role("region", name="Slices", exact=True).count() == 1


def test_the_graph_leads_to_the_tasks(visit: Visiting, report: str) -> None:
    visited = visit(report)
    visited.page.locator(".graph.right a", has_text="evaluate").click()
    assert visited.page.url.endswith("#task-evaluate")
    assert visited.page.locator("#task-evaluate").is_visible()


@pytest.mark.parametrize(("size", "shown"), [(WIDE, "right"), (NARROW, "down")])
def test_the_graph_suits_the_window(visit: Visiting, report: str, size: tuple[int, int], shown: str) -> None:
    visited = visit(report, size=size)
    assert [way for way in ("right", "down") if visited.page.locator(f".graph.{way}").is_visible()] == [shown]


def test_on_paper_there_is_no_furniture_and_nothing_is_folded(visit: Visiting, report: str) -> None:
    visited = visit(report, scheme="dark")
    visited.page.emulate_media(media="print")
    for furniture in ("header.bar", "nav.contents", ".tools"):
        assert visited.page.locator(furniture).first.is_hidden()
    visited.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert visited.page.get_by_text("at least 20 requests per second").last.is_visible()
    assert visited.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert visited.page.evaluate(CONTRAST) == []


def test_a_name_that_is_code_stays_a_name(visit: Visiting, report: str) -> None:
    visited = visit(report)
    assert visited.page.get_by_role("rowheader").filter(has_text="alert('x')").first.is_visible()
    visited.assert_quiet()
