"""Charts to inline SVG, by Vega-Lite.

A chart is a plain specification (`charts`); this is the one place that turns it into a picture. Colours in it are CSS
variables (`var(--ink)`), which the page sets for light and dark; Vega hands them through.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

from penstock.reporting.drawing_process import begin

Cell = str | int | float | None


@dataclass(frozen=True, kw_only=True)
class Chart:
    """What is to be drawn, with the same in words and as a table, for those who do not see it."""

    spec: Mapping[str, Any]
    """Vega-Lite."""
    title: str
    says: str
    """What the picture shows, in a sentence or two: its text alternative."""
    columns: tuple[str, ...] = ()
    rows: tuple[Sequence[Cell], ...] = ()
    note: str = ""
    """How to read it, shown below."""
    wide: bool = False
    """Whether it takes the page's whole width: smaller, nobody could read it."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A chart that is being drawn."""

    chart: Chart
    prefix: str
    """Stands before the ids inside the picture."""
    drawing: Callable[[], str]
    """Gives Vega's picture."""

    @cached_property
    def svg(self) -> str:
        """The picture, with one text alternative; its marks tell their values when pointed at.

        Where Vega cannot make sense of what a damaged file held, a word about it: the figures stand beside it all the
        same.
        """
        try:
            return tidy(self.drawing(), self.chart.says, self.prefix)
        except ValueError:
            return _NOT_DRAWN.format(says=escape(self.chart.says))


_MARKS = re.compile(r"<(path|line|text|rect)( [^>]*?)?(?:/>|></\1>)")
_EMPTY = re.compile(r'<path class="(?:background|foreground)"[^>]*?(?:/>|></path>)')
_LABEL = re.compile(r' aria-label="([^"]*)"')
_NOISE = re.compile(
    r' (?:role="graphics-[a-z]+"|aria-roledescription="[^"]*"|aria-hidden="true"|pointer-events="none"'
    r'|class="mark-[^"]*"|opacity="1"|font-family="[^"]*"|stroke-miterlimit="10")'
)
_HOLLOW = re.compile(r"<g></g>")
_SHAPE = re.compile(r' (?:d|transform|x|y|x1|x2|y1|y2|width|height)="[^"]*"')
_LONG_NUMBER = re.compile(r"(\d+\.\d{2})\d+")
_HEAD = re.compile(r'^<svg [^>]*?width="([\d.]+)" height="([\d.]+)" viewBox="([^"]+)">')
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_REFERENCE = re.compile(r'(id="|url\(#|href="#)([A-Za-z_][\w-]*)')


_NOT_DRAWN = (
    '<svg role="img" aria-label="{says}" width="320" height="24" viewBox="0 0 320 24">'
    '<text y="16" style="fill:currentColor">This picture could not be drawn.</text></svg>'
)


def draw(chart: Chart, *, prefix: str = "chart") -> Figure:
    """Begin to draw a chart.

    The first of a process takes about 0.3 s, which is Vega's start; each further one 10 to 30 ms. Within
    `drawing_process.ahead` it is another process that takes them.

    Args:
        chart: What to draw.
        prefix: Stands before the ids inside the picture, which must be unique in the page.
    """
    return Figure(chart=chart, prefix=prefix, drawing=begin(_printable(chart.spec)))


def _printable(part: Any) -> Any:
    """The same without control characters, at which the library ends the whole process and which XML cannot hold."""
    if isinstance(part, str):
        return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", part)
    if isinstance(part, Mapping):
        return {key: _printable(value) for key, value in part.items()}
    return [_printable(item) for item in part] if isinstance(part, list | tuple) else part


class Pen:
    """Draws charts, each with ids of its own."""

    def __init__(self) -> None:
        self._drawn = 0

    def draw(self, chart: Chart) -> Figure:
        """Draw one."""
        self._drawn += 1
        return draw(chart, prefix=f"c{self._drawn}")

    def all(self, charts: Iterable[Chart | None]) -> list[Figure]:
        """Draw those that there are."""
        return [self.draw(chart) for chart in charts if chart]


def tidy(svg: str, says: str, prefix: str) -> str:
    """Make Vega's picture one image with one description, tooltips on its marks, and less than half its bytes."""
    svg = _MARKS.sub(_with_title, _EMPTY.sub("", svg))
    svg = _SHAPE.sub(lambda found: _LONG_NUMBER.sub(r"\1", found[0]), _NOISE.sub("", svg))
    svg = _LABEL.sub("", svg)
    while (shorter := _HOLLOW.sub("", svg)) != svg:
        svg = shorter
    svg = _with_own_ids(svg, prefix)
    return _HEAD.sub(
        rf'<svg role="img" aria-label="{_for_sub(says)}" width="\1" height="\2" viewBox="\3">', svg, count=1
    )


def _with_own_ids(svg: str, prefix: str) -> str:
    """Vega numbers its ids on and on in one process; a page wants them unique, and the same each time."""
    numbers: dict[str, int] = {}
    return _REFERENCE.sub(lambda found: f"{found[1]}{prefix}-{numbers.setdefault(found[2], len(numbers))}", svg)


def _with_title(found: re.Match[str]) -> str:
    """A mark with a description shows it when pointed at; in words it is told once, by the whole."""
    name, attributes = found[1], found[2] or ""
    label = _LABEL.search(attributes)
    if not label:
        return found[0]
    return f"<{name}{_LABEL.sub('', attributes)}><title>{label[1]}</title></{name}>"


def _for_sub(text: str) -> str:
    return escape(text).replace("\\", r"\\")
