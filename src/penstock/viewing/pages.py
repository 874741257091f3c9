"""The frame of the local pages: templates, style, script, and where things are shown.

Our own templates stand on the frame and the pieces that reports have. Everything is escaped; style and script are one
text each, so that the browser can be told to take no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from markupsafe import Markup

from penstock.lineage.records import RunRecord, State
from penstock.reporting import formats
from penstock.reporting.page import TEMPLATES, environment
from penstock.sdk import ExitCode

if TYPE_CHECKING:
    from jinja2 import Environment

_OWN = Path(__file__).with_name("templates")


def render(
    template: str, *, title: str, contents: Iterable[tuple[str, str]] = (), refresh: int = 0, **values: Any
) -> str:
    """Write one page.

    Args:
        template: A file in `viewing/templates`.
        title: Its heading.
        contents: Anchors and names of its sections, where it has a list of them.
        refresh: After how many seconds it is read again [s]; 0 for never.
        values: What else the template names.
    """
    ours = {"style": Markup(style()), "script": Markup(script())}  # noqa: S704 - our own files
    page = _environment().get_template(template)
    return page.render(title=title, contents=list(contents), refresh=refresh, **ours, **values)


@cache
def style() -> str:
    """The style sheet of all pages."""
    return _joined("style.css", "local.css")


@cache
def script() -> str:
    """The script of all pages; without it they only lack comfort."""
    return _joined("script.js", "local.js")


def when(time: datetime | None) -> str:
    """A time, UTC, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S") if time else formats.DASH


def seconds_of(run: RunRecord) -> float | None:
    """How long a run took [s]; None while it runs."""
    return (run.ended - run.started).total_seconds() if run.ended else None


def is_gate_closed(run: RunRecord) -> bool:
    """Whether a run did all that it was to do, and a gate said no."""
    return run.state is State.COMPLETE and run.exit_code == ExitCode.GATE_CLOSED


def run_link(run_id: str) -> str:
    """Where a run is shown."""
    return f"/runs/{quote(run_id, safe='')}"


def artifact_link(number: int | None) -> str:
    """Where an artifact is shown."""
    return f"/artifacts/{number}"


def task_anchor(task: str) -> str:
    """The name of a task's place on its run's page.

    Example:
        >>> task_anchor("train[2]")
        'task-train-2-'
    """
    return "task-" + re.sub(r"[^A-Za-z0-9_-]", "-", task)


def _joined(shared: str, own: str) -> str:
    return "\n".join((folder / name).read_text(encoding="utf-8") for folder, name in ((TEMPLATES, shared), (_OWN, own)))


@cache
def _environment() -> Environment:
    found = environment(_OWN)
    for function in (when, seconds_of, run_link, artifact_link, task_anchor):
        found.filters[function.__name__] = function
    found.tests["gate_closed"] = is_gate_closed
    return found
