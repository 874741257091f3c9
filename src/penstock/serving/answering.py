"""From columns to answers: the model, then the rules; and who answers when the model does not.

The order of those who answer is fixed: the model, the fallback bundle's model, the rules' fallback. Whoever it was is
in the answer, and so in the prediction log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from penstock.artifacts.features import FeatureType
from penstock.serving.predictor import BadModel, Predictor
from penstock.serving.requests import BadRequest, Columns

if TYPE_CHECKING:
    from penstock.serving.rules.applying import Rules
    from penstock.serving.rules.document import FallbackReason

Reader = Callable[[dict[str, FeatureType]], Columns]
"""Reads the request's rows as some model's features; raises `BadRequest`."""


@dataclass(frozen=True)
class Answered:
    """The answer to a batch, and who gave it."""

    scores: npt.NDArray[np.float32]
    """Shape (rows, outputs); NaN in a row that a rule suppressed."""
    rules: tuple[str, ...] = ()
    """The rules that changed it."""
    fallback: str = ""
    """Who answered instead of the model, and why: `rule;bad_input`; empty where the model did."""


class Answering:
    """A model with its rules, and perhaps another model behind it.

    Args:
        folder: The model's folder.
        rules_file: The rules; None for none.
        fallback_folder: The model that answers when the first fails; None for none.
    """

    def __init__(self, folder: Path, rules_file: Path | None = None, fallback_folder: Path | None = None) -> None:
        self.predictor = Predictor(folder)
        self.predictor.warm_up(folder)
        self._rules = _rules(rules_file, self.predictor) if rules_file is not None else None
        self._behind: Predictor | None = None
        if fallback_folder is not None:
            self._behind = Predictor(fallback_folder)
            if self._behind.outputs != self.predictor.outputs:
                raise BadModel(
                    f"the fallback answers {self._behind.outputs} numbers a row, not {self.predictor.outputs}"
                )
            self._behind.warm_up(fallback_folder)

    def __call__(self, columns: Columns, read: Reader) -> Answered:
        """Answer rows that fit the model's features.

        Raises:
            Exception: The model failed, and nothing stands behind it.
        """
        try:
            scores, fallback = self.predictor(columns), ""
        except Exception as error:  # TensorFlow raises many kinds; each of them means that the model cannot predict
            rows = len(next(iter(columns.values())))
            instead = self._instead("model_failed", rows, read)
            if instead is None:
                raise
            logging.getLogger("penstock").warning("the model failed, %s answered: %s", instead.fallback, error)
            if not instead.fallback.startswith("bundle"):
                return instead
            scores, fallback = instead.scores, instead.fallback
        if self._rules is None:
            return Answered(scores, (), fallback)
        ruled = self._rules.apply(columns, scores)
        return Answered(ruled.scores, ruled.fired, fallback)

    def for_bad_input(self, rows: int, read: Reader) -> Answered | None:
        """Answer rows that do not fit the model's features; None where nobody does.

        Args:
            rows: How many there are [rows]; 0 where nobody can tell.
            read: Reads them.
        """
        return self._instead("bad_input", rows, read) if rows else None

    def _instead(self, reason: FallbackReason, rows: int, read: Reader) -> Answered | None:
        if self._behind is not None:
            try:
                return Answered(self._behind(read(self._behind.raw)), (), f"bundle;{reason}")
            except BadRequest:
                pass  # it does not fit that model, either
            except Exception:
                logging.getLogger("penstock").warning("the fallback bundle failed, too", exc_info=True)
        scores = self._rules.fallback(reason, rows) if self._rules is not None else None
        return None if scores is None else Answered(scores, (), f"rule;{reason}")


def _rules(path: Path, predictor: Predictor) -> Rules:
    from penstock.sdk import BadInput
    from penstock.serving.rules.applying import Rules
    from penstock.serving.rules.document import read_rules

    try:
        return Rules(read_rules(path), predictor.raw, predictor.task)
    except BadInput as error:
        raise BadModel(f"its rules cannot be applied: {error.message}") from None
