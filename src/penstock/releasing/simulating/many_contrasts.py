"""`gates.contrast` for thousands of releases at once: the same bets, as arrays. A test holds it to the original.

Every array begins with the same shape, whatever the caller makes of it (releases; releases by slices); those of bets
have one more axis, the stakes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from penstock.releasing.gates.betting import LOG_PARTS, MOST, STAKES
from penstock.releasing.gates.contrast import CENTRE_SAMPLES, WHOLE

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_STAKES = np.array(STAKES)


@dataclass(frozen=True)
class ManyArms:
    """Observations of one model in many releases, see `observations.Arm`."""

    count: Array
    total: Array
    squares: Array

    @classmethod
    def binary(cls, count: npt.ArrayLike, bad: npt.ArrayLike) -> ManyArms:
        """Observations of which some were bad."""
        as_floats = np.asarray(bad, float)
        return cls(np.asarray(count, float), as_floats, as_floats)

    @classmethod
    def of_levels(cls, counts: npt.ArrayLike, levels: Array) -> ManyArms:
        """Observations of which so many, along the last axis, had each of some values."""
        seen = np.asarray(counts, float)
        return cls(seen.sum(axis=-1), seen @ levels, seen @ levels**2)


@dataclass(frozen=True)
class ManyPairs:
    """What both models did to the same requests in many releases, see `observations.Pairs`."""

    count: Array
    worse: Array
    better: Array
    squares: Array

    @classmethod
    def binary(cls, count: npt.ArrayLike, worse: npt.ArrayLike, better: npt.ArrayLike) -> ManyPairs:
        """Pairs of outcomes that were bad or not."""
        more, less = np.asarray(worse, float), np.asarray(better, float)
        return cls(np.asarray(count, float), more, less, more + less)


@dataclass(frozen=True)
class ManyContrasts:
    """The evidence on one difference in many releases, see `contrast.Contrast`."""

    candidate_count: Array
    seen_count: Array
    seen_total: Array
    steps: Array
    worse_gain: Array
    worse_staked: Array
    better_gain: Array
    better_staked: Array
    worse_gain_before: Array
    worse_staked_before: Array
    better_gain_before: Array
    better_staked_before: Array

    @classmethod
    def new(cls, shape: tuple[int, ...]) -> Self:
        """Nothing is known yet."""
        plain = {"candidate_count", "seen_count", "seen_total", "steps"}
        return cls(
            **{each.name: np.zeros(shape if each.name in plain else (*shape, len(STAKES))) for each in fields(cls)}
        )

    def step_begins(self, where: Mask) -> Self:
        """A new step begins in some releases."""
        begins = where & ((self.seen_count > 0) | (self.candidate_count > 0))
        wide = begins[..., None]
        return replace(
            self,
            steps=self.steps + begins,
            worse_gain_before=np.where(wide, self.worse_gain, self.worse_gain_before),
            worse_staked_before=np.where(wide, self.worse_staked, self.worse_staked_before),
            better_gain_before=np.where(wide, self.better_gain, self.better_gain_before),
            better_staked_before=np.where(wide, self.better_staked, self.better_staked_before),
        )

    def plus(self, stable: ManyArms, candidate: ManyArms, pairs: ManyPairs | None = None) -> Self:
        """One more look, of one kind of traffic."""
        bet_on = (self.seen_count >= CENTRE_SAMPLES) & (stable.count > 0) & (candidate.count > 0)
        centre = (self.seen_total + 0.5) / (self.seen_count + 1)
        worse = _bets(stable, candidate, centre, bet_on, +1)
        better = _bets(stable, candidate, centre, bet_on, -1)
        count = candidate.count
        if pairs is not None:
            worse = _with_pairs(worse, pairs, +1)
            better = _with_pairs(better, pairs, -1)
            count = count + pairs.count
        return replace(
            self,
            candidate_count=self.candidate_count + count,
            seen_count=self.seen_count + stable.count + candidate.count,
            seen_total=self.seen_total + stable.total + candidate.total,
            worse_gain=self.worse_gain + worse[0],
            worse_staked=self.worse_staked + worse[1],
            better_gain=self.better_gain + better[0],
            better_staked=self.better_staked + better[1],
        )

    def log_harm(self, allowed: float = 0.0) -> Array:
        """Logarithm of the evidence against "at most `allowed` worse"."""
        always = np.log(WHOLE) + _log_capital(self.worse_gain - allowed * self.worse_staked)
        gain = self.worse_gain - self.worse_gain_before
        now = _log_capital(gain - allowed * (self.worse_staked - self.worse_staked_before))
        steps = np.maximum(self.steps, 1)
        return np.where(self.steps > 0, np.logaddexp(always, np.log((1 - WHOLE) / (steps * (steps + 1))) + now), always)

    def log_fine(self, margin: float) -> Array:
        """Logarithm of the evidence against "at least `margin` worse"."""
        return _log_capital(self.better_gain + margin * self.better_staked)

    def log_fine_now(self, margin: float) -> Array:
        """The same, of the step alone."""
        gain = self.better_gain - self.better_gain_before
        return _log_capital(gain + margin * (self.better_staked - self.better_staked_before))


def _bets(stable: ManyArms, candidate: ManyArms, centre: Array, bet_on: Mask, sign: int) -> tuple[Array, Array]:
    below, above = (centre, 1 - centre) if sign > 0 else (1 - centre, centre)
    most = np.minimum(MOST / below * candidate.count, MOST / above * stable.count)
    risked = np.minimum(_STAKES * np.minimum(stable.count, candidate.count)[..., None], most[..., None])
    risked = np.where(bet_on[..., None], risked, 0.0)
    gain = _log_growth(candidate, sign * risked / np.maximum(candidate.count, 1)[..., None], centre)
    gain += _log_growth(stable, -sign * risked / np.maximum(stable.count, 1)[..., None], centre)
    return gain, risked


def _log_growth(arm: ManyArms, stake: Array, centre: Array) -> Array:
    count, total, squares = arm.count[..., None], arm.total[..., None], arm.squares[..., None]
    middle = centre[..., None]
    straight: Array = total * np.log1p(stake * (1 - middle)) + (count - total) * np.log1p(-stake * middle)
    if arm.total is arm.squares:
        return straight
    reach = np.where(stake > 0, middle, 1 - middle)
    lost = np.abs(stake) * reach
    spread = squares - 2 * middle * total + count * middle * middle
    bound = stake * (total - count * middle) + spread / reach**2 * (np.log1p(-lost) + lost)
    return np.where(total == squares, straight, np.maximum(straight, bound))


def _with_pairs(bets: tuple[Array, Array], pairs: ManyPairs, sign: int) -> tuple[Array, Array]:
    kept = np.minimum(_STAKES, MOST)
    worse, better, squares = pairs.worse[..., None], pairs.better[..., None], pairs.squares[..., None]
    straight = worse * np.log1p(sign * kept) + better * np.log1p(-sign * kept)
    bound = sign * kept * (worse - better) + squares * (np.log1p(-kept) + kept)
    return bets[0] + np.maximum(straight, bound), bets[1] + kept * pairs.count[..., None]


def _log_capital(gain: Array) -> Array:
    logarithms = gain + LOG_PARTS
    greatest = logarithms.max(axis=-1)
    found: Array = greatest + np.log(np.exp(logarithms - greatest[..., None]).sum(axis=-1))
    return found
