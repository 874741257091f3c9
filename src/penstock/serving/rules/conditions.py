"""The language of conditions: Google's Common Expression Language, typed by the model's features.

A condition is compiled when the rules are read: a feature that is not there, a comparison of a text with a number, a
result that is not true or false are errors of the file, never of a request. It cannot call out or change anything.

Source:
    Common Expression Language specification (cel-spec), by the library `cel-expr-python`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from penstock.artifacts.features import FeatureType
from penstock.sdk import BadInput

Row = dict[str, Any]
"""Feature to value; a missing one is not in it."""
Condition = Callable[[Row], bool]
"""Whether it holds for a row: false where it needs a value that is missing."""
SCORE, SCORES, LABEL, MISSING = "score", "scores", "label", "missing"
_RESERVED = frozenset((SCORE, SCORES, LABEL, MISSING, "true", "false", "null", "in"))
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST = 2000
"""A condition has so many characters at most."""


class Language:
    """Compiles conditions over some features.

    Args:
        raw: The features by name.
        several: Whether the model answers several numbers a row: then `scores` and `label` stand for `score`.
    """

    def __init__(self, raw: Mapping[str, FeatureType], *, several: bool) -> None:
        from cel_expr_python import cel

        kinds = {"string": cel.Type.STRING, "float": cel.Type.DOUBLE, "int": cel.Type.INT}
        self._names = {n: kinds[t] for n, t in raw.items() if _IDENTIFIER.fullmatch(n) and n not in _RESERVED}
        if several:
            self._names |= {SCORES: cel.Type.List(cel.Type.DOUBLE), LABEL: cel.Type.STRING}
        else:
            self._names[SCORE] = cel.Type.DOUBLE
        self._names[MISSING] = cel.Type.List(cel.Type.STRING)
        self._environment = cel.NewEnv(variables=self._names)
        self._bool = cel.Type.BOOL

    def compile(self, text: str) -> tuple[Condition, frozenset[str]]:
        """Compile a condition.

        Returns:
            The condition, and the names that it may look at.

        Raises:
            BadInput: It is not CEL, names something that is not there, or is not true or false (its author).
        """
        if len(text) > _LONGEST:
            raise BadInput(f"a condition has at most {_LONGEST:,} characters")
        try:
            expression = self._environment.compile(text)
        except RuntimeError as error:
            raise BadInput(_one_line(str(error))) from None
        if expression.return_type() != self._bool:
            raise BadInput(f"a condition is true or false; this one is {expression.return_type().name().lower()}")
        names = frozenset(_IDENTIFIER.findall(text)) & self._names.keys()
        error_type = _error_type()

        def holds(row: Row) -> bool:
            value = expression.eval(data=row)
            return value.type() != error_type and value.value() is True

        return holds, names


@cache
def _error_type() -> Any:
    from cel_expr_python import cel

    return cel.Type.ERROR


def _one_line(error: str) -> str:
    """The library's message without its drawing of the place."""
    first = error.splitlines()[0].removeprefix("INVALID_ARGUMENT: ").removeprefix("ERROR: <input>:")
    return re.sub(r" \(in container ''\)$", "", f"at {first}")
