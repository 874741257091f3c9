"""What a component may say of a pipeline before it runs: `check.py` beside its `spec.py`, with `def check(at: Check)`.

It looks at the parameters and at what is known of the inputs, names every problem, and says what will be known of its
outputs, which the checks of later tasks look at in turn. It makes nothing, and looks at data only as far as it must.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Generic, TypeVar

from penstock.artifacts.features import FeatureType
from penstock.artifacts.task import Task
from penstock.sdk.errors import PenstockError
from penstock.sdk.params import Params

P = TypeVar("P", bound=Params)

_KEY = re.compile(r"(?P<key>[a-z_]+(\.[a-z0-9_]+)*): (?P<text>.*)", re.DOTALL)


@dataclass(frozen=True)
class Known:
    """What can be said of an artifact that is not made yet; what is None is not known."""

    columns: Mapping[str, FeatureType | None] | None = None
    """Names and types of its columns, or of the features that it speaks of."""
    exact: bool = False
    """Whether all values were looked at; else a number may turn out to be a text, and a whole number a broken one."""
    splits: tuple[str, ...] | None = None
    label: str = ""
    """The column that is to be learnt."""
    task: Task | None = None
    """What a model answers."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    key: tuple[str | int, ...]
    """The way to the value inside the task's parameters; empty for the task as a whole."""
    text: str
    line: int = 0
    """Where the parameter is a text of several lines: the one that is meant, from 1."""


@dataclass
class Check(Generic[P]):
    """One check of one task.

    Args:
        params: Its parameters.
        inputs: What is known of what it takes; optional inputs that are not wired are missing.
        data: Whether to look at all the data, rather than at its beginning.
    """

    params: P
    inputs: Mapping[str, Known] = field(default_factory=dict)
    data: bool = False
    problems: list[Problem] = field(default_factory=list)
    outputs: dict[str, Known] = field(default_factory=dict)
    """What will be known of what it makes, by output."""
    facts: list[str] = field(default_factory=list)
    """What was seen, for people."""

    def input(self, name: str) -> Known:
        """What is known of an input; nothing where it is not wired."""
        return self.inputs.get(name, Known())

    def problem(self, *key: str | int, text: str, line: int = 0) -> None:
        """Name a problem."""
        self.problems.append(Problem(key, text, line))

    def member(self, *key: str | int, name: str, of: Iterable[str] | None, where: str) -> None:
        """Name a problem where a name is not one of those that are known; the nearest is told.

        Args:
            *key: Where the name is given.
            name: The name.
            of: The names that there are; None where they are not known.
            where: What has those names: `the examples`.
        """
        names = set(of or ())
        if of is not None and name not in names:
            self.problem(*key, text=missing(name, names, where))

    def source(self, key: str, *, text: str) -> None:
        """Name a problem where a parameter is no Python, or defines no function of the parameter's name.

        Args:
            key: The parameter.
            text: Its value; empty where it is not given. It is read, and not run.
        """
        if not text.strip():
            return
        try:
            module = ast.parse(text)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            self.problem(key, text=f"not Python: {getattr(error, 'msg', error)}", line=line or 0)
            return
        defined = {node.name for node in module.body if isinstance(node, ast.FunctionDef)}
        for node in module.body:
            if isinstance(node, ast.ImportFrom):
                defined |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.Assign):
                defined |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        if key not in defined:
            self.problem(key, text=f"defines no function {key!r}")

    @contextmanager
    def noting(self, *key: str | int) -> Iterator[None]:
        """Name a problem where the body raises one; what is behind it in the body is not done.

        Args:
            *key: What it is about; where not given, the parameter that the message begins with, if it does.
        """
        try:
            yield
        except PenstockError as error:
            for text in error.findings or (str(error),):
                named = _KEY.match(text)
                if not key and named and named["key"].split(".")[0] in type(self.params).model_fields:
                    self.problem(*map(_index, named["key"].split(".")), text=named["text"])
                else:
                    self.problem(*key, text=text)


def missing(name: str, known: Iterable[str], where: str) -> str:
    """Say that a name is not there, and which was probably meant.

    Example:
        >>> missing("huor", ["hour", "day"], "the examples")
        "'huor' is not in the examples; did you mean 'hour'?"
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}"
    return f"{name!r} is not in {where}; {hint}"


def _index(part: str) -> str | int:
    return int(part) if part.isdigit() else part
