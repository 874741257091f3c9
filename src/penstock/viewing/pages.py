"""The frame of the local pages: templates, style, script, and how values are written.

Our own templates stand on the frame that reports have (`reporting/templates/base.html.j2`). Everything is escaped;
style and script are one text each, so that the browser can be told to take no other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from penstock.artifacts import Verdict
from penstock.lineage.records import RunRecord, State
from penstock.reporting import formats
from penstock.sdk import ExitCode

_OWN = Path(__file__).with_name("templates")
_SHARED = Path(formats.__file__).with_name("templates")


@dataclass(frozen=True)
class Badge:
    """A state or a verdict: a word with a sign and a colour."""

    text: str
    mark: str
    tone: str
    """A class of the style sheet: `good`, `bad`, `doubt`, `fault`, or none."""


def state_badge(state: State, exit_code: int | None = None) -> Badge:
    """How a run or a task stands.

    Args:
        state: Its state.
        exit_code: Of a run that has ended; a closed gate is told.
    """
    if state is State.COMPLETE and exit_code == ExitCode.GATE_CLOSED:
        return Badge("gate closed", "⊘", "doubt")
    return _STATES[state]


def verdict_badge(verdict: Verdict) -> Badge:
    """What a gate said."""
    return _VERDICTS[verdict]


def render(template: str, **values: Any) -> str:
    """One page.

    Args:
        template: A file in `viewing/templates`.
        values: What it names; all of them.
    """
    return _environment().get_template(template).render(style=Markup(style()), script=Markup(script()), **values)  # noqa: S704 - our own files


@cache
def style() -> str:
    """The style sheet of all pages."""
    return "\n".join(
        [(_SHARED / "style.css").read_text(encoding="utf-8"), (_OWN / "local.css").read_text(encoding="utf-8")]
    )


@cache
def script() -> str:
    """The script of all pages; without it they only lack comfort."""
    return "\n".join(
        [(_SHARED / "script.js").read_text(encoding="utf-8"), (_OWN / "local.js").read_text(encoding="utf-8")]
    )


def when(time: datetime | None) -> str:
    """A time, UTC, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S") if time else formats.DASH


def seconds_of(run: RunRecord) -> float | None:
    """How long a run took [s]; None while it runs."""
    return (run.ended - run.started).total_seconds() if run.ended else None


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


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader([_OWN, _SHARED]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "duration": formats.duration,
        "size": formats.size,
        "number": formats.number,
        "digest": formats.digest,
        "value": formats.value,
        "words": formats.words,
        "when": when,
        "run_link": run_link,
        "artifact_link": artifact_link,
        "task_anchor": task_anchor,
        "seconds_of": seconds_of,
        "verdict_badge": verdict_badge,
        "state_badge": state_badge,
    }
    return environment


_STATES = {
    State.RUNNING: Badge("running", "▸", ""),
    State.COMPLETE: Badge("complete", "✓", "good"),
    State.CACHED: Badge("cached", "✓", "good"),
    State.FAILED: Badge("failed", "✕", "bad"),
    State.SKIPPED: Badge("skipped", "-", ""),
    State.INTERRUPTED: Badge("interrupted", "■", "doubt"),
}
_VERDICTS = {
    Verdict.SUCCESSFUL: Badge("Successful", "✓", "good"),
    Verdict.FAILED: Badge("Failed", "✕", "bad"),
    Verdict.INCONCLUSIVE: Badge("Inconclusive", "?", "doubt"),
    Verdict.ERROR: Badge("Error", "!", "fault"),
}
