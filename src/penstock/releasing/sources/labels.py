"""Labels that come later, joined to the prediction log by request id.

Label files are added in the order of their names, and only the last of them may still grow; each request has one label.
The cursor says how many rows of which file were read, and keeps the newest labels whose answers are not in the log
yet. The first look only notes where the labels end.
Answers are compared with those of the same day and step only: whenever their labels come, they come for both models.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.releasing.gates.observations import harm_of
from penstock.releasing.gates.source_spec import Loss
from penstock.releasing.gates.spec import Gate, Metric
from penstock.releasing.sources.answers import Answer, read_answers, score_of
from penstock.releasing.sources.prediction_log import places
from penstock.releasing.sources.source import Asked, Seen, Unmeasurable
from penstock.releasing.sources.tallying import Sums
from penstock.sdk import BadInput
from penstock.serving.prediction_log import log_files
from penstock.storage import StoreError, at

MOST_WAITING = 1000
"""Labels that are kept because their answers are not in the log yet."""
_SMALLEST = 1e-15


class LabelsSource:
    """One folder of label files, and the log that they are about."""

    def __init__(self, labels: str, log: Path) -> None:
        """Say where both are.

        Args:
            labels: Folder or file, here or in a store, of CSV (`.csv`) or Parquet (`.parquet`).
            log: Folder of the prediction log.
        """
        self._labels, self._log = labels, log

    def observe(self, asked: Asked, gates: Sequence[Gate], cursor: str) -> Seen:
        """See `Source`. All gates name the same columns: they read the same source."""
        state: dict[str, Any] = json.loads(cursor) if cursor else {"file": "", "rows": 0, "log": "", "waiting": {}}
        waited: dict[str, float] = state["waiting"]
        if not self._log.is_dir():
            problem = f"there is no prediction log {self._log} to join labels to"
            return Seen(problems={gate.name: problem for gate in gates}, cursor=cursor)
        try:
            read, position = self._new_labels(gates[0], state["file"], state["rows"])
            files = log_files(self._log)
            if not cursor:
                read = {}
            # What waited is in none of the files that were there before; what is new may be in any.
            answers = self._answers(files, asked, gates, read)
            answers += self._answers([each for each in files if each.name > state["log"]], asked, gates, waited)
        except (Unmeasurable, StoreError, BadInput, ValueError) as problem:
            return Seen(problems={gate.name: str(problem) for gate in gates}, cursor=cursor)
        labels = {**waited, **read}
        comparisons = [each for gate in gates for each in _compare(gate, answers, labels)]
        answered = {answer.request_id for answer in answers}
        waiting = [(name, label) for name, label in labels.items() if name not in answered][-MOST_WAITING:]
        state = {
            "file": position[0],
            "rows": position[1],
            "log": files[-1].name if files else "",
            "waiting": dict(waiting),
        }
        return Seen(tuple(comparisons), cursor=json.dumps(state, separators=(",", ":")))

    def _answers(
        self, files: Sequence[Path], asked: Asked, gates: Sequence[Gate], labels: Mapping[str, float]
    ) -> list[Answer]:
        return list(read_answers(files, asked, gates, ids=frozenset(labels))) if labels else []

    def _new_labels(self, gate: Gate, file: str, rows: int) -> tuple[dict[str, float], tuple[str, int]]:
        """Labels by request, of rows that were not read yet; and how far that is."""
        place = at(self._labels)
        names = place.files()
        if not names:
            # A folder that is named wrongly looks like this too: it must never pass for one where no labels came yet.
            raise Unmeasurable(f"there are no label files at {self._labels}: put an empty table there until some come")
        found: dict[str, float] = {}
        for name in names:
            if name < file or not (name or self._labels).endswith((".csv", ".parquet")):
                continue
            ids, values = _columns(place.open(name), name or self._labels, gate)
            skipped = rows if name == file else 0
            if len(ids) < skipped:
                raise Unmeasurable(f"{self._labels}/{name} had {skipped:,} rows and has {len(ids):,}: labels only grow")
            for request, value in zip(ids[skipped:], values[skipped:], strict=True):
                number = _number(value)
                if request is not None and not math.isnan(number):
                    found[str(request)] = number
            file, rows = name, len(ids)
        return found, (file, rows)


def _columns(stream: Any, name: str, gate: Gate) -> tuple[list[Any], list[Any]]:
    """The two columns of a label file."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    wanted = [gate.source.id_column, gate.source.value_column]
    try:
        with stream:
            if name.endswith(".parquet"):
                table = pq.read_table(stream, columns=wanted)
            else:
                texts = pa.csv.ConvertOptions(include_columns=wanted, column_types={wanted[0]: pa.string()})
                table = pa.csv.read_csv(stream, convert_options=texts)
            return tuple(table[column].to_pylist() for column in wanted)
    except (pa.ArrowException, KeyError) as error:
        raise Unmeasurable(f"{name} cannot be read as labels with the columns {', '.join(wanted)}: {error}") from None


def _number(value: Any) -> float:
    """A label as a number; NaN where it is none."""
    if isinstance(value, str):
        value = {"true": 1, "false": 0, "yes": 1, "no": 0}.get(value.strip().lower(), value)
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _compare(gate: Gate, answers: Sequence[Answer], labels: Mapping[str, float]) -> Sequence[Any]:
    sums = Sums(gate.name)
    if gate.metric is Metric.BUSINESS:
        # What a user does hangs on whom the route chose for him, whoever had to step in; a shadow's answer is not seen.
        for answer in {each.request_id: each for each in answers if each.role == each.assigned}.values():
            value = harm_of(gate, labels[answer.request_id])
            sums.add(places(gate, answer), candidate=answer.role == "canary", value=value)
        return sums.comparisons()
    shadows = {answer.request_id: answer for answer in answers if answer.role == "shadow"}
    for answer in answers:
        if answer.role == "shadow":
            continue
        loss = _harm(gate, answer, labels)
        shadow = shadows.get(answer.request_id) if answer.role == "stable" else None
        if shadow is None:
            sums.add(places(gate, answer), candidate=answer.role == "canary", value=loss)
        else:
            sums.add_pair(places(gate, answer), loss, _harm(gate, shadow, labels))
    return sums.comparisons()


def _harm(gate: Gate, answer: Answer, labels: Mapping[str, float]) -> float:
    score, source = score_of(answer, gate.source.output), gate.source
    return harm_of(gate, loss_of(source.loss, score, labels[answer.request_id], threshold=source.threshold))


def loss_of(loss: Loss, score: float, label: float, *, threshold: float = 0.5) -> float:
    """How wrong one prediction was.

    Args:
        loss: Which measure.
        score: The prediction; for `logLoss` a probability.
        label: What turned out to be true.
        threshold: For `zeroOne`, from which value on prediction and label mean yes.

    Returns:
        At least 0; NaN where the prediction is NaN.

    Example:
        >>> loss_of(Loss.SQUARED, 0.75, 1.0), loss_of(Loss.ZERO_ONE, 0.75, 0.0), round(loss_of(Loss.LOG, 0.5, 1.0), 4)
        (0.0625, 1.0, 0.6931)
    """
    if math.isnan(score):
        return math.nan
    if loss is Loss.ABSOLUTE:
        return abs(score - label)
    if loss is Loss.SQUARED:
        return (score - label) ** 2
    if loss is Loss.ZERO_ONE:
        return float((score >= threshold) != (label >= threshold))
    given = score if label >= threshold else 1 - score
    return -math.log(min(max(given, _SMALLEST), 1.0))
