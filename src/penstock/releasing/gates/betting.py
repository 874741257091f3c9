r"""Two models compared while one keeps looking: the bets that every gate is made of.

Let candidate and stable give observations in [0, 1], 1 the worst, with means that may drift from look to look; of
interest is their difference, candidate minus stable. Someone who doubts "at every look, the difference is at most d"
bets against it. Before each look he fixes a centre m and a stake l; at the look there are a observations x of the
candidate and b observations y of the stable. With k = l min(a, b), his capital is multiplied by

    prod (1 + (k / a) (x - m))  prod (1 - (k / b) (y - m))  exp(-k d).

Its expectation is at most exp(k (E x - m)) exp(-k (E y - m)) exp(-k d) = exp(k (E x - E y - d)) <= 1, because
1 + u <= exp(u) and the observations are independent given who was asked: if the doubted sentence is true, his capital
is a supermartingale, and by Ville's inequality the probability that it *ever* reaches 1 / alpha is at most alpha.
Neither the size of a look nor the time of the next may depend on what it will show; all else may: when to stop, how
the traffic is split, how the rates drift. The logarithm of the capital is `gain - d * staked`: two numbers, whatever d
one asks about later. Bets the other way (signs turned) doubt "at least d"; pairs of answers to the same request are bet
on by their difference, factor 1 + l (x - y). Nobody knows the right stake, so the capital is spread over a few.

For binary observations the products need only counts. Else the sums of values and squares give a lower bound of the
logarithm, Fan's inequality: log(1 + l v) >= l v - (v / c)^2 psi(l c), psi(u) = -log(1 - u) - u, for v >= -c, l c < 1;
the straight line between the ends, which is the binary formula, is another. The greater of two lower bounds counts.

Source: Ville, Etude critique de la notion de collectif (1939); Waudby-Smith and Ramdas, Estimating means of bounded
random variables by betting, JRSS-B 86 (2024); Turner, Ly and Gruenwald, Generic E-variables for exact sequential
k-sample tests that allow for optional stopping, JSPI 230 (2024), for two samples in blocks of unequal size; Fan, Grama
and Liu, Exponential inequalities for martingales with applications, EJP 20 (2015), for the bound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from penstock.releasing.gates.observations import Arm, Pairs

STAKES = (0.02, 0.045, 0.1, 0.22, 0.5, 1.1, 2.5)
"""What the capital is spread over. The best stake is about difference over variance; missing it by the square root of
the ratio of two neighbours costs a tenth of the speed."""
PARTS = (0.05, 0.05, 0.1, 0.2, 0.25, 0.2, 0.15)
"""How it is spread. Small stakes win slowly, when there are many observations: a smaller part costs them little."""
LOG_PARTS = tuple(map(math.log, PARTS))
"""The logarithms of the parts."""
MOST = 0.9
"""At most this part of the capital is lost by one observation."""


def log_growth(arm: Arm, stake: float, centre: float) -> float:
    """Logarithm of what stakes on each observation of an arm multiply the capital by, or a lower bound of it.

    Args:
        arm: Observations in [0, 1].
        stake: Of either sign; positive wins by observations above the centre. `stake * (x - centre) > -1` for x in
            [0, 1].
        centre: In (0, 1), fixed before the observations were seen.

    **Source**: the module's docstring.

    Example:
        Two bad ones of three, a stake of one half around 0.5: log(1.25 * 1.25 * 0.75).

        >>> round(log_growth(Arm.binary(3, 2), 0.5, 0.5), 6) == round(math.log(1.25 * 1.25 * 0.75), 6)
        True
    """
    straight = arm.total * math.log1p(stake * (1 - centre)) + (arm.count - arm.total) * math.log1p(-stake * centre)
    if arm.total == arm.squares:
        return straight
    reach = centre if stake > 0 else 1 - centre
    lost = abs(stake) * reach
    above = arm.total - arm.count * centre
    spread = arm.squares - 2 * centre * arm.total + arm.count * centre * centre
    return max(straight, stake * above + spread / reach**2 * (math.log1p(-lost) + lost))


def log_growth_of_pairs(pairs: Pairs, stake: float) -> float:
    """Logarithm of what stakes on differences in [-1, 1] multiply the capital by, or a lower bound of it.

    Pairs that agree change nothing: for binary outcomes this is McNemar's comparison of the pairs that do not.

    Args:
        pairs: Differences, candidate minus stable.
        stake: In (-1, 1); positive wins where the candidate does worse.

    **Source**: the module's docstring; McNemar, Psychometrika 12 (1947), for what it compares.

    Example:
        The candidate alone failed twice, the stable alone once, and 97 times they agreed: log(1.5 * 1.5 * 0.5).

        >>> round(log_growth_of_pairs(Pairs.binary(100, 2, 1), 0.5), 6) == round(math.log(1.5 * 1.5 * 0.5), 6)
        True
    """
    straight = pairs.worse * math.log1p(stake) + pairs.better * math.log1p(-stake)
    lost = abs(stake)
    return max(straight, stake * (pairs.worse - pairs.better) + pairs.squares * (math.log1p(-lost) + lost))


def log_sum_exp(logarithms: Sequence[float]) -> float:
    """Logarithm of the sum of exponentials, without overflow."""
    greatest = max(logarithms)
    return greatest + math.log(math.fsum(math.exp(each - greatest) for each in logarithms))
