"""What was seen of both models since the last look: from the prediction log and from labels, gate by gate."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from penstock.releasing.gates.evidence import Evidence
from penstock.releasing.gates.latency import EDGES_MS
from penstock.releasing.gates.observations import Arm, Batch, Comparison, Histogram, Pairs, harm_of
from penstock.releasing.gates.source_spec import Source, SourceKind
from penstock.releasing.gates.spec import Gate, Metric
from penstock.releasing.local.labels import Read, parsed, read_labels, written
from penstock.releasing.local.remembering import MOST_REQUESTS, Answered, Attempt, Memory, features_of, slices_of
from penstock.releasing.port import Look
from penstock.releasing.reading import OVERALL
from penstock.releasing.sources.labels import loss_of
from penstock.sdk import PenstockError
from penstock.serving.prediction_log import Role

_LOG = "predictions"
"""The cursor of the prediction log."""
_BINNED = (Metric.LATENCY_QUANTILE, Metric.PREDICTIONS)
"""What is compared as histograms, also where both models answered the same requests."""
Group = tuple[str, str]
"""A step and a slice."""


@dataclass
class _Values:
    """Observations of one group: of the two models apart, and as differences on the same requests."""

    stable: list[float] = field(default_factory=list)
    candidate: list[float] = field(default_factory=list)
    differences: list[float] = field(default_factory=list)


class LogObserver:
    """Reads the prediction log of this machine, and the labels that gates name.

    What a gate would ask Prometheus for (errors, latency) is in the log as well, so the same release is judged here and
    on a cluster. What is remembered between two looks is a function of both, up to the evidence's cursors: after a
    restart it is read again.

    Args:
        log: The prediction log of a release, by its name.
    """

    def __init__(self, log: Callable[[str], Path]) -> None:
        self._log = log
        self._memory: Memory | None = None
        self._waiting: dict[str, Waiting] = {}
        self._of: tuple[object, ...] = ()

    def batch(self, look: Look, evidence: Evidence) -> Batch:
        """Everything seen since the evidence's cursors."""
        trial, gates = look.status.trial, look.spec.analysis.gates
        step, shadow = trial.step if trial else "", bool(trial and not trial.weight_percent)
        try:
            memory = self._remembered(look, evidence.cursors)
            answers = list(memory.read_on())
        except (PenstockError, ValueError, OSError) as error:
            return Batch(step, shadow, problems={gate.name: str(error) for gate in gates})
        shadows = frozenset(one.name for one in look.spec.steps if one.is_shadow)
        comparisons: list[Comparison] = []
        problems: dict[str, str] = {}
        cursors = {_LOG: memory.last_file}
        for gate in gates:
            sorter = _Sorter(gate, memory, shadows)
            try:
                waiting = self._waiting.get(gate.name)
                if waiting is None:
                    _from_answers(sorter, answers)
                else:
                    _from_labels(sorter, answers, waiting)
                    cursors[f"labels {gate.name}"] = written(waiting.read)
                comparisons += _compared(gate, sorter.seen)
            except (PenstockError, OSError) as error:
                problems[gate.name] = str(error)
        return Batch(step, shadow, tuple(comparisons), problems, cursors)

    def _remembered(self, look: Look, cursors: Mapping[str, str]) -> Memory:
        """The memory of the attempt under way, made anew from log and labels where another was remembered."""
        status, spec = look.status, look.spec
        if status.trial is None or status.stable is None or status.candidate is None:
            raise ValueError("nothing is being tried")
        attempt = Attempt(
            started=status.trial.started,
            stable=status.stable.version.bundle.digest,
            candidate=status.candidate.version.bundle.digest,
            steps=frozenset(step.name for step in spec.steps),
        )
        of = (look.key, attempt, spec.analysis.gates)
        if self._memory is not None and self._of == of:
            return self._memory
        memory = Memory(self._log(look.key.name), attempt, features_of(spec.analysis))
        known = list(memory.read_on(until=cursors[_LOG])) if _LOG in cursors else []
        shadows = frozenset(one.name for one in spec.steps if one.is_shadow)
        self._waiting = {}
        for gate in spec.analysis.gates:
            if gate.source.kind is SourceKind.LABELS:
                read = parsed(cursors.get(f"labels {gate.name}", ""))
                waiting = self._waiting[gate.name] = Waiting()
                waiting.take(gate.source, until=read)
                _from_labels(_Sorter(gate, memory, shadows), known, waiting, new=False)
        self._memory, self._of = memory, of
        return memory


@dataclass
class Waiting:
    """Labels whose answers have not been met yet: a label may be quicker than the log."""

    labels: dict[str, float] = field(default_factory=dict)
    met: dict[str, None] = field(default_factory=dict)
    """Requests whose label has counted: it counts once."""
    read: Read = field(default_factory=dict)

    def take(self, source: Source, until: Read | None = None) -> list[str]:
        """Read what came since; the ids of it."""
        found, self.read = read_labels(source, self.read, until)
        self.labels.update((identity, label) for identity, label in found if identity not in self.met)
        while len(self.labels) > MOST_REQUESTS:
            self.labels.pop(next(iter(self.labels)))
        return [identity for identity, _ in found]

    def meet(self, identity: str) -> float:
        """The label of a request whose answers are there; it counts from now on."""
        self.met[identity] = None
        if len(self.met) > MOST_REQUESTS:
            self.met.pop(next(iter(self.met)))
        return self.labels.pop(identity)


@dataclass
class _Sorter:
    """Puts one gate's values where they count."""

    gate: Gate
    memory: Memory
    shadows: frozenset[str]
    """The steps in which users see nothing of the candidate."""
    seen: dict[Group, _Values] = field(default_factory=lambda: defaultdict(_Values))

    def add(self, one: Answered, value: Callable[[Answered], float | None]) -> None:
        """Take one answer; in shadow, only together with the other model's to the same request."""
        if one.step in self.shadows:
            self._add_pair(one, value)
            return
        found = value(one)
        if found is None:
            return
        for group in self._groups(one):
            values = self.seen[group]
            (values.candidate if one.role == "canary" else values.stable).append(found)

    def _add_pair(self, one: Answered, value: Callable[[Answered], float | None]) -> None:
        answers = self.memory.answers(one.request_id)
        first, second = answers.get("stable"), answers.get("shadow")
        if first is None or second is None or not self.gate.in_shadow:
            return
        before, after = value(first), value(second)
        if before is None or after is None:
            return
        for group in self._groups(first):
            if self.gate.metric in _BINNED:
                self.seen[group].stable.append(before)
                self.seen[group].candidate.append(after)
            else:
                self.seen[group].differences.append(after - before)

    def is_complete(self, answers: Mapping[Role, Answered]) -> bool:
        """Whether all that counts of a request is there."""
        if any(one.step in self.shadows for one in answers.values()):
            return "stable" in answers and "shadow" in answers
        return bool(answers)

    def _groups(self, one: Answered) -> list[Group]:
        return [(one.step, OVERALL), *((one.step, name) for name in slices_of(self.gate, one.features))]


def _from_answers(sorter: _Sorter, answers: Iterable[Answered]) -> None:
    """Add what a gate that needs no labels sees in new answers.

    Raises:
        PenstockError: The log does not hold the gate's metric (the release's author).
    """
    gate, memory = sorter.gate, sorter.memory
    if gate.metric not in {Metric.ERROR_RATE, Metric.LATENCY_QUANTILE, Metric.PREDICTIONS}:
        raise PenstockError(f"on this machine there is no Prometheus to ask for {gate.metric}: take it from `labels`")

    def value(one: Answered) -> float | None:
        if gate.metric is Metric.ERROR_RATE:
            return float(one.failed)
        return one.latency_ms if gate.metric is Metric.LATENCY_QUANTILE else _prediction(gate, one)

    for one in answers:
        # Where both models' answers to a request are new, they count once: with the one that was met last.
        if one.role == list(memory.answers(one.request_id))[-1]:
            sorter.add(one, value)


def _from_labels(sorter: _Sorter, answers: Iterable[Answered], waiting: Waiting, *, new: bool = True) -> None:
    """Add what a gate sees where a label has met its answers, whichever came last.

    Args:
        sorter: What is added to.
        answers: Answers that are new.
        waiting: Labels that came before them.
        new: Whether to read labels that came since as well.
    """
    gate, memory = sorter.gate, sorter.memory
    came = waiting.take(gate.source) if new else []
    met = [one.request_id for one in answers]
    for identity in dict.fromkeys([*met, *came]):
        known = memory.answers(identity)
        if identity not in waiting.labels or not sorter.is_complete(known):
            continue
        label = waiting.meet(identity)

        def value(one: Answered, label: float = label) -> float | None:
            if gate.metric is Metric.BUSINESS:
                return harm_of(gate, label)
            predicted = _prediction(gate, one)
            if predicted is None:
                return None
            source = gate.source
            return harm_of(gate, loss_of(source.loss, predicted, label, threshold=source.threshold))

        sorter.add(next(iter(known.values())), value)


def _prediction(gate: Gate, one: Answered) -> float | None:
    return one.scores[gate.source.output] if gate.source.output < len(one.scores) else None


def _compared(gate: Gate, seen: Mapping[Group, _Values]) -> list[Comparison]:
    return [
        Comparison(gate.name, _arm(gate, values.stable), _arm(gate, values.candidate), _pairs(values), name)
        for (_, name), values in sorted(seen.items())
    ]


def _pairs(values: _Values) -> Pairs:
    return Pairs.of(values.differences) if values.differences else Pairs()


def _arm(gate: Gate, values: list[float]) -> Arm | Histogram:
    if gate.metric is Metric.LATENCY_QUANTILE:
        return _histogram(EDGES_MS, values)
    if gate.metric is Metric.PREDICTIONS:
        return _histogram(gate.cuts, values)
    return Arm.of(values)


def _histogram(edges: tuple[float, ...], values: list[float]) -> Histogram:
    counts = [0] * (len(edges) + 1)
    for value in values:
        counts[bisect_left(edges, value)] += 1
    return Histogram(edges, tuple(counts))
