"""A view as one HTML page that needs nothing else. Pure: equal views give equal bytes.

The pages of the local server are made of the same pieces: `template` opens any template with the same filters, style
and script; `templates/parts.html.j2` has the tables and badges, `templates/base.html.j2` the frame.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.artifacts import Verdict
from penstock.reporting import formats
from penstock.reporting.views import GRAVITY, ComparisonView, RunView

if TYPE_CHECKING:
    from jinja2 import Environment, Template
    from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"

_TONES: dict[str, str] = {
    **{Verdict.SUCCESSFUL: "good", Verdict.FAILED: "bad", Verdict.INCONCLUSIVE: "doubt", Verdict.ERROR: "fault"},
    **{"complete": "good", "cached": "good", "done": "good", "failed": "bad", "interrupted": "doubt"},
    **{"skipped": "quiet", "running": "plain", "open": "good", "closed": "bad", "pruned": "quiet"},
}
_MARKS = {"good": "✓", "bad": "✕", "doubt": "?", "fault": "!", "quiet": "·", "plain": "…"}
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Characters that turn around the order of what follows, figures among it."""
_LONGEST = 2000
"""Characters of one value that a page shows."""


def render(view: RunView) -> str:
    """Write the page of a run.

    Returns:
        One HTML document: no address in it is ever asked. Whatever comes from the run is escaped.
    """
    from penstock.reporting.run_page import context

    return template("run.html.j2").render(context(view))


def render_comparison(view: ComparisonView) -> str:
    """Write the page of two runs side by side, as `render` does that of one."""
    from penstock.reporting.comparison_page import context

    return template("comparison.html.j2").render(context(view))


def template(name: str) -> Template:
    """Open one of the templates here, or of the folders given to `environment`."""
    return environment().get_template(name)


@cache
def environment(*more: Path) -> Environment:
    """Make the environment that all pages share.

    Args:
        more: Folders with further templates, which may extend and import the ones here.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    from penstock.reporting.compiled import Compiled

    found = Environment(
        loader=FileSystemLoader([TEMPLATES, *more]),
        bytecode_cache=Compiled(settings=Path(__file__).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_in_order,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for function in (formats.number, formats.signed, formats.percent, formats.duration, formats.size):
        found.filters[function.__name__] = function
    found.filters.update(digest=formats.digest, value=formats.value, words=formats.words)
    found.filters.update(tone=tone, mark=mark, gravity=gravity, cut=_cut, breakable=_breakable)
    # ours, not the run's: a style sheet or script with escapes in it would not work
    found.globals["style"] = Markup(_read("style.css"))  # noqa: S704
    found.globals["script"] = Markup(_read("script.js"))  # noqa: S704
    found.globals["contents"] = ()
    return found


def tone(word: object) -> str:
    """The class of the style sheet for a verdict or a state.

    Example:
        >>> tone("Failed"), tone("cached"), tone("anything")
        ('bad', 'good', 'plain')
    """
    return _TONES.get(str(word), "plain")


def mark(word: object) -> str:
    """The sign of a verdict or a state, for those who do not see colours."""
    return _MARKS[tone(word)]


def gravity(word: object) -> int:
    """The place of a verdict among all, gravest first; what is none comes last."""
    return next((i for i, verdict in enumerate(GRAVITY) if verdict == word), len(GRAVITY))


def _in_order(thing: Any) -> Any:
    """Show marks of direction instead of obeying them: a value must not turn around the figures beside it."""
    if not isinstance(thing, str) or not _DIRECTION.search(thing):
        return thing
    return type(thing)(_DIRECTION.sub(lambda found: f"\\u{ord(found[0]):04x}", thing))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"


def _breakable(name: str) -> Markup:
    """A name of the code that may go on in the next line after its dots and underscores."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"(?<=[._])", "<wbr>", str(escape(name))))  # noqa: S704 - escaped before


@cache
def _read(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def known(items: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Nested mappings as dotted names, in the order of the names."""
    flat: list[tuple[str, Any]] = []
    for name, value in sorted(items.items()):
        if isinstance(value, Mapping) and value:
            flat += [(f"{name}.{inner}", v) for inner, v in known(value)]
        else:
            flat.append((name, value))
    return flat
