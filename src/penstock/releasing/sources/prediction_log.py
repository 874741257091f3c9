"""The prediction log as a source: errors, latencies and predictions, and with labels what became of the requests.

Each file of the log and each label is read once, and its requests counted when all that counts of them is there: in
shadow both answers, and the label where a gate wants one, whichever comes last. The cursor says how far log and labels
have been read, and from where. What is remembered beside it is a function of what lies between: where another process
goes on, or an observation could not be kept, that is read again, and nothing counts twice or not at all.

The first look only notes where log and labels end: what came before is of no attempt, or of another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from penstock.releasing.base import Part
from penstock.releasing.gates.source_spec import SourceKind
from penstock.releasing.gates.spec import Gate, Metric
from penstock.releasing.sources.answers import Answer, features_of, read_answers
from penstock.releasing.sources.counting import Counts
from penstock.releasing.sources.joining import Joining, Whereabouts
from penstock.releasing.sources.labels import Position, Table
from penstock.releasing.sources.pairing import PATIENCE_FILES, Pairing, Whole
from penstock.releasing.sources.source import Asked, Seen, Unmeasurable
from penstock.sdk import PenstockError
from penstock.serving.prediction_log import log_files

BEGINNING = "!"
"""The name of the last file of a log without files: less than any."""
_BLIND = "KServe's logger tells neither of requests that failed nor of time: take errors and latencies from Prometheus"
_NO_BUSINESS = "a prediction log holds no business metric, and there is no Prometheus to ask: take it from `labels`"


class Stretch(Part):
    """What has been read of one table of labels."""

    begin: Position
    """Where it ended at the first look."""
    end: Position
    """How far it has been read."""
    log: str
    """The last file of the log that its labels have met."""


class Cursor(Part):
    """What has been read in an attempt."""

    begin: str
    """The last file of the log at the first look."""
    end: str
    """The last file that has been read."""
    copied: str = ""
    """The last that was read while in shadow: a log that knows no steps does not say."""
    labels: dict[str, Stretch] = {}
    """By table."""


class LogSource:
    """One folder of log files, and the labels of its requests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reading: _Reading | None = None

    def observe(self, asked: Asked, gates: Sequence[Gate], cursor: str) -> Seen:
        """See `Source`. Gates that would ask Prometheus for errors and latencies find them in the log as well."""
        if not self._folder.is_dir():
            problem = f"there is no prediction log {self._folder}"
            return Seen(problems={gate.name: problem for gate in gates}, cursor=cursor)
        reading, self._reading = self._reading, None
        try:
            if reading is None or not reading.goes_on(asked, gates, cursor):
                reading = _Reading(self._folder, asked, gates, cursor)
            seen = reading.look(asked)
        except ValueError as error:
            return Seen(problems={gate.name: str(error) for gate in gates}, cursor=cursor)
        self._reading = reading
        return seen


class _Reading:
    """What is remembered between two looks at one attempt."""

    def __init__(self, folder: Path, asked: Asked, gates: Sequence[Gate], cursor: str) -> None:
        self._folder, self._gates, self._asked = folder, tuple(gates), _whom(asked)
        self._features = features_of(gates)
        self._labelled: dict[Table, list[Gate]] = {}
        for gate in gates:
            if gate.source.kind is SourceKind.LABELS:
                self._labelled.setdefault(Table.of(gate.source), []).append(gate)
        self._pairing, self._whereabouts = Pairing(), Whereabouts()
        self._joinings: dict[Table, Joining] = {}
        newest = log_files(folder)[-1:]
        end = newest[0].name if newest else BEGINNING
        self._cursor = Cursor.model_validate_json(cursor) if cursor else Cursor(begin=end, end=end)
        known = [path for path in log_files(folder, after=self._cursor.begin) if path.name <= self._cursor.end]
        for path in known if self._labelled else known[-PATIENCE_FILES:]:
            self._next_file(path)

    def goes_on(self, asked: Asked, gates: Sequence[Gate], cursor: str) -> bool:
        """Whether it is of the same attempt and gates, and ended there."""
        same = self._gates == tuple(gates) and self._asked == _whom(asked)
        return same and bool(cursor) and self._cursor == Cursor.model_validate_json(cursor)

    def look(self, asked: Asked) -> Seen:
        """Count what is new.

        Raises:
            ValueError: A file is not of a prediction log's form (operator).
        """
        counts = {gate.name: Counts(gate) for gate in self._gates}
        stretches, came, problems = self._new_labels()
        files = log_files(self._folder, after=self._cursor.end)
        end = files[-1].name if files else self._cursor.end
        copied = end if asked.shadow else self._cursor.copied
        self._cursor = self._cursor.model_copy(update={"copied": copied})
        blind = False
        for path in files:
            answers, wholes = self._next_file(path)
            blind |= any(answer.only_answered for answer in answers)
            for gate in self._gates:
                if gate.source.kind is not SourceKind.LABELS:
                    counts[gate.name].see(answers, wholes)
            for table in came:
                self._meet(table, wholes, counts)
        for table, ids in came.items():
            waiting = self._joinings[table].waiting
            self._meet(table, self._look_up({each for each in ids if each in waiting}, end), counts)
            stretches[table.name] = stretches[table.name].model_copy(update={"log": end})
        self._cursor = self._cursor.model_copy(update={"end": end, "labels": stretches})
        problems |= {gate.name: problem for gate in self._gates if (problem := _problem(gate, blind=blind))}
        found = [each for gate in self._gates if gate.name not in problems for each in counts[gate.name].comparisons()]
        return Seen(tuple(found), problems, self._cursor.model_dump_json())

    def _new_labels(self) -> tuple[dict[str, Stretch], dict[Table, list[str]], dict[str, str]]:
        """How far each table has been read now, whose labels to look up, and by gate why it could not be read."""
        stretches = dict(self._cursor.labels)
        came: dict[Table, list[str]] = {}
        problems: dict[str, str] = {}
        for table, gates in self._labelled.items():
            try:
                joining = self._joinings.get(table) or self._rejoin(table)
                stretch = stretches.get(table.name)
                if stretch is None:
                    place = table.end()
                    stretches[table.name], came[table] = Stretch(begin=place, end=place, log=""), []
                else:
                    rows, place = table.read(stretch.end)
                    fresh = joining.add(rows)
                    stretches[table.name] = stretch.model_copy(update={"end": place})
                    # Where labels could not be read for a while, the log went on without them.
                    came[table] = fresh if stretch.log == self._cursor.end else list(joining.waiting)
            except (Unmeasurable, PenstockError) as problem:
                problems |= {gate.name: str(problem) for gate in gates}
                continue
            self._joinings[table] = joining
        return stretches, came, problems

    def _rejoin(self, table: Table) -> Joining:
        """Read again which labels wait, and which have counted."""
        joining, stretch = Joining(), self._cursor.labels.get(table.name)
        place = stretch.begin if stretch else Position()
        while stretch and place[:2] != stretch.end[:2]:
            rows, after = table.read(place, until=stretch.end)
            joining.meet(self._look_up(set(joining.add(rows)), stretch.log))
            if after == place:
                break
            place = after
        return joining

    def _meet(self, table: Table, wholes: Iterable[Whole], counts: dict[str, Counts]) -> None:
        for whole, label in self._joinings[table].meet(wholes):
            for gate in self._labelled[table]:
                counts[gate.name].add(whole, label)

    def _next_file(self, path: Path) -> tuple[list[Answer], list[Whole]]:
        answers, wholes = self._pairing.next_file(self._answers(path))
        if self._labelled:
            self._whereabouts.add(path.name, [answer.request_id for answer in answers])
        return answers, wholes

    def _look_up(self, ids: set[str], end: str) -> Iterator[Whole]:
        """Requests that were read before, from the files that hold them."""
        pairing = Pairing()
        for name in self._whereabouts.files_of(ids) if ids else ():
            if name <= end:
                yield from pairing.next_file(self._answers(self._folder / name, ids))[1]

    def _answers(self, path: Path, ids: set[str] | None = None) -> Iterator[Answer]:
        asked = replace(self._asked, shadow=path.name <= self._cursor.copied)
        return read_answers(path, asked, self._features, ids=ids)


def _whom(asked: Asked) -> Asked:
    """Which attempt of which models, wherever it is on its ladder."""
    return replace(asked, shadow=False, stable_idle=False)


def _problem(gate: Gate, *, blind: bool) -> str:
    """Why a log does not hold what a gate wants; empty where it does."""
    if gate.metric is Metric.BUSINESS and gate.source.kind is not SourceKind.LABELS:
        return _NO_BUSINESS
    return _BLIND if blind and gate.metric in (Metric.ERROR_RATE, Metric.LATENCY_QUANTILE) else ""
