"""What the sources saw between two looks: sufficient statistics, never single requests."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from penstock.releasing.gates.spec import Gate
from penstock.releasing.reading import OVERALL

SLACK = 1e-6
"""What rounding may add to a sum, for each observation."""


def harm_of(gate: Gate, value: float) -> float:
    """Map a value of a bounded metric to [0, 1], where 1 is the worst that can happen.

    Values beyond the gate's range count as its ends. What is not a number counts as the worst, in either arm.

    Example:
        >>> gate = Gate(name="clicks", metric="business", higher_is_better=True, range={"lowest": 0, "highest": 4})
        >>> harm_of(gate, 3.0), harm_of(gate, float("nan"))
        (0.25, 1.0)
    """
    if math.isnan(value):
        return 1.0
    share = min(max((value - gate.range.lowest) / gate.range.width, 0.0), 1.0)
    return 1.0 - share if gate.higher_is_better else share


@dataclass(frozen=True, slots=True)
class Arm:
    """Observations of one model, each in [0, 1] with 1 the worst."""

    count: int = 0
    """How many."""
    total: float = 0.0
    """Their sum."""
    squares: float = 0.0
    """The sum of their squares. Where a source cannot tell: `total`, the most that it can be."""

    @classmethod
    def binary(cls, count: int, bad: int) -> Arm:
        """Observations of which some were bad, as with errors."""
        return cls(count, float(bad), float(bad))

    @classmethod
    def of(cls, values: Iterable[float]) -> Arm:
        """Single observations, summed exactly: their order makes no difference.

        Example:
            >>> Arm.of([0.5, 0.0, 1.0])
            Arm(count=3, total=1.5, squares=1.25)
        """
        seen = list(values)
        return cls(len(seen), math.fsum(seen), math.fsum(value * value for value in seen))

    def problem(self) -> str:
        """Say why these cannot be observations; empty if they can.

        Example:
            >>> Arm(10, -1.0, 1.0).problem()
            'a sum of -1.0 over 10 observations in [0, 1]'
        """
        if self.count < 0:
            return f"a count of {self.count}"
        slack = SLACK * max(self.count, 1)
        if not -slack <= self.total <= self.count + slack:
            return f"a sum of {self.total} over {self.count} observations in [0, 1]"
        if not -slack <= self.squares <= self.total + slack:
            return f"a sum of squares of {self.squares} where the sum is {self.total}"
        return ""


@dataclass(frozen=True, slots=True)
class Pairs:
    """What both models did to the same requests, as differences in [-1, 1]: positive where the candidate did worse."""

    count: int = 0
    """How many pairs."""
    worse: float = 0.0
    """Sum of the positive differences; of binary outcomes, pairs in which the candidate alone was bad."""
    better: float = 0.0
    """Sum of the negative ones, without their sign; of binary outcomes, pairs in which the stable alone was bad."""
    squares: float = 0.0
    """Sum of the squares of all differences."""

    @classmethod
    def binary(cls, count: int, worse: int, better: int) -> Pairs:
        """Pairs of outcomes that were bad or not."""
        return cls(count, float(worse), float(better), float(worse + better))

    @classmethod
    def of(cls, differences: Iterable[float]) -> Pairs:
        """Single differences, summed exactly: their order makes no difference.

        Example:
            >>> Pairs.of([0.5, 0.0, -1.0])
            Pairs(count=3, worse=0.5, better=1.0, squares=1.25)
        """
        seen = list(differences)
        return cls(
            len(seen),
            math.fsum(each for each in seen if each > 0),
            math.fsum(-each for each in seen if each < 0),
            math.fsum(each * each for each in seen),
        )

    def problem(self) -> str:
        """Say why these cannot be pairs; empty if they can."""
        if self.count < 0:
            return f"a count of {self.count} pairs"
        slack = SLACK * max(self.count, 1)
        sane = self.worse >= -slack and self.better >= -slack and self.worse + self.better <= self.count + slack
        if not sane or not -slack <= self.squares <= self.worse + self.better + slack:
            return f"differences of {self.worse} and -{self.better}, squares of {self.squares}, over {self.count} pairs"
        return ""


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many observations of one model fell between which edges."""

    edges: tuple[float, ...] = ()
    """Upper ends of the bins, ascending and inclusive as Prometheus' `le`; a last bin has none."""
    counts: tuple[int, ...] = ()
    """Observations per bin, one more than edges."""

    @property
    def count(self) -> int:
        """All observations."""
        return sum(self.counts)

    def problem(self) -> str:
        """Say why this cannot be a histogram; empty if it can."""
        if not self.counts and not self.edges:
            return ""
        if len(self.counts) != len(self.edges) + 1:
            return f"{len(self.counts)} bins between {len(self.edges)} edges"
        if min(self.counts) < 0:
            return f"a bin with {min(self.counts)} observations"
        if any(not low < high for low, high in zip(self.edges, self.edges[1:], strict=False)) or not all(
            math.isfinite(edge) for edge in self.edges
        ):
            return "edges that do not ascend"
        return ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one source saw of both models, side by side: the same time, the same kind of traffic.

    Where the kind of traffic changed between two looks (another step, requests of another day whose labels came), there
    is one comparison for each: they are never thrown together, so that a change of their mixture looks like nothing.
    """

    gate: str
    """The gate's name."""
    stable: Arm | Histogram
    """What the stable model did. A histogram for latency and for the distribution of predictions."""
    candidate: Arm | Histogram
    """What the candidate did to other requests."""
    paired: Pairs = Pairs()
    """What both did to the same requests, in shadow. These requests are in neither of the arms."""
    slice: str = OVERALL
    """On which slice: `overall`, or `feature=value`."""

    def problem(self) -> str:
        """Say why this cannot be evidence; empty if it can."""
        return self.stable.problem() or self.candidate.problem() or self.paired.problem()


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything that was seen since the look before."""

    step: str = ""
    """The step of the ladder, or the bake, that it was seen at."""
    shadow: bool = False
    """Whether the candidate's answers went nowhere."""
    comparisons: tuple[Comparison, ...] = ()
    """What was compared. Nothing for a gate: nothing came yet."""
    problems: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """By gate, in one sentence: why it could not be measured."""
    cursors: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """By source: how far it has been read. Kept with the evidence, so that nothing counts twice after a restart."""
