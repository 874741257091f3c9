"""Releases climb, hold, fall and pause as the ladder says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from penstock.releasing.gates.spec import Gate, Gates, Slices
from penstock.releasing.simulating.climbing import LADDER, Rung, Setting, climb
from penstock.releasing.simulating.traffic import Effect, Traffic

LOG = {"kind": "predictionLog"}
ERRORS = Gates(gates=(Gate(name="errors", metric="errorRate", source=LOG),))
STEADY = Traffic.synthetic()


def test_the_same_seed_gives_the_same_outcomes() -> None:
    setting = Setting(ERRORS, STEADY, Effect(errors=0.02))
    one, same, other = (climb(setting, releases=20, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(one.candidate_requests, same.candidate_requests)
    assert not np.array_equal(one.candidate_requests, other.candidate_requests)


def test_a_good_candidate_is_promoted_and_a_bad_one_never_meets_a_user() -> None:
    good = climb(Setting(ERRORS, STEADY), releases=40, seed=1)
    assert good.promoted.mean() >= 0.95
    assert set(good.rung[good.promoted]) == {len(LADDER) - 1}
    bad = climb(Setting(ERRORS, STEADY, Effect(errors=0.1)), releases=40, seed=1)
    assert bad.rolled_back.all() and not bad.exposed_requests.any()
    assert (bad.candidate_requests <= bad.requests).all()


def test_a_candidate_in_doubt_is_paused_at_the_deadline_and_not_promoted() -> None:
    ladder = tuple(replace(rung, deadline_requests=2000) for rung in LADDER)
    paused = climb(Setting(ERRORS, STEADY, Effect(errors=0.01), ladder), releases=40, seed=1)
    assert not paused.promoted.any()
    assert (paused.requests[~paused.rolled_back] == 2000).all()


def test_harm_on_one_slice_is_found_while_the_mean_improves() -> None:
    gate = ERRORS.gates[0].model_copy(update={"slices": Slices(every_value_of=("segment",), limit=5)})
    traffic = Traffic.synthetic(error_rate=0.02, slice_shares=(0.05,) * 5)
    effect = Effect(errors=-0.015, slice_errors=0.2)
    sliced = climb(Setting(Gates(gates=(gate,)), traffic, effect), releases=40, seed=1)
    assert sliced.rolled_back.mean() >= 0.9
    assert not climb(Setting(ERRORS, traffic, effect), releases=40, seed=1).rolled_back.any()


def test_slower_answers_are_found_and_their_bins_are_those_of_the_slower() -> None:
    gates = Gates(gates=(Gate(name="p99", metric="latencyQuantile", source=LOG),))
    found = climb(Setting(gates, STEADY, Effect(latency=0.5)), releases=20, seed=1)
    assert found.rolled_back.all()
    middle = np.searchsorted(np.cumsum(STEADY.latency_shares_with(Effect(latency=1.0))[0]), 0.5)
    assert middle - np.searchsorted(np.cumsum(STEADY.latency_shares[0]), 0.5) == 8, "twice as slow: eight bins further"


def test_however_latencies_of_a_log_round_no_share_of_the_slower_is_less_than_nothing() -> None:
    fast = STEADY.latency_shares.shape[1] // 2
    counts = np.random.default_rng(1).integers(1, 999, (500, fast))
    shares = np.pad(counts / counts.sum(1, keepdims=True), ((0, 0), (0, STEADY.latency_shares.shape[1] - fast)))
    assert (np.cumsum(shares, axis=1) > 1).any(), "none that adds up to more than 1"
    slower = replace(STEADY, latency_shares=shares).latency_shares_with(Effect(latency=0.3))
    assert slower.min() >= 0
    assert slower.sum(axis=1).max() <= 1 + 1e-12


def test_labels_decide_only_when_they_come() -> None:
    quality = Gate(
        name="accuracy", metric="quality", source={"kind": "labels", "labels": "l/", "loss": "zeroOne"}, advance=False
    )
    gates = Gates(gates=(ERRORS.gates[0], quality))
    ladder = (*LADDER, Rung("bake", 1.0, minimum_samples=0, minimum_requests=200_000, deadline_requests=10**6))
    setting = Setting(gates, STEADY, Effect(loss=0.1), ladder, requests_per_look=1000, label_delay_requests=150_000)
    late = climb(setting, releases=20, seed=1)
    assert late.rolled_back.all()
    assert (late.requests >= 150_000).all() and set(late.rung) == {len(ladder) - 1}
    soon = climb(replace(setting, label_delay_requests=0), releases=20, seed=1)
    assert soon.rolled_back.all() and (soon.requests < 50_000).all()


def test_a_business_metric_is_judged_on_what_users_saw() -> None:
    revenue = Gate(name="revenue", metric="business", higher_is_better=True, in_shadow=False, margin=0.03)
    gates = Gates(gates=(ERRORS.gates[0], revenue))
    same = climb(Setting(gates, STEADY), releases=20, seed=1)
    assert same.promoted.mean() >= 0.9
    worse = climb(Setting(gates, STEADY, Effect(business=-0.4)), releases=20, seed=1)
    assert worse.rolled_back.all() and np.median(worse.exposed_requests) > 300
    costs = revenue.model_copy(update={"higher_is_better": False})
    saved = climb(Setting(Gates(gates=(ERRORS.gates[0], costs)), STEADY, Effect(business=-0.4)), releases=20, seed=1)
    assert saved.rolled_back.mean() <= 0.1
    waiting = Gates(gates=(ERRORS.gates[0], revenue.model_copy(update={"in_shadow": True})))
    paused = climb(Setting(waiting, STEADY), releases=20, seed=1)
    assert not paused.promoted.any() and not paused.rung.any(), "in shadow there is nothing to be seen"


def test_predictions_that_moved_are_found_in_shadow_and_small_moves_are_tolerated() -> None:
    gates = Gates(gates=(ERRORS.gates[0], Gate(name="scores", metric="predictions", source=LOG)))
    moved = climb(Setting(gates, STEADY, Effect(scores=1.0)), releases=20, seed=1)
    assert moved.rolled_back.all() and not moved.exposed_requests.any()
    assert climb(Setting(gates, STEADY, Effect(scores=0.02)), releases=20, seed=1).promoted.mean() >= 0.9


def test_the_bins_of_predictions_are_those_of_the_moved() -> None:
    traffic = replace(STEADY, scores=np.array([[0.1, 0.2, 0.3, 0.4]]))
    assert traffic.score_shares_with(Effect(), (0.2, 0.35)).tolist() == [[0.5, 0.25, 0.25]]
    moved = Effect(scores=0.1 / float(np.std(traffic.scores)))
    assert traffic.score_shares_with(moved, (0.2, 0.35)).tolist() == [[0.25, 0.25, 0.5]]
