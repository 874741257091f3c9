"""Charts, drawn by the real library: one image with one text, safe, small, and the same each time."""

import re
import xml.etree.ElementTree as ET

import pytest

from penstock.artifacts.plots import Histogram
from penstock.reporting import charts, counts
from penstock.reporting.chart_style import Spec
from penstock.reporting.drawing import Chart, draw
from tests.unit.reporting.report_samples import HOSTILE

ALLOWED = {"svg", "g", "path", "line", "text", "title", "rect", "defs", "clipPath", "circle"}
KINDS = {
    "lines": charts.lines({HOSTILE: ((0.0, 1.0), (1.0, 2.0)), "b": ((0.0, 2.0),)}, HOSTILE, "y", dashed=["b"]),
    "square": charts.lines({"a": ((0.0, 0.0), (1.0, 1.0))}, "x", "y", unit_square=True, diagonal=True),
    "histograms": counts.histograms({HOSTILE: Histogram(edges=(0.0, 1.0, 3.0), counts=(1, 2))}),
    "small": counts.histograms({"a": Histogram(edges=(0.0, 5e4), counts=(0,))}, small=True),
    "bars": counts.bars({HOSTILE: [(HOSTILE, 1.0, "all")], "b": [("x", 0.5, "half")]}, legend=True),
    "intervals": charts.intervals({"": [(HOSTILE, 1.0, 0.5, 1.5), ("b", 2.0, None, None)]}, "x", reference=0.0),
    "matrix": charts.matrix([HOSTILE, "b"], [[1, 2], [0, 0]]),
    "calibration": charts.calibration({"a": [(0.1, 0.2, 0.1, 0.3)]}, "x", "y"),
    "trials": charts.trials(((0.0, 1.0), (1.0, 0.5)), ((0.0, 1.0), (1.0, 0.5)), "trial", "loss"),
    "bundle": charts.bundle({"0": ((1.0, 2.0),), "1": ((1.0, 1.0), (2.0, 0.5))}, "x", "y", ["red", "blue"], "1"),
}


def drawn(spec: Spec, prefix: str = "c1") -> str:
    return draw(Chart(spec=spec, title="t", says=HOSTILE), prefix=prefix).svg


@pytest.mark.parametrize("spec", KINDS.values(), ids=KINDS)
def test_every_kind_is_an_image_with_its_text(spec: Spec) -> None:
    root = ET.fromstring(drawn(spec))  # noqa: S314
    assert root.get("role") == "img"
    assert root.get("aria-label") == HOSTILE
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert names <= ALLOWED
    assert not any("aria-label" in element.attrib for element in root.iter() if element is not root)
    assert not any(key.startswith("on") for element in root.iter() for key in element.attrib)


def test_colours_are_the_pages_own() -> None:
    svg = "".join(drawn(spec) for name, spec in KINDS.items() if name != "bundle")
    colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', svg))
    assert {c for c in colours if not c.startswith(("var(--", "none", "transparent"))} == set()


def test_marks_tell_their_values_when_pointed_at() -> None:
    svg = drawn(charts.lines({"a": ((0.0, 1.23456), (1.0, 2.0))}, "epoch", "loss"))
    assert "<title>a: epoch 0, loss 1.235</title>" in svg


def test_axes_keep_their_digits() -> None:
    svg = drawn(charts.lines({"a": ((0.0, 0.771), (1.0, 0.779))}, "x", "y"))
    assert ">0.772<" in svg


def test_whole_numbers_only_where_only_they_are() -> None:
    svg = drawn(charts.lines({"a": ((1.0, 0.5), (2.0, 0.6))}, "epoch", "loss", whole_x=True))
    assert svg.count(">1<") == 1
    assert svg.count(">2<") == 1
    assert ">1.5<" not in svg


def test_ids_are_the_charts_own_and_the_same_each_time() -> None:
    clipped = {**KINDS["bars"], "mark": {"type": "bar", "clip": True}}
    first, again = drawn(clipped, "c1"), drawn(clipped, "c1")
    assert first == again
    assert re.findall(r'id="([^"]+)"', first) == ["c1-0"]
    assert "url(#c1-0)" in first
    assert re.findall(r'id="([^"]+)"', drawn(clipped, "c2")) == ["c2-0"]


@pytest.mark.parametrize("value", [-5e-204, 5e-324, 1e300, -1e308])
def test_numbers_without_a_scale_of_their_own_are_drawn(value: float) -> None:
    """Vega ends the whole process where it looks for ticks between numbers like these."""
    ET.fromstring(drawn(charts.lines({"a": ((1.0, value),)}, "epoch", "loss", whole_x=True)))  # noqa: S314


@pytest.mark.parametrize("text", ["\x00", "a\x05b", "\x1b[31m", "\ud800"])
def test_names_with_control_characters_are_drawn(text: str) -> None:
    """The library ends the whole process at them."""
    ET.fromstring(drawn(charts.lines({text: ((1.0, 0.5),)}, "epoch", text)))  # noqa: S314


def test_a_histogram_shows_shares_whatever_the_totals() -> None:
    """10 rows and 1000 rows with the same shares give bars of the same height."""
    found = {name: Histogram(edges=(0.0, 1.0, 2.0), counts=(n, 3 * n)) for name, n in (("a", 1), ("b", 100))}
    values = counts.histograms(found)["layer"][0]["data"]["values"]
    assert [(v["s"], v["y"]) for v in values] == [("a", 0.25), ("a", 0.75), ("b", 0.25), ("b", 0.75)]


def test_narrow_and_wide_bins_have_the_same_area() -> None:
    """`b` has the same rows on half the width: twice as high as `a`, whose bins are the unit."""
    found = {"a": Histogram(edges=(0.0, 2.0, 4.0), counts=(1, 1)), "b": Histogram(edges=(0.0, 1.0, 2.0), counts=(3, 3))}
    values = counts.histograms(found)["layer"][0]["data"]["values"]
    assert [(v["s"], v["y"]) for v in values] == [("a", 0.5), ("a", 0.5), ("b", 1.0), ("b", 1.0)]


def test_a_wide_bin_is_as_large_as_its_share() -> None:
    """Edges 0, 1, 4: bins of 1 and 3, 2 wide on average; half the rows each: heights 0.5 * 2 / 1 and 0.5 * 2 / 3."""
    spec = counts.histograms({"a": Histogram(edges=(0.0, 1.0, 4.0), counts=(5, 5))})
    assert [v["y"] for v in spec["layer"][0]["data"]["values"]] == [1.0, 0.333333]
