"""The prediction log as a source: errors, latencies and predictions, with slices, and pairs while in shadow.

The cursor is the name of the last file that was read. A request that both models answered is a pair for the error
rate, also where its two answers ended up in files some minutes apart. For latencies and for the distribution of
predictions both answers are in their arms. That is sound as long as what is slow (high) for one model is not less
likely to be so for the other: the expectation of the product of both bets is then at most that of independent ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from penstock.releasing.gates.latency import EDGES_MS
from penstock.releasing.gates.spec import Gate, Metric
from penstock.releasing.sources.answers import Answer, read_answers, score_of
from penstock.releasing.sources.source import Asked, Seen
from penstock.releasing.sources.tallying import Place, Sums
from penstock.serving.prediction_log import log_files

PATIENCE_FILES = 60
"""For so many files an answer waits for that of the other model to the same request: two minutes of the gateway's."""
BEGINNING = "!"
"""The cursor of a log without files: less than any name."""
_BLIND = "KServe's logger tells neither of requests that failed nor of time: take errors and latencies from Prometheus"


class PredictionLogSource:
    """One folder of log files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def observe(self, asked: Asked, gates: Sequence[Gate], cursor: str) -> Seen:
        """See `Source`. The first look only notes where the log ends: what came before is of no release, or another."""
        if not self._folder.is_dir():
            problem = f"there is no prediction log {self._folder}"
            return Seen(problems={gate.name: problem for gate in gates}, cursor=cursor)
        if not cursor:
            newest = log_files(self._folder)[-1:]
            return Seen(cursor=newest[0].name if newest else BEGINNING)
        # Other halves are looked for as far back as a hanging candidate may answer late; only in shadow are there any.
        earlier = [path for path in log_files(self._folder) if path.name <= cursor][-PATIENCE_FILES:]
        earlier = earlier if asked.shadow else []
        files = log_files(self._folder, after=cursor)
        sums = {gate.name: Sums(gate.name, _edges(gate)) for gate in gates}
        only_answered = False
        try:
            alone = _Unpaired()
            for path in earlier:
                alone.next_file(read_answers([path], asked, gates))
            for path in files:
                answers = list(read_answers([path], asked, gates))
                only_answered |= any(answer.only_answered for answer in answers)
                pairs = alone.next_file(answers)
                for gate in gates:
                    _count(gate, sums[gate.name], answers, pairs)
        except ValueError as error:
            return Seen(problems={gate.name: str(error) for gate in gates}, cursor=cursor)
        blind = [gate.name for gate in gates if only_answered and gate.metric is not Metric.PREDICTIONS]
        found = [each for gate in gates if gate.name not in blind for each in sums[gate.name].comparisons()]
        return Seen(tuple(found), dict.fromkeys(blind, _BLIND), files[-1].name if files else cursor)


class _Unpaired:
    """Answers whose other half may be in a later file."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, bool], tuple[int, Answer]] = {}
        self._files = 0

    def next_file(self, answers: Iterable[Answer]) -> list[tuple[Answer, Answer]]:
        """The pairs, stable first, that are whole with one more file; what waited for too long is given up."""
        self._files += 1
        pairs = []
        for answer in answers:
            if answer.role == "canary":
                continue
            is_shadow = answer.role == "shadow"
            _, found = self._waiting.pop((answer.request_id, not is_shadow), (0, None))
            if found is None:
                self._waiting[answer.request_id, is_shadow] = self._files, answer
            else:
                pairs.append((found, answer) if is_shadow else (answer, found))
        oldest = self._files - PATIENCE_FILES
        self._waiting = {key: each for key, each in self._waiting.items() if each[0] > oldest}
        return pairs


def _edges(gate: Gate) -> tuple[float, ...]:
    if gate.metric is Metric.LATENCY_QUANTILE:
        return EDGES_MS
    return gate.cuts if gate.metric is Metric.PREDICTIONS else ()


def _count(gate: Gate, sums: Sums, answers: Sequence[Answer], pairs: Sequence[tuple[Answer, Answer]]) -> None:
    """Add the answers of one file."""
    if gate.metric is Metric.ERROR_RATE:
        paired = {stable.request_id for stable, _ in pairs}
        for answer in answers:
            if answer.role == "canary" or (answer.role == "stable" and answer.request_id not in paired):
                sums.add(places(gate, answer), candidate=answer.role == "canary", value=float(answer.failed))
        for stable, shadow in pairs:
            sums.add_pair(places(gate, stable), float(stable.failed), float(shadow.failed))
        return
    for answer in answers:
        value = answer.latency_ms
        if gate.metric is Metric.PREDICTIONS:
            value = score_of(answer, gate.source.output)
            if math.isnan(value):
                continue
        sums.add(places(gate, answer), candidate=answer.role != "stable", value=value)


def places(gate: Gate, answer: Answer) -> list[Place]:
    """The slices that a request is in, with the kind of traffic that it was."""
    return [(name, answer.stratum) for name in answer.slices(gate.slices)]
