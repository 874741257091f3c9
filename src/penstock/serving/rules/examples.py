"""The examples of the rules, worked out: a bundle is made only if they come out as they say."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from penstock.artifacts.features import FeatureType
from penstock.serving.requests import BadRequest, columns_of_rows
from penstock.serving.rules.applying import Rules
from penstock.serving.rules.document import Example

_TOLERANCE = 1e-6


def wrong_examples(rules: Rules, raw: Mapping[str, FeatureType]) -> list[str]:
    """What does not come out as it says, in one line each; empty where all is well.

    Args:
        rules: The rules.
        raw: The model's raw features.
    """
    found = []
    for number, example in enumerate(rules.book.examples):
        if said := _wrong(rules, raw, example):
            found.append(f"examples[{number}]: {said}")
    return found


def _wrong(rules: Rules, raw: Mapping[str, FeatureType], example: Example) -> str:
    if unknown := sorted(example.row.keys() - raw.keys()):
        return f"there is no feature {unknown[0]!r}"
    row = {name: example.row.get(name) for name in raw}
    try:
        columns = columns_of_rows({"instances": [row]}, raw)
    except BadRequest as error:
        return str(error).removeprefix("instances[0]: ")
    score = np.atleast_2d(np.array(example.score, np.float32))
    ruled = rules.apply(columns, score)
    if ruled.fired != example.expect.rules:
        names = [", ".join(rules) or "no rule" for rules in (ruled.fired, example.expect.rules)]
        return f"{names[0]} changed it, not {names[1]}"
    expected = example.expect.score
    wanted = [math.nan] * score.size if expected is None else list(np.atleast_1d(np.array(expected, float)))
    answers = ruled.scores[0].tolist()
    if len(wanted) != len(answers) or not all(map(_same, answers, wanted)):
        return f"the answer is {_show(answers)}, not {_show(wanted)}"
    return ""


def _same(one: float, other: float) -> bool:
    return (math.isnan(one) and math.isnan(other)) or math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)


def _show(score: list[float]) -> str:
    values = ["null" if math.isnan(value) else f"{value:.6g}" for value in score]
    return values[0] if len(values) == 1 else f"[{', '.join(values)}]"
