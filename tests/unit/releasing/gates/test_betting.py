"""The bets are fair at best: shown by adding up every outcome, and by hand."""

from __future__ import annotations

import itertools
import math
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.releasing.gates.betting import PARTS, STAKES, log_growth, log_growth_of_pairs, log_sum_exp
from penstock.releasing.gates.contrast import WHOLE, Contrast
from penstock.releasing.gates.observations import Arm, Pairs

VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def _chance(count: int, bad: int, rate: float) -> float:
    return comb(count, bad) * rate**bad * (1 - rate) ** (count - bad)


def _expected(
    before: Contrast, stable_rate: float, candidate_rate: float, counts: tuple[int, int], worth: str
) -> float:
    """Expectation of the capital after one more look, over every outcome."""
    stable_count, candidate_count = counts
    total = 0.0
    for stable, candidate in itertools.product(range(stable_count + 1), range(candidate_count + 1)):
        after = before.plus([(Arm.binary(stable_count, stable), Arm.binary(candidate_count, candidate), Pairs())])
        chance = _chance(stable_count, stable, stable_rate) * _chance(candidate_count, candidate, candidate_rate)
        total += chance * math.exp(after.log_harm() if worth == "harm" else after.log_fine(0.1))
    return total


@pytest.mark.parametrize("counts", [(4, 4), (9, 1), (1, 9)])
@pytest.mark.parametrize("seen", [0, 3, 40])
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_no_evidence_of_harm_is_to_be_expected_where_there_is_none(
    counts: tuple[int, int], seen: int, rate: float
) -> None:
    before = Contrast().plus([(Arm.binary(60, seen), Arm.binary(60, seen), Pairs())])
    for state in (before, before.step_begins()):
        now = math.exp(state.log_harm())
        assert _expected(state, rate, rate, counts, "harm") <= now * (1 + 1e-9)
        assert _expected(state, rate, rate * 0.7, counts, "harm") <= now * (1 + 1e-9)
        assert _expected(state, rate * 0.5, rate, counts, "harm") > _expected(state, rate, rate, counts, "harm")


@pytest.mark.parametrize("counts", [(4, 4), (9, 1), (1, 9)])
@pytest.mark.parametrize("rate", [0.0, 0.3, 0.9])
def test_no_evidence_of_being_fine_is_to_be_expected_at_the_margin(counts: tuple[int, int], rate: float) -> None:
    before = Contrast().plus([(Arm.binary(60, 20), Arm.binary(60, 25), Pairs())])
    assert _expected(before, rate, rate + 0.1, counts, "fine") <= math.exp(before.log_fine(0.1)) * (1 + 1e-9)


def test_pairs_of_equal_models_win_nothing() -> None:
    before = Contrast()
    total = 0.0
    for worse, better in itertools.product(range(7), repeat=2):
        if worse + better <= 6:
            ways = math.factorial(6) / (
                math.factorial(worse) * math.factorial(better) * math.factorial(6 - worse - better)
            )
            after = before.plus([(Arm(), Arm(), Pairs.binary(6, worse, better))])
            total += ways * 0.2**worse * 0.2**better * 0.6 ** (6 - worse - better) * math.exp(after.log_harm())
    assert total == pytest.approx(math.exp(before.log_harm()), abs=1e-8)


@given(values=VALUES, stake=st.floats(-0.9, 0.9), centre=st.floats(0.01, 0.99))
def test_the_bound_never_promises_more_than_single_observations_give(
    values: list[float], stake: float, centre: float
) -> None:
    exact = math.fsum(math.log1p(stake * (value - centre)) for value in values)
    assert log_growth(Arm.of(values), stake, centre) <= exact + 1e-7


@given(values=st.lists(st.floats(-1, 1), min_size=1, max_size=20), stake=st.floats(-0.9, 0.9))
def test_neither_does_that_of_pairs(values: list[float], stake: float) -> None:
    exact = math.fsum(math.log1p(stake * value) for value in values)
    assert log_growth_of_pairs(Pairs.of(values), stake) <= exact + 1e-7


def test_the_bound_is_close_where_values_are() -> None:
    """Two hundred losses between 0.4 and 0.6: the binary formula would give half of it away."""
    values = [0.4, 0.6, 0.62, 0.42] * 50
    exact = math.fsum(math.log1p(0.05 * (value - 0.48)) for value in values)
    assert 0 < exact - log_growth(Arm.of(values), 0.05, 0.48) < 0.05 * exact


def test_the_sum_of_exponentials_does_not_overflow() -> None:
    assert log_sum_exp([1000.0, 1000.0]) == pytest.approx(1000.0 + math.log(2))
    assert log_sum_exp([0.0, math.log(3)]) == pytest.approx(math.log(4))


def test_no_more_capital_is_spread_than_there_is() -> None:
    assert len(PARTS) == len(STAKES)
    assert math.fsum(PARTS) == pytest.approx(1.0)
    assert WHOLE + math.fsum((1 - WHOLE) / (step * (step + 1)) for step in range(1, 1000)) <= 1
