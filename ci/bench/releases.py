#!/usr/bin/env python
"""How often releases are decided rightly, and how soon: thousands of them rehearsed on invented traffic.

    .venv/bin/python ci/bench/releases.py
    .venv/bin/python ci/bench/releases.py --releases 200      # a quick look

Every release climbs the ladder (shadow 20%, then 2, 5, 10, 25, 75, 100%), is looked at every 200 requests, and each
step waits for 500 requests of the candidate and for the gates. The seeds are fixed. Prints Markdown.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from release_rules import usual_rules

from penstock.releasing.gates.spec import Gate, Gates, Metric, Slices
from penstock.releasing.simulating.climbing import LADDER, Outcomes, Rung, Setting, climb
from penstock.releasing.simulating.traffic import Effect, Traffic

LOG = {"kind": "predictionLog"}
ERRORS = Gate(name="errors", metric=Metric.ERROR_RATE, source=LOG)
LATENCY = Gate(name="latency-p99", metric=Metric.LATENCY_QUANTILE, source=LOG)
SLICED = ERRORS.model_copy(update={"slices": Slices(every_value_of=("segment",), limit=10)})
QUALITY = Gate(
    name="accuracy",
    metric=Metric.QUALITY,
    source={"kind": "labels", "labels": "labels/", "loss": "zeroOne"},
    advance=False,
)
REVENUE = Gate(
    name="revenue",
    metric=Metric.BUSINESS,
    source={"kind": "labels", "labels": "labels/"},
    higher_is_better=True,
    advance=False,
    in_shadow=False,
)
SCORES = Gate(name="scores", metric=Metric.PREDICTIONS, source=LOG)
TWO = Gates(gates=(ERRORS, LATENCY))
SOLD = Gates(gates=(ERRORS, REVENUE))
SCORED = Gates(gates=(ERRORS, SCORES))
THREE = Gates(gates=(SLICED, LATENCY, QUALITY))
SLICES = (0.05,) * 10
WITHOUT_SHADOW = LADDER[1:]
DAY = 20_000
"""Requests a day, where labels come after 14 days."""
LATE = (
    *(replace(rung, minimum_requests=DAY) for rung in LADDER),
    Rung("bake", 1.0, minimum_samples=0, minimum_requests=30 * DAY, deadline_requests=60 * DAY),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--releases", type=int, default=2000, help="releases for each line")
    releases: int = parser.parse_args().releases
    began = time.process_time()
    print(f"{releases:,} releases for each line.\n")
    compare(releases)
    print()
    measure(releases)
    print(f"\n{time.process_time() - began:.0f} s of CPU.")


def compare(releases: int) -> None:
    """Print how often each rule rolls back, on the same streams: steps end by their samples, not by any gate."""
    names = [rule.name for rule in usual_rules(1, 1)]
    print("| the candidate | a check waits for | " + " | ".join(names) + " | Penstock |")
    print("|---" * (len(names) + 3) + "|")
    for text, rate, effect, least in (
        ("just as good, 0.5% errors", 0.005, Effect(), 1),
        ("just as good, 0.5% errors", 0.005, Effect(), 100),
        ("just as good, 1% errors", 0.01, Effect(), 100),
        ("+3 points, from 1%", 0.01, Effect(errors=0.03), 100),
    ):
        rules = usual_rules(releases, least)
        setting = Setting(
            Gates(gates=(ERRORS,)),
            Traffic.synthetic(error_rate=rate),
            effect,
            WITHOUT_SHADOW,
            waits=False,
            ends=False,
        )
        found = climb(setting, releases=releases, seed=11, watchers=rules)
        shares = [rule.rolled_back.mean() for rule in rules] + [found.rolled_back.mean()]
        figures = " | ".join(f"{100 * share:.1f}%" for share in shares)
        print(f"| {text} | {least} | {figures} |", flush=True)


def measure(releases: int) -> None:
    """Print what Penstock finds, where its gates hold each step."""
    steady, segments = Traffic.synthetic(), Traffic.synthetic(error_rate=0.02, slice_shares=SLICES)
    lines: tuple[tuple[str, Setting, Callable[[Outcomes], str]], ...] = (
        (
            "just as good: errors, errors on 10 slices, latency, accuracy; to the end of the ladder",
            Setting(THREE, segments),
            _rolled_back,
        ),
        ("+3 points of errors, from 1%, no shadow", Setting(TWO, steady, Effect(errors=0.03), WITHOUT_SHADOW), _found),
        (
            "the same, against a stable of equal share",
            Setting(TWO, steady, Effect(errors=0.03), WITHOUT_SHADOW, equal_arms=True),
            _found,
        ),
        ("the same, from shadow on", Setting(TWO, steady, Effect(errors=0.03)), _found),
        ("+10 points, no shadow", Setting(TWO, steady, Effect(errors=0.10), WITHOUT_SHADOW), _found),
        (
            "the same, against a stable of equal share",
            Setting(TWO, steady, Effect(errors=0.10), WITHOUT_SHADOW, equal_arms=True),
            _found,
        ),
        (
            "+10 points on one slice of 5%, -0.7 on all others: the mean improves",
            Setting(Gates(gates=(SLICED, LATENCY)), segments, Effect(errors=-0.007, slice_errors=0.107)),
            _found,
        ),
        (
            "-0.7 points everywhere: the same gates, nothing to find",
            Setting(Gates(gates=(SLICED, LATENCY)), segments, Effect(errors=-0.007)),
            _rolled_back,
        ),
        (
            "p99 latency +30%, no shadow",
            Setting(TWO, steady, Effect(latency=0.3), WITHOUT_SHADOW),
            _before_a_quarter(3),
        ),
        ("p99 latency +30%, from shadow on", Setting(TWO, steady, Effect(latency=0.3)), _before_a_quarter(4)),
        (
            "accuracy -2 points, labels 14 days late, bake of 30 days",
            _late(Effect(loss=0.02)),
            _in_the_bake,
        ),
        ("accuracy the same, labels 14 days late", _late(Effect()), _rolled_back),
        ("revenue the same, known by the next look", Setting(SOLD, steady), _rolled_back),
        ("a fifth of the revenue is lost", Setting(SOLD, steady, Effect(business=-0.2)), _found),
        ("two fifths of the revenue are lost", Setting(SOLD, steady, Effect(business=-0.4)), _found),
        ("predictions the same", Setting(SCORED, steady), _rolled_back),
        ("predictions moved, 0.05 apart: within the margin", Setting(SCORED, steady, Effect(scores=0.1)), _rolled_back),
        ("predictions moved, 0.23 apart", Setting(SCORED, steady, Effect(scores=0.5)), _found),
    )
    print("| the candidate | rolled back | requests of the candidate until then, median (95% within) | besides |")
    print("|---|---|---|---|")
    for text, setting, besides in lines:
        outcomes = climb(setting, releases=releases, seed=7)
        requests = outcomes.candidate_requests[outcomes.rolled_back]
        often = outcomes.rolled_back.mean() > 0.5
        until = f"{np.median(requests):,.0f} ({np.quantile(requests, 0.95):,.0f})" if often else ""
        print(f"| {text} | {100 * outcomes.rolled_back.mean():.1f}% | {until} | {besides(outcomes)} |", flush=True)


def _late(effect: Effect) -> Setting:
    gates = Gates(gates=(ERRORS, QUALITY))
    return Setting(gates, Traffic.synthetic(), effect, LATE, requests_per_look=1000, label_delay_requests=14 * DAY)


def _rolled_back(outcomes: Outcomes) -> str:
    return f"promoted {100 * outcomes.promoted.mean():.1f}%, after {np.median(outcomes.requests):,.0f} requests of both"


def _found(outcomes: Outcomes) -> str:
    exposed = np.median(outcomes.exposed_requests[outcomes.rolled_back])
    return f"answered to users: {exposed:,.0f}"


def _before_a_quarter(step: int) -> Callable[[Outcomes], str]:
    def said(outcomes: Outcomes) -> str:
        return f"before 25% of traffic: {100 * (outcomes.rolled_back & (outcomes.rung < step)).mean():.1f}%"

    return said


def _in_the_bake(outcomes: Outcomes) -> str:
    bake = outcomes.rolled_back & (outcomes.rung == len(LATE) - 1)
    days = np.median(outcomes.requests[bake]) / DAY if bake.any() else float("nan")
    return f"in the bake: {100 * bake.mean():.1f}%, on day {days:.1f} (median)"


if __name__ == "__main__":
    main()
