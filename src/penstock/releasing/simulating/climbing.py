"""Thousands of releases climb the ladder at once, each on traffic of its own, judged at every look."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from penstock.releasing.gates.source_spec import SourceKind
from penstock.releasing.gates.spec import Gate, Gates, Metric
from penstock.releasing.simulating.many_contrasts import Array, ManyArms, ManyPairs, Mask
from penstock.releasing.simulating.many_gates import ManyGates, ManyHistograms
from penstock.releasing.simulating.traffic import AMOUNTS, NO_EFFECT, Effect, Traffic

Sums = tuple[ManyArms, ManyArms, ManyPairs]
"""What one look says of the stable, of the candidate, and of both on the same requests."""


@dataclass(frozen=True)
class Rung:
    """One step of the ladder, or the bake, as far as a rehearsal knows of it."""

    name: str
    """What the step is called."""
    share: float
    """Part of the requests that the candidate gets, in [0, 1]."""
    shadow: bool = False
    """Whether it gets a copy of them, and its answers go nowhere."""
    minimum_samples: int = 500
    """Requests of the candidate before the step may be left."""
    minimum_requests: int = 0
    """Requests altogether before the step may be left: its shortest time."""
    deadline_requests: int = 200_000
    """Requests altogether after which a step that is not passed pauses the release."""


LADDER = (
    Rung("shadow 20%", 0.2, shadow=True),
    *(Rung(f"{percent}%", percent / 100) for percent in (2, 5, 10, 25, 75, 100)),
)
"""The default ladder."""


@dataclass(frozen=True)
class Outcomes:
    """How the releases ended; arrays of shape (releases,)."""

    rolled_back: Mask
    """Whether harm was proven."""
    promoted: Mask
    """Whether the last step was passed. Neither: paused at a deadline."""
    rung: npt.NDArray[np.int64]
    """Index of the step that it ended at."""
    candidate_requests: Array
    """Requests that the candidate had answered by then, copies in shadow included."""
    exposed_requests: Array
    """Those of them whose answers users got."""
    requests: Array
    """Requests altogether, of both models."""


class Watcher(Protocol):
    """Someone else who judges the same releases by rules of their own."""

    def look(self, stable: ManyArms, candidate: ManyArms, active: Mask) -> None:
        """See the errors of one look, of releases that are still under way."""


@dataclass(frozen=True)
class Setting:
    """Under which circumstances releases are rehearsed."""

    gates: Gates
    """The gates."""
    traffic: Traffic
    """The traffic."""
    effect: Effect = NO_EFFECT
    """What the candidate does to it."""
    ladder: tuple[Rung, ...] = LADDER
    """The steps; the bake is one more, with all traffic."""
    requests_per_look: int = 200
    """Requests between two looks, of both models."""
    equal_arms: bool = False
    """Whether the stable is observed on no more requests than the candidate, as with a baseline of its own."""
    label_delay_requests: int = 0
    """How many requests later their labels come."""
    waits: bool = True
    """Whether a step waits for the gates, as it should, or only for its samples, as a ladder by the clock does."""
    ends: bool = True
    """Whether proven harm ends a release. If not, it goes on for those who watch, and is counted as rolled back."""


def climb(setting: Setting, *, releases: int, seed: int, watchers: Sequence[Watcher] = ()) -> Outcomes:
    """Rehearse releases, look by look, until each is rolled back, promoted or paused.

    The same seed gives the same outcomes. Memory: a few arrays of (releases, slices, stakes).
    """
    return _Climb(setting, releases, np.random.default_rng(seed)).run(watchers)


class _Climb:
    """The state of many releases under way."""

    def __init__(self, setting: Setting, releases: int, random: np.random.Generator) -> None:
        self._setting, self._random, self._releases = setting, random, releases
        slices = len(setting.traffic.slice_shares) - 1
        self._gates = [
            (gate, ManyGates(setting.gates, gate, releases, slices if _is_sliced(gate) else 0))
            for gate in setting.gates.gates
        ]
        traffic, effect = setting.traffic, setting.effect
        self._rates = traffic.error_rates, traffic.error_rates_with(effect)
        self._latencies = traffic.latency_shares, traffic.latency_shares_with(effect)
        self._scores = {
            gate.name: tuple(traffic.score_shares_with(each, gate.cuts) for each in (NO_EFFECT, effect))
            for gate in setting.gates.gates
            if gate.metric is Metric.PREDICTIONS
        }
        self._start = random.integers(len(setting.traffic.error_rates), size=releases)
        self._late: dict[str, list[Sums]] = defaultdict(list)
        none = np.zeros((releases, 1))
        self._nothing = ManyArms.binary(none, none), ManyArms.binary(none, none), ManyPairs.binary(none, none, none)
        self._rung = np.zeros(releases, np.int64)
        self._samples_before = {gate.name: np.zeros(releases) for gate in setting.gates.gates}
        self._requests_before = np.zeros(releases)
        self._active = np.ones(releases, bool)
        self._rolled_back, self._promoted = np.zeros(releases, bool), np.zeros(releases, bool)
        self._requests, self._seen, self._exposed = np.zeros(releases), np.zeros(releases), np.zeros(releases)

    def run(self, watchers: Sequence[Watcher]) -> Outcomes:
        """Look until all have ended."""
        shares = np.array([rung.share for rung in self._setting.ladder])
        shadows = np.array([rung.shadow for rung in self._setting.ladder])
        look = 0
        while self._active.any():
            block = (self._start + look) % len(self._setting.traffic.error_rates)
            shadow = shadows[self._rung]
            asked = self._random.binomial(self._setting.requests_per_look, shares[self._rung])
            errors = self._errors(asked, shadow, block)
            for gate, many in self._gates:
                seen = asked if gate.in_shadow else np.where(shadow, 0, asked)
                if gate.metric is Metric.ERROR_RATE:
                    some = errors if gate.in_shadow else _at(~shadow, errors)
                    many.see(*(some if _is_sliced(gate) else _overall(some)))
                elif gate.metric is Metric.LATENCY_QUANTILE:
                    many.see_latencies(*self._binned(seen, *(shares[block] for shares in self._latencies)))
                elif gate.metric is Metric.PREDICTIONS:
                    many.see_predictions(*self._binned(seen, *(shares[block] for shares in self._scores[gate.name])))
                elif gate.metric is Metric.BUSINESS:
                    many.see(*self._by_now(gate, self._business(gate, np.where(shadow, 0, asked))))
                else:
                    many.see(*self._by_now(gate, self._labels(seen, shadow)))
            for watcher in watchers:
                watcher.look(*_overall(errors)[:2], self._active)
            self._requests += self._setting.requests_per_look * self._active
            self._seen += asked * self._active
            self._exposed += np.where(shadow, 0, asked) * self._active
            self._decide()
            look += 1
        return Outcomes(self._rolled_back, self._promoted, self._rung, self._seen, self._exposed, self._requests)

    def _errors(self, asked: npt.NDArray[np.int64], shadow: Mask, block: npt.NDArray[np.int64]) -> Sums:
        """Requests and failures of one look, (releases, 1 + slices), all of them first."""
        stable_rate, candidate_rate = (rates[block] for rates in self._rates)
        compared = asked if self._setting.equal_arms else self._setting.requests_per_look
        others = np.where(shadow, 0, np.minimum(self._setting.requests_per_look - asked, compared))
        parts = self._setting.traffic.slice_shares
        stable = self._random.multinomial(others, parts)
        candidate = self._random.multinomial(np.where(shadow, 0, asked), parts)
        both = self._random.multinomial(np.where(shadow, asked, 0), parts)
        alone = candidate_rate * (1 - stable_rate)
        worse = self._random.binomial(both, alone)
        better = self._random.binomial(both - worse, np.clip(stable_rate * (1 - candidate_rate) / (1 - alone), 0, 1))
        return (
            ManyArms.binary(_with_all(stable), _with_all(self._random.binomial(stable, stable_rate))),
            ManyArms.binary(_with_all(candidate), _with_all(self._random.binomial(candidate, candidate_rate))),
            ManyPairs.binary(_with_all(both), _with_all(worse), _with_all(better)),
        )

    def _others(self, asked: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How many requests of one look the stable alone is observed on."""
        rest = self._setting.requests_per_look - asked
        return np.minimum(rest, asked) if self._setting.equal_arms else rest

    def _binned(
        self, asked: npt.NDArray[np.int64], stable: Array, candidate: Array
    ) -> tuple[ManyHistograms, ManyHistograms]:
        """Answers of one look, by bin. In shadow the stable's are those to requests that were not copied."""
        return (
            ManyHistograms(self._random.multinomial(self._others(asked), stable)[:, None, :].astype(float)),
            ManyHistograms(self._random.multinomial(asked, candidate)[:, None, :].astype(float)),
        )

    def _labels(self, asked: npt.NDArray[np.int64], shadow: Mask) -> Sums:
        """What the labels of one look's requests will say."""
        traffic, added = self._setting.traffic, self._setting.effect.loss
        others = np.where(shadow, 0, self._others(asked))
        alone, both = np.where(shadow, 0, asked), np.where(shadow, asked, 0)
        apart = max(traffic.disagreement, abs(added))
        worse = self._random.binomial(both, (apart + added) / 2)
        left = (apart - added) / 2 / (1 - (apart + added) / 2)
        better = self._random.binomial(both - worse, left)
        return (
            ManyArms.binary(others[:, None], self._random.binomial(others, traffic.loss)[:, None]),
            ManyArms.binary(alone[:, None], self._random.binomial(alone, traffic.loss + added)[:, None]),
            ManyPairs.binary(both[:, None], worse[:, None], better[:, None]),
        )

    def _business(self, gate: Gate, alone: npt.NDArray[np.int64]) -> Sums:
        """What users do upon the answers of one look; those of a shadow they do not see."""
        values = np.array([0.0, *AMOUNTS])
        harms = np.asarray(1 - values if gate.higher_is_better else values, float)
        stable, candidate = (
            self._random.multinomial(count, self._setting.traffic.value_shares_with(effect))[:, None, :]
            for count, effect in ((self._others(alone), NO_EFFECT), (alone, self._setting.effect))
        )
        return ManyArms.of_levels(stable, harms), ManyArms.of_levels(candidate, harms), self._nothing[2]

    def _by_now(self, gate: Gate, seen: Sums) -> Sums:
        """What is known by now, of requests of long ago where labels come late."""
        if gate.source.kind is not SourceKind.LABELS:
            return seen
        late = self._late[gate.name]
        late.append(seen)
        known = len(late) * self._setting.requests_per_look > self._setting.label_delay_requests
        return late.pop(0) if known else self._nothing

    def _decide(self) -> None:
        """Roll back, advance, pause or hold, release by release."""
        ladder = self._setting.ladder
        failed, passed = np.zeros(self._releases, bool), np.ones(self._releases, bool)
        minimum = np.array([rung.minimum_samples for rung in ladder])[self._rung]
        shadow = np.array([rung.shadow for rung in ladder])[self._rung]
        now = {}
        for gate, many in self._gates:
            reading = many.judge()
            now[gate.name] = reading.candidate_samples
            failed |= reading.failed
            if gate.advance:
                opens = (reading.candidate_samples - self._samples_before[gate.name]) >= minimum
                if self._setting.waits:
                    opens &= reading.successful
                passed &= opens | (shadow & (not gate.in_shadow))
        at_step = self._requests - self._requests_before
        passed &= at_step >= np.array([rung.minimum_requests for rung in ladder])[self._rung]
        late = at_step >= np.array([rung.deadline_requests for rung in ladder])[self._rung]
        failed &= self._active
        self._rolled_back |= failed
        if not self._setting.ends:
            failed = np.zeros(self._releases, bool)
        passed &= self._active & ~failed
        last = self._rung == len(ladder) - 1
        self._promoted |= passed & last & ~self._rolled_back
        advances = passed & ~last
        for _, many in self._gates:
            many.step_begins(advances)
        for name, samples in now.items():
            self._samples_before[name] = np.where(advances, samples, self._samples_before[name])
        self._requests_before = np.where(advances, self._requests, self._requests_before)
        self._rung = self._rung + advances
        self._active = self._active & ~failed & ~(passed & last) & ~(late & ~advances)


def _with_all(parts: npt.NDArray[np.int64]) -> Array:
    """What is in no slice and what is in each, as all and what is in each."""
    whole = parts.astype(float)
    whole[:, 0] = parts.sum(axis=1)
    return whole


def _is_sliced(gate: Gate) -> bool:
    """Whether its slices are rehearsed; of other metrics only the whole is."""
    return gate.metric is Metric.ERROR_RATE and gate.slices.wanted


def _at(where: Mask, seen: Sums) -> Sums:
    """What was seen in some releases, in the others nothing."""
    return tuple(type(each)(*(np.where(where[:, None], one, 0.0) for one in vars(each).values())) for each in seen)  # type: ignore[return-value]


def _overall(errors: Sums) -> Sums:
    stable, candidate, pairs = errors
    return (
        ManyArms.binary(stable.count[:, :1], stable.total[:, :1]),
        ManyArms.binary(candidate.count[:, :1], candidate.total[:, :1]),
        ManyPairs.binary(pairs.count[:, :1], pairs.worse[:, :1], pairs.better[:, :1]),
    )
