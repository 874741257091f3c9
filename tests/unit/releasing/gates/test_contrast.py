"""One difference: its interval, what does not matter to it, and how often it is wrong."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.releasing.gates.contrast import Contrast
from penstock.releasing.gates.observations import Arm, Pairs

BINARY = st.integers(0, 200).flatmap(lambda count: st.builds(Arm.binary, st.just(count), st.integers(0, count)))
PAIRS = st.integers(0, 50).flatmap(
    lambda worse: st.integers(0, 50).map(lambda better: Pairs.binary(200, worse, better))
)
LOOKS = st.lists(st.tuples(BINARY, BINARY, PAIRS), min_size=1, max_size=5)


@given(looks=LOOKS, seed=st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_the_order_of_what_arrived_at_one_look_makes_no_difference(looks: list, seed: random.Random) -> None:
    before = Contrast().plus([(Arm.binary(100, 3), Arm.binary(100, 4), Pairs())])
    shuffled = list(looks)
    seed.shuffle(shuffled)
    assert before.plus(looks) == before.plus(shuffled)


@given(looks=LOOKS)
@settings(max_examples=50)
def test_ends_are_ordered_and_a_wider_interval_is_surer(looks: list) -> None:
    contrast = Contrast().plus([(Arm.binary(100, 3), Arm.binary(100, 4), Pairs())]).plus(looks)
    sure, surer = 0.05, 0.001
    lower, upper = contrast.lower(sure), contrast.upper(sure)
    if lower is not None and upper is not None:
        assert lower <= upper
    for end, wider, sign in ((lower, contrast.lower(surer), 1), (upper, contrast.upper(surer), -1)):
        if wider is not None:
            assert end is not None and sign * wider <= sign * end


@given(looks=LOOKS)
@settings(max_examples=30)
def test_more_tolerance_is_less_harm_and_more_that_is_fine(looks: list) -> None:
    contrast = Contrast().plus(looks).plus(looks)
    harms = [contrast.log_harm(allowed) for allowed in (0.0, 0.01, 0.1, 0.5)]
    fines = [contrast.log_fine(margin) for margin in (0.0, 0.01, 0.1, 0.5)]
    assert harms == sorted(harms, reverse=True)
    assert fines == sorted(fines)


def test_capital_by_hand() -> None:
    """The first look of 100 fixes the centre at 10.5 / 101; then one bad of 1 against none of 1, at a stake of 0.5."""
    contrast = Contrast().plus([(Arm.binary(50, 5), Arm.binary(50, 5), Pairs())])
    assert set(contrast.worse.gain) == {0.0}
    contrast = contrast.plus([(Arm.binary(1, 0), Arm.binary(1, 1), Pairs())])
    centre = 10.5 / 101
    assert contrast.worse.gain[4] == pytest.approx(math.log((1 + 0.5 * (1 - centre)) * (1 + 0.5 * centre)), abs=1e-8)
    assert contrast.worse.staked[4] == 0.5
    assert contrast.estimate == pytest.approx(0.5 / 25.5)


def test_stakes_stay_below_what_could_be_lost() -> None:
    """A quarter of the traffic on the stable: its stakes are three times the candidate's, and no outcome ruins them."""
    contrast = Contrast().plus([(Arm.binary(50, 49), Arm.binary(50, 49), Pairs())])
    for stable, candidate in ((0, 750), (250, 0), (250, 750), (0, 0)):
        after = contrast.plus([(Arm.binary(250, stable), Arm.binary(750, candidate), Pairs())])
        assert all(math.isfinite(gain) for gain in (*after.worse.gain, *after.better.gain))


def test_equal_models_are_seldom_apart_however_often_one_looks() -> None:
    """200 histories of 40 looks on fixed seeds, rates that drift: evidence of 5 each way is for 40 each."""
    wrong = 0
    for seed in range(200):
        drawn = random.Random(seed)  # noqa: S311
        contrast = Contrast()
        for look in range(40):
            rate = 0.05 + 0.04 * math.sin(look / 3)
            stable, candidate = (sum(drawn.random() < rate for _ in range(count)) for count in (60, 20))
            contrast = contrast.plus([(Arm.binary(60, stable), Arm.binary(20, candidate), Pairs())])
            if contrast.log_harm() >= math.log(5) or contrast.log_fine(0.0) >= math.log(5):
                wrong += 1
                break
    assert 1 <= wrong <= 40
