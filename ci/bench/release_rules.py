"""The rules that others judge a canary by, over the same looks: not ours, and only for comparison."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from penstock.releasing.simulating.many_contrasts import Array, ManyArms, Mask


class RepeatedTest:
    """Two shares compared at each look over all that was seen, as if it were the only look: z above 1.645."""

    name = "z-test, p < 0.05"

    def __init__(self, releases: int) -> None:
        self.rolled_back: Mask = np.zeros(releases, bool)
        self._sums = np.zeros((4, releases))

    def look(self, stable: ManyArms, candidate: ManyArms, active: Mask) -> None:
        """Compare what was seen so far."""
        self._sums += [each[:, 0] for each in (stable.count, stable.total, candidate.count, candidate.total)]
        count, bad, others, other_bad = self._sums
        pooled = (bad + other_bad) / np.maximum(count + others, 1)
        spread = np.sqrt(pooled * (1 - pooled) * (1 / np.maximum(count, 1) + 1 / np.maximum(others, 1)))
        difference = other_bad / np.maximum(others, 1) - bad / np.maximum(count, 1)
        self.rolled_back |= active & (count >= 30) & (others >= 30) & (difference > 1.645 * spread)


class FailedChecks:
    """A condition on the requests since the last check that must not fail so often, altogether."""

    def __init__(
        self, name: str, releases: int, *, failures: int, least: int, bad: Callable[[Array, Array], Mask]
    ) -> None:
        """Say what is checked, and how.

        Args:
            name: What the rule is called.
            releases: How many releases.
            failures: So many failed checks roll back.
            least: A check waits for so many requests of the candidate.
            bad: The condition, of the two error rates: the stable's, the candidate's.
        """
        self.name, self._failures_needed, self._least, self._bad = name, failures, least, bad
        self.rolled_back: Mask = np.zeros(releases, bool)
        self._window = np.zeros((4, releases))
        self._failures = np.zeros(releases)

    def look(self, stable: ManyArms, candidate: ManyArms, active: Mask) -> None:
        """Check, where enough came for it."""
        self._window += [each[:, 0] for each in (stable.count, stable.total, candidate.count, candidate.total)]
        count, bad, others, other_bad = self._window
        checked = (others >= self._least) & (count > 0)
        self._failures += checked & self._bad(bad / np.maximum(count, 1), other_bad / np.maximum(others, 1))
        self._window = np.where(checked, 0.0, self._window)
        self.rolled_back |= active & (self._failures >= self._failures_needed)


def usual_rules(releases: int, least: int) -> list[RepeatedTest | FailedChecks]:
    """A test that is repeated, Flagger's built-in check, and two conditions as Argo Rollouts' analyses have them.

    Flagger: `request-success-rate` of at least 99, `threshold: 5` failed checks. Argo Rollouts: `failureLimit: 3` with
    a success condition of 0.95, and with one relative to the stable.
    """
    return [
        RepeatedTest(releases),
        FailedChecks(
            "success < 99%, 5 times (Flagger)", releases, failures=5, least=least, bad=lambda _, rate: rate > 0.01
        ),
        FailedChecks(
            "success < 95%, 4 times (Argo)", releases, failures=4, least=least, bad=lambda _, rate: rate > 0.05
        ),
        FailedChecks(
            "20% worse, 4 times (Argo)",
            releases,
            failures=4,
            least=least,
            bad=lambda stable, rate: rate > 1.2 * stable,
        ),
    ]
