"""The page of a release: what was kept is on it, once, and nothing that came from a release is obeyed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from penstock.artifacts.verdict import Verdict
from penstock.releasing.local.progress import Outcome, outcome, progress
from penstock.releasing.local.report import view_of
from penstock.releasing.local.store import Stored
from penstock.releasing.resource.status import ModelReleaseStatus, Phase
from penstock.reporting.release_page import MOST_POINTS, render_release
from tests.unit.releasing.local.kept import HOSTILE, deployed, moments, readings, stored
from tests.unit.releasing.releases import at, bundle


@pytest.fixture(scope="module")
def page() -> str:
    return render_release(view_of(stored(), moments(), at(3000)))


def test_each_attempt_has_its_verdict_and_who_got_how_much() -> None:
    second, first = view_of(stored(), moments(), at(3000)).trials
    assert (second.verdict, first.verdict) == (Verdict.FAILED, Verdict.SUCCESSFUL)
    assert (second.number, second.digest, second.seconds) == (2, bundle("three")["digest"], 460)
    shares = [(share.seconds, share.step, share.weight_percent, share.mirror_percent) for share in second.shares]
    assert shares == [(0, "", 0, 0), (5, "shadow", 0, 20), (450, "canary-50", 50, 0)]
    assert [gate.name for gate in second.gates] == ["errors", f"errors, carrier={HOSTILE}"]
    assert len(second.gates[0].moments) == 401


def test_the_same_is_the_same_page(page: str) -> None:
    assert render_release(view_of(stored(), moments(), at(3000))) == page


def test_the_page_is_small_and_asks_for_nothing(page: str) -> None:
    assert len(page.encode()) < 3_000_000
    assert not re.findall(r'(?:src|href)="(?!#|data:,)[^"]*"', page)
    assert "<svg" in page
    assert "could not be drawn" not in page


def test_nothing_of_a_release_is_obeyed(page: str) -> None:
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)" in page


def test_long_lines_are_drawn_with_few_points(page: str) -> None:
    path = max(re.findall(r' d="(M[^"]*)"', page), key=len)
    assert path.count("L") <= 2 * MOST_POINTS


def test_a_release_that_has_not_begun_has_a_page() -> None:
    new = Stored("flights", 1, stored().spec, 0, ModelReleaseStatus())
    assert "Release of flights" in render_release(view_of(new, [], at(0)))


@pytest.mark.parametrize(
    ("fields", "came_to"),
    [
        ({}, Outcome.REJECTED),
        ({"observed_generation": 1}, Outcome.UNDERWAY),
        ({"phase": Phase.STABLE}, Outcome.UNDERWAY),
        ({"phase": Phase.RELEASING}, Outcome.UNDERWAY),
        ({"phase": Phase.AWAITING_APPROVAL}, Outcome.UNDERWAY),
    ],
)
def test_what_a_release_has_come_to(fields: dict[str, object], came_to: Outcome) -> None:
    kept = stored()
    assert outcome(replace(kept, status=kept.status.model_copy(update=fields))) is came_to


def test_promoted_is_only_what_is_named() -> None:
    kept = stored()
    serving = kept.status.model_copy(
        update={"phase": Phase.STABLE, "stable": deployed("three", kept.status.stable.twin)}
    )
    assert outcome(replace(kept, status=serving)) is Outcome.PROMOTED


def test_a_paused_step_that_was_not_decided_needs_a_person() -> None:
    kept = stored()
    trial = kept.status.trial.model_copy(update={"held": "Inconclusive"})
    held = kept.status.model_copy(update={"phase": Phase.PAUSED, "trial": trial})
    assert outcome(replace(kept, status=held)) is Outcome.INCONCLUSIVE
    by_hand = held.model_copy(update={"trial": trial.model_copy(update={"held": "Specification"})})
    assert outcome(replace(kept, status=by_hand)) is Outcome.UNDERWAY


def test_progress_tells_samples_of_the_step_and_the_evidence_that_is_needed() -> None:
    kept = stored()
    trial = kept.status.trial.model_copy(update={"samples_before": {"errors": 90}, "step_since": at(2900)})
    fields = {
        "phase": Phase.RELEASING,
        "candidate": deployed("three", kept.status.stable.twin.other),
        "trial": trial,
        "gates": readings(100, 3.0, Verdict.INCONCLUSIVE),
    }
    now = progress(replace(kept, status=kept.status.model_copy(update=fields)), at(3000))
    assert (now.step, now.step_number, now.steps, now.seconds_on_step) == ("canary-50", 3, 5, 100)
    errors, _ = now.gates
    assert (errors.samples, errors.samples_needed, round(errors.e_value_needed)) == (10, 10, 50)
