"""One difference between candidate and stable, and all that was ever seen of it: a few numbers, however much it was.

Two gamblers bet on it. One started with the first look; the other starts again at every step of the ladder, and finds
harm that begins late (under more load, with other traffic) almost as fast as if nothing had been seen before. Of the
first capital the one has a part w, and the other at the j-th new step (1 - w) / (j (j + 1)), which together is no more
than one: the sum of their capitals is an e-process. Idea: Shin, Ramdas and Rinaldo, E-detectors, NEJSDS 2 (2024).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from penstock.releasing.base import Part
from penstock.releasing.gates.betting import LOG_PARTS, MOST, STAKES, log_growth, log_growth_of_pairs, log_sum_exp
from penstock.releasing.gates.observations import Arm, Pairs

Numbers = tuple[float, ...]
NOTHING: Numbers = (0.0,) * len(STAKES)
CENTRE_SAMPLES = 50
"""Observations of both arms that the first centre is made of; earlier looks are not bet on."""
WHOLE = 0.75
"""The part of the first capital that is bet on the whole release."""
DIGITS = 9
"""Decimals that are kept: what a restarted controller reads is exactly what the running one had."""


class Bets(Part):
    """What the bets in one direction came to, for each stake."""

    gain: Numbers = NOTHING
    """Logarithm of the capital against a difference of 0."""
    staked: Numbers = NOTHING
    """By how much that falls for each unit of difference that is allowed for."""

    def plus(self, gain: Numbers, staked: Numbers) -> Bets:
        """These and further bets."""
        return Bets.model_construct(gain=_sum(self.gain, gain), staked=_sum(self.staked, staked))

    def log_capital(self, allowed: float, since: Bets | None = None) -> float:
        """Logarithm of the capital over all stakes, against "at most `allowed`" in their direction."""
        gain, staked = self.gain, self.staked
        if since is not None:
            gain = tuple(now - then for now, then in zip(gain, since.gain, strict=True))
            staked = tuple(now - then for now, then in zip(staked, since.staked, strict=True))
        each = zip(LOG_PARTS, gain, staked, strict=True)
        return log_sum_exp([part + gained - allowed * risked for part, gained, risked in each])


class Contrast(Part):
    """The evidence on one difference, candidate minus stable; positive is worse."""

    stable_count: int = 0
    """Observations of the stable, pairs included."""
    candidate_count: int = 0
    """Observations of the candidate, pairs included."""
    seen_count: int = 0
    """Observations of both outside of pairs: what the centre is made of."""
    seen_total: float = 0.0
    """Their sum."""
    weight: float = 0.0
    """Sum of the weights of the differences of all looks."""
    weighted: float = 0.0
    """Sum of those differences, each by its weight."""
    worse: Bets = Bets()
    """Bets that the candidate is worse."""
    better: Bets = Bets()
    """Bets that it is better."""
    worse_before: Bets = Bets()
    """What `worse` was when the step began."""
    better_before: Bets = Bets()
    """What `better` was when the step began."""
    steps: int = 0
    """Steps that began since there was something to bet on."""

    @property
    def estimate(self) -> float | None:
        """Mean of the looks' differences, each weighted by how much it tells (Mantel and Haenszel); None before any."""
        return self.weighted / self.weight if self.weight else None

    def step_begins(self) -> Contrast:
        """The same at the beginning of a new step."""
        if not self.seen_count and not self.weight:
            return self
        return self.model_copy(
            update={"worse_before": self.worse, "better_before": self.better, "steps": self.steps + 1}
        )

    def plus(self, looks: Iterable[tuple[Arm, Arm, Pairs]]) -> Contrast:
        """This and one more look: stable, candidate and pairs of each kind of traffic.

        All of them are bet on with the centre of the looks before, so their order makes no difference.
        """
        looks = list(looks)
        arms = [arm for stable, candidate, _ in looks for arm in (stable, candidate)]
        centre = (self.seen_total + 0.5) / (self.seen_count + 1) if self.seen_count >= CENTRE_SAMPLES else None
        worse = [_bets(look, centre, +1) for look in looks]
        better = [_bets(look, centre, -1) for look in looks]
        differences = [difference for look in looks for difference in _differences(*look)]
        return Contrast.model_construct(
            stable_count=self.stable_count + sum(stable.count + pairs.count for stable, _, pairs in looks),
            candidate_count=self.candidate_count + sum(other.count + pairs.count for _, other, pairs in looks),
            seen_count=self.seen_count + sum(arm.count for arm in arms),
            seen_total=round(self.seen_total + math.fsum(arm.total for arm in arms), DIGITS),
            weight=round(self.weight + math.fsum(weight for weight, _ in differences), DIGITS),
            weighted=round(self.weighted + math.fsum(weight * each for weight, each in differences), DIGITS),
            worse=self.worse.plus(_sum(*(gain for gain, _ in worse)), _sum(*(staked for _, staked in worse))),
            better=self.better.plus(_sum(*(gain for gain, _ in better)), _sum(*(staked for _, staked in better))),
            worse_before=self.worse_before,
            better_before=self.better_before,
            steps=self.steps,
        )

    def log_harm(self, allowed: float = 0.0) -> float:
        """Logarithm of the evidence against "the candidate is at most `allowed` worse": an e-process."""
        always = math.log(WHOLE) + self.worse.log_capital(allowed)
        if not self.steps:
            return always
        part = math.log((1 - WHOLE) / (self.steps * (self.steps + 1)))
        return log_sum_exp([always, part + self.worse.log_capital(allowed, self.worse_before)])

    def log_fine(self, margin: float) -> float:
        """Logarithm of the evidence against "the candidate is at least `margin` worse": an e-process."""
        return self.better.log_capital(-margin)

    def log_fine_now(self, margin: float) -> float:
        """The same, of what was seen at this step alone."""
        return self.better.log_capital(-margin, self.better_before)

    def lower(self, alpha: float, lowest: float = -1.0) -> float | None:
        """Greatest difference such that more is proven: the true one is ever below it with probability alpha.

        None where nothing is known.
        """
        return _last(self.log_harm, math.log(1 / alpha), lowest, 1.0)

    def upper(self, alpha: float, highest: float = 1.0) -> float | None:
        """Smallest difference such that less is proven; see `lower`."""
        found = _last(lambda allowed: self.log_fine(-allowed), math.log(1 / alpha), -highest, 1.0)
        return None if found is None else -found


def _bets(look: tuple[Arm, Arm, Pairs], centre: float | None, sign: int) -> tuple[Numbers, Numbers]:
    """Gain and stakes of one look, for each stake, on worse (sign 1) or on better (sign -1)."""
    stable, candidate, pairs = look
    gain, staked = [0.0] * len(STAKES), [0.0] * len(STAKES)
    smaller = min(stable.count, candidate.count)
    if smaller and centre is not None:
        below, above = (centre, 1 - centre) if sign > 0 else (1 - centre, centre)
        most = min(MOST / below * candidate.count, MOST / above * stable.count)
        for index, stake in enumerate(STAKES):
            risked = min(stake * smaller, most)
            gain[index] += log_growth(candidate, sign * risked / candidate.count, centre)
            gain[index] += log_growth(stable, -sign * risked / stable.count, centre)
            staked[index] += risked
    if pairs.count:
        for index, stake in enumerate(STAKES):
            kept = min(stake, MOST)
            gain[index] += log_growth_of_pairs(pairs, sign * kept)
            staked[index] += kept * pairs.count
    return tuple(gain), tuple(staked)


def _differences(stable: Arm, candidate: Arm, pairs: Pairs) -> Iterable[tuple[float, float]]:
    """Weight and difference of the arms and of the pairs of one look."""
    if stable.count and candidate.count:
        difference = candidate.total / candidate.count - stable.total / stable.count
        yield stable.count * candidate.count / (stable.count + candidate.count), difference
    if pairs.count:
        yield float(pairs.count), (pairs.worse - pairs.better) / pairs.count


def _sum(*numbers: Numbers) -> Numbers:
    return tuple(round(math.fsum(each), DIGITS) for each in zip(NOTHING, *numbers, strict=True))


def _last(log_evidence: Callable[[float], float], needed: float, lowest: float, highest: float) -> float | None:
    """The greatest number at which falling evidence suffices, to a ten-thousandth of the range; None if nowhere."""
    if log_evidence(lowest) < needed:
        return None
    for _ in range(14):
        middle = (lowest + highest) / 2
        if log_evidence(middle) >= needed:
            lowest = middle
        else:
            highest = middle
    return lowest
