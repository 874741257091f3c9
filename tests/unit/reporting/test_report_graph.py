"""Boxes and arrows: layers, order, escaping."""

import re
import xml.etree.ElementTree as ET

import pytest

from penstock.reporting.graph import Node, draw_graph, layers, reduced


def boxes(svg: str) -> dict[str, tuple[float, float]]:
    """Titles with the left upper corners of their boxes."""
    found = {}
    for group in ET.fromstring(svg).iter("g"):  # noqa: S314
        if group.get("class", "").startswith("node"):
            rect = group.find("rect")
            assert rect is not None
            title = group.find("text")
            assert title is not None
            found[title.text or ""] = (float(rect.get("x", "")), float(rect.get("y", "")))
    return found


def test_edges_that_a_longer_way_implies_are_left_out() -> None:
    edges = [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d"), ("a", "c"), ("a", "b")]
    assert reduced(edges) == [("a", "b"), ("b", "c"), ("c", "d")]


def test_an_edge_without_a_detour_stays() -> None:
    assert reduced([("a", "b"), ("a", "c")]) == [("a", "b"), ("a", "c")]


def test_the_longest_way_gives_the_layer() -> None:
    assert layers(["d", "a", "b", "c"], [("a", "b"), ("b", "c"), ("a", "c"), ("c", "d")]) == {
        "d": 3,
        "a": 0,
        "b": 1,
        "c": 2,
    }


def test_a_circle_is_refused() -> None:
    with pytest.raises(ValueError, match="circle"):
        layers(["a", "b"], [("a", "b"), ("b", "a")])


def test_it_runs_to_the_right_or_down() -> None:
    nodes = [Node(id=name, title=name) for name in "abc"]
    edges = [("a", "b"), ("b", "c")]
    right, down = boxes(draw_graph(nodes, edges, says="")), boxes(draw_graph(nodes, edges, says="", down=True))
    assert right["a"][0] < right["b"][0] < right["c"][0]
    assert right["a"][1] == right["b"][1] == right["c"][1]
    assert down["a"][1] < down["b"][1] < down["c"][1]


def test_what_is_parallel_does_not_overlap() -> None:
    nodes = [Node(id=name, title=name) for name in "abcd"]
    at = boxes(draw_graph(nodes, [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")], says=""))
    assert at["b"][0] == at["c"][0]
    assert abs(at["b"][1] - at["c"][1]) > 52


def test_crossings_are_undone() -> None:
    nodes = [Node(id=name, title=name) for name in ("a", "b", "x", "y")]
    at = boxes(draw_graph(nodes, [("a", "y"), ("b", "x")], says=""))
    assert (at["a"][1] < at["b"][1]) == (at["y"][1] < at["x"][1])


def test_texts_are_escaped_and_long_ones_cut() -> None:
    node = Node(id="a", title="<b>&" + "x" * 40, text='"quoted"', says="<i>", href="/a?b=1&c=2")
    svg = draw_graph([node], [], says="<u>")
    root = ET.fromstring(svg)  # noqa: S314
    assert root.get("aria-label") == "<u>"
    link = root.find("a")
    assert link is not None and link.get("href") == "/a?b=1&c=2"
    assert next(iter(boxes(svg))) == "<b>&" + "x" * 14 + "…"
    assert root.find(".//title").text == "<i>"  # type: ignore[union-attr]


def test_nothing_is_drawn_of_nothing_and_unknown_ends() -> None:
    assert boxes(draw_graph([], [], says="none")) == {}
    svg = draw_graph([Node(id="a", title="a")], [("a", "gone"), ("gone", "a")], says="")
    assert re.findall(r"<path", svg) == []
