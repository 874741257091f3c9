"""What rules make of scores: no clock, no state; the same rows and scores give the same answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.artifacts.features import MISSING as IN_BAND
from penstock.artifacts.features import FeatureType
from penstock.artifacts.task import Task
from penstock.sdk import BadInput
from penstock.serving.requests import Columns
from penstock.serving.rules.conditions import LABEL, MISSING, SCORE, SCORES, Condition, Language, Row
from penstock.serving.rules.document import Fallback, Rule, RuleBook

Scores = npt.NDArray[np.float32]
"""Shape (rows, outputs); a suppressed row is NaN."""


@dataclass(frozen=True)
class Ruled:
    """What the rules made of scores."""

    scores: Scores
    """The answers; NaN where a row is suppressed."""
    fired: tuple[str, ...]
    """The rules that changed at least one row, in their order."""


@dataclass(frozen=True)
class _Ready:
    rule: Rule
    holds: Condition
    names: frozenset[str]


class Rules:
    """The rules of a bundle, checked against its model.

    Args:
        book: The rules.
        raw: The model's raw features.
        task: What it answers; None for one number a row of unknown meaning.

    Raises:
        BadInput: A rule does not fit the model: an unknown feature, a list of scores of another length (its author).
    """

    def __init__(self, book: RuleBook, raw: Mapping[str, FeatureType], task: Task | None) -> None:
        self.book = book
        self._raw = dict(raw)
        self._task = task
        self._outputs = task.outputs if task else 1
        language = Language(raw, several=self._outputs > 1)
        self._ready = [self._prepare(language, rule) for rule in book.rules]
        if book.fallback is not None and book.fallback.score is not None:
            self._score(book.fallback.score, "fallback")

    def apply(self, columns: Columns, scores: Scores) -> Ruled:
        """Apply every rule, in order, to every row.

        Args:
            columns: One array per raw feature, shape (rows,), missing values in band.
            scores: Shape (rows, outputs).
        """
        if not self._ready:
            return Ruled(scores, ())
        answers = scores.copy()
        facts = _Facts(columns, self._raw, self._task)
        open_rows = np.ones(len(scores), bool)
        fired = []
        for ready in self._ready:
            rows = np.flatnonzero(open_rows)
            if ready.rule.when != "true":
                rows = np.array([i for i in rows if ready.holds(facts.of(i, ready.names, answers[i]))], dtype=int)
            rows, then = self._effect(ready.rule, rows, answers, facts)
            if not np.array_equal(answers[rows], then, equal_nan=True):
                fired.append(ready.rule.name)
            answers[rows] = then
            if ready.rule.suppress is not None:
                open_rows[rows] = False
        return Ruled(answers, tuple(fired))

    def fallback(self, reason: str, rows: int) -> Scores | None:
        """The answer when the model gives none; None where the rules have none for that.

        Args:
            reason: Why it gave none.
            rows: How many rows were asked for [rows].
        """
        found: Fallback | None = self.book.fallback
        if found is None or reason not in found.on:
            return None
        score = np.float32(np.nan) if found.score is None else np.array(found.score, np.float32)
        return np.broadcast_to(score, (rows, self._outputs)).copy()

    def _prepare(self, language: Language, rule: Rule) -> _Ready:
        place = f"rule {rule.name!r}"
        try:
            holds, names = language.compile(rule.when)
        except BadInput as error:
            raise BadInput(f"{place}: when: {error.message}") from None
        if rule.clamp is not None and self._outputs > 1:
            raise BadInput(f"{place}: clamp is for models of one number a row; this one has {self._outputs}")
        if rule.suppress is not None and rule.suppress.below_confidence is not None and not self._has_confidence():
            raise BadInput(f"{place}: below_confidence is for probabilities; this model estimates a number")
        if rule.override is not None:
            if rule.override.by and rule.override.by not in self._raw:
                raise BadInput(f"{place}: override.by: there is no feature {rule.override.by!r}")
            for score in (rule.override.score, *rule.override.scores.values()):
                if score is not None:
                    self._score(score, place)
        return _Ready(rule, holds, names)

    def _has_confidence(self) -> bool:
        return self._task is None or self._task.kind != "regression"

    def _score(self, score: float | tuple[float, ...], place: str) -> None:
        length = len(score) if isinstance(score, tuple) else 1
        if length != self._outputs or isinstance(score, tuple) != (self._outputs > 1):
            wanted = f"a list of {self._outputs} numbers" if self._outputs > 1 else "one number"
            raise BadInput(f"{place}: a score of this model is {wanted}")

    def _effect(
        self, rule: Rule, rows: npt.NDArray[np.int64], answers: Scores, facts: _Facts
    ) -> tuple[npt.NDArray[np.int64], Scores]:
        """The rows that a rule has an answer for, of those that its condition holds for, and the answers."""
        now = answers[rows]
        if rule.clamp is not None:
            return rows, np.clip(now, rule.clamp.min, rule.clamp.max)
        if rule.suppress is not None:
            least = rule.suppress.below_confidence
            if least is not None:
                sure = now.max(axis=1) if self._outputs > 1 else np.maximum(now[:, 0], 1 - now[:, 0])
                rows = rows[sure < least]
            return rows, np.full((len(rows), self._outputs), np.nan, np.float32)
        assert rule.override is not None  # noqa: S101
        if rule.override.by:
            values = facts.texts(rule.override.by)
            rows = np.array([i for i in rows if values[i] in rule.override.scores], dtype=int)
            scores = [rule.override.scores[values[i]] for i in rows]
        else:
            scores = [rule.override.score or 0.0] * len(rows)
        return rows, np.array(scores, np.float32).reshape(len(rows), self._outputs)


class _Facts:
    """What conditions may look at, made once for all rules: features as Python values, None where one is missing."""

    def __init__(self, columns: Columns, raw: Mapping[str, FeatureType], task: Task | None) -> None:
        self._columns = columns
        self._raw = raw
        self._task = task
        self._values: dict[str, list[Any]] = {}

    def of(self, index: int, names: frozenset[str], score: Scores) -> Row:
        """The facts of one row, and of them only what a condition names: handing them over is what takes time."""
        row: Row = {}
        for name in names:
            if name == SCORE:
                row[name] = float(score[0])
            elif name == SCORES:
                row[name] = score.astype(float).tolist()
            elif name == LABEL and self._task is not None:
                row[name] = self._task.classes[int(score.argmax())]
            elif name == MISSING:
                row[name] = [feature for feature in self._raw if self.values(feature)[index] is None]
            elif (value := self.values(name)[index]) is not None:
                row[name] = value
        return row

    def values(self, name: str) -> list[Any]:
        """A feature's values."""
        if name not in self._values:
            kind, column = self._raw[name], self._columns[name]
            if kind == "float":
                missing = np.isnan(column)
            else:
                missing = np.array([value == IN_BAND[kind] for value in column.tolist()], bool)
            values = column.tolist()
            if kind == "string":
                values = [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]
            self._values[name] = [None if gone else v for v, gone in zip(values, missing.tolist(), strict=True)]
        return self._values[name]

    def texts(self, name: str) -> list[str]:
        """A feature's values as text; the empty text where one is missing."""
        return ["" if value is None else str(value) for value in self.values(name)]
