"""A graph of boxes and arrows as inline SVG: the tasks of a run, or artifacts and the tasks between them.

Layered after Sugiyama: longest paths give the layers, barycentres the order within one, long edges bend through the
gaps. Pure, and deterministic: ties are broken by the order in which nodes are given.

Source:
    Sugiyama, Tagawa, Toda (1981), "Methods for visual understanding of hierarchical system structures", steps 1-4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

_BOX_WIDTH, _BOX_HEIGHT = 150, 52
_GAP_ALONG, _GAP_ACROSS = 44, 18
_BEND = 10
"""Room across that an edge takes which passes a layer [px]."""
_SWEEPS = 6


@dataclass(frozen=True, kw_only=True)
class Node:
    """One box."""

    id: str
    title: str
    text: str = ""
    """A second line, smaller."""
    tone: str = "plain"
    """What it stands for, a class of the style sheet: `good`, `bad`, `doubt`, `fault`, `quiet`, `plain`."""
    mark: str = ""
    """A sign before the title, for those who do not see colours."""
    href: str = ""
    """Where a click leads."""
    says: str = ""
    """Shown when pointed at."""


def reduced(edges: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out edges that a longer way implies, in a graph without cycles.

    Example:
        >>> reduced([("a", "b"), ("b", "c"), ("a", "c")])
        [('a', 'b'), ('b', 'c')]
    """
    kept = list(dict.fromkeys(edges))
    after: dict[str, set[str]] = {}
    for a, b in kept:
        after.setdefault(a, set()).add(b)

    def reaches(start: str, goal: str) -> bool:
        seen, waiting = set(), [n for n in after.get(start, ()) if n != goal]
        while waiting:
            node = waiting.pop()
            if node == goal:
                return True
            if node not in seen:
                seen.add(node)
                waiting.extend(after.get(node, ()))
        return False

    return [(a, b) for a, b in kept if not reaches(a, b)]


def layers(nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Number the layer of each node: the edges of the longest way that leads to it.

    Example:
        >>> layers(["a", "b", "c"], [("a", "b"), ("b", "c"), ("a", "c")])
        {'a': 0, 'b': 1, 'c': 2}

    Raises:
        ValueError: The edges run in a circle (caller).
    """
    before: dict[str, set[str]] = {node: set() for node in nodes}
    for a, b in edges:
        before[b].add(a)
    depth: dict[str, int] = {}
    waiting = list(nodes)
    while waiting:
        ready = [node for node in waiting if before[node] <= depth.keys()]
        if not ready:
            raise ValueError(f"a circle through {waiting}")
        for node in ready:
            depth[node] = max((depth[b] + 1 for b in before[node]), default=0)
        waiting = [node for node in waiting if node not in depth]
    return {node: depth[node] for node in nodes}


def draw_graph(
    nodes: Sequence[Node], edges: Iterable[tuple[str, str]], *, says: str, down: bool = False, css_class: str = ""
) -> str:
    """Draw the graph.

    Args:
        nodes: The boxes; those that nothing joins stand in the first layer.
        edges: Ids, from and to; those of unknown nodes are left out.
        says: What the whole shows, for those who do not see it.
        down: Whether it runs downwards, for narrow windows, instead of to the right.
        css_class: A class for the picture.

    Returns:
        SVG that takes its colours from the page's style sheet. Titles and texts are escaped.
    """
    by_id = {node.id: node for node in nodes}
    known = [(a, b) for a, b in dict.fromkeys(edges) if a in by_id and b in by_id and a != b]
    ways, rows = _place(list(by_id), known)
    along = (_BOX_HEIGHT if down else _BOX_WIDTH) + _GAP_ALONG
    thick = _BOX_WIDTH if down else _BOX_HEIGHT
    across = _spread(rows, thick)
    extent = max((across[name] + _thickness(name, thick) / 2 for row in rows for name in row), default=0.0)
    center = {
        name: ((i * along + (along - _GAP_ALONG) / 2), across[name]) for i, row in enumerate(rows) for name in row
    }
    length = max(1, len(rows)) * along - _GAP_ALONG
    width, height = (extent, length) if down else (length, extent)
    half = (_BOX_HEIGHT if down else _BOX_WIDTH) / 2
    paths = "".join(_edge([center[name] for name in way], half, down) for way in ways)
    boxes = "".join(_box(by_id[name], *_at(center[name], down)) for row in rows for name in row if name in by_id)
    label = "graph " + css_class
    return (
        f'<svg class="{label.strip()}" role="group" aria-label="{escape(says)}" width="{width + 4:g}"'
        f' height="{height + 4:g}" viewBox="-2 -2 {width + 4:g} {height + 4:g}">'
        f'<g class="edges" aria-hidden="true">{paths}</g>{boxes}</svg>'
    )


_Bend = tuple[str, str, int]
_Name = str | _Bend


def _place(nodes: list[str], edges: list[tuple[str, str]]) -> tuple[list[list[_Name]], list[list[_Name]]]:
    """The way of each edge through its bends, and the names of each layer in order."""
    depth = layers(nodes, edges)
    rows: list[list[_Name]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for node in nodes:
        rows[depth[node]].append(node)
    ways: list[list[_Name]] = []
    for a, b in edges:
        bends: list[_Name] = [(a, b, i) for i in range(depth[a] + 1, depth[b])]
        for i, bend in enumerate(bends, depth[a] + 1):
            rows[i].append(bend)
        ways.append([a, *bends, b])
    before: dict[_Name, list[_Name]] = {}
    after: dict[_Name, list[_Name]] = {}
    for way in ways:
        for one, next_ in pairwise(way):
            before.setdefault(next_, []).append(one)
            after.setdefault(one, []).append(next_)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        for i in range(len(rows)) if forward else range(len(rows) - 1, -1, -1):
            fixed = i - 1 if forward else i + 1
            if 0 <= fixed < len(rows):
                _order(rows[i], rows[fixed], before if forward else after)
    return ways, rows


def _order(row: list[_Name], fixed: list[_Name], neighbours: Mapping[_Name, list[_Name]]) -> None:
    place = {name: (i + 0.5) / len(fixed) for i, name in enumerate(fixed)}
    own = {name: (i + 0.5) / len(row) for i, name in enumerate(row)}

    def barycentre(name: _Name) -> float:
        found = [place[n] for n in neighbours.get(name, ()) if n in place]
        return sum(found) / len(found) if found else own[name]

    row.sort(key=barycentre)


def _spread(rows: Sequence[Sequence[_Name]], thick: float) -> dict[_Name, float]:
    """Where the middle of everything is across the layers: each layer is centred."""
    found: dict[_Name, float] = {}
    widths = [sum(_thickness(n, thick) + _GAP_ACROSS for n in row) - _GAP_ACROSS for row in rows]
    widest = max(widths, default=0.0)
    for row, width in zip(rows, widths, strict=True):
        at = (widest - width) / 2
        for name in row:
            found[name] = at + _thickness(name, thick) / 2
            at += _thickness(name, thick) + _GAP_ACROSS
    return found


def _thickness(name: _Name, thick: float) -> float:
    return thick if isinstance(name, str) else _BEND


def _at(point: tuple[float, float], down: bool) -> tuple[float, float]:
    along, across = point
    return (across, along) if down else (along, across)


def _edge(points: list[tuple[float, float]], half: float, down: bool) -> str:
    """A smooth line from the far side of the first box to the near side of the last, through the bends between."""
    (first_along, first_across), (last_along, last_across) = points[0], points[-1]
    way = [(first_along + half, first_across)]
    for along, across in points[1:-1]:
        way += [(along - half, across), (along + half, across)]
    way.append((last_along - half - 5, last_across))
    text = "M{:g},{:g}".format(*_at(way[0], down))
    for i, ((a0, c0), (a1, c1)) in enumerate(pairwise(way)):
        if i % 2:
            text += "L{:g},{:g}".format(*_at((a1, c1), down))
            continue
        middle = (a0 + a1) / 2
        corners = (*_at((middle, c0), down), *_at((middle, c1), down), *_at((a1, c1), down))
        text += "C{:g},{:g} {:g},{:g} {:g},{:g}".format(*corners)
    tip = [(last_along - half, last_across), (last_along - half - 7, last_across - 4)]
    tip.append((last_along - half - 7, last_across + 4))
    head = " ".join("{:g},{:g}".format(*_at(point, down)) for point in tip)
    return f'<path d="{text}"/><polygon points="{head}"/>'


def _box(node: Node, x: float, y: float) -> str:
    left, top = x - _BOX_WIDTH / 2, y - _BOX_HEIGHT / 2
    title = escape(_cut(f"{node.mark} {node.title}" if node.mark else node.title, 19))
    inner = f'<rect x="{left:g}" y="{top:g}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="7"/>'
    inner += f'<rect class="stripe" x="{left:g}" y="{top:g}" width="5" height="{_BOX_HEIGHT}" rx="2.5"/>'
    if node.text:
        inner += f'<text class="title" x="{left + 14:g}" y="{y - 4:g}">{title}</text>'
        inner += f'<text x="{left + 14:g}" y="{y + 14:g}">{escape(_cut(node.text, 23))}</text>'
    else:
        inner += f'<text class="title" x="{left + 14:g}" y="{y + 5:g}">{title}</text>'
    shown = f"<title>{escape(node.says or node.title)}</title>"
    body = f'<g class="node {escape(node.tone)}">{shown}{inner}</g>'
    return f'<a href="{escape(node.href)}">{body}</a>' if node.href else body


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
