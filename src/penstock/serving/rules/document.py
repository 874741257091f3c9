"""`rules.yaml`: what people review. Closed, strict, and of one meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from penstock.sdk import BadInput
from penstock.strict_yaml import Document, read_yaml

FallbackReason = Literal["model_failed", "bad_input"]
_NAME = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Clamp(_Part):
    """Keep a score within bounds. For models of one number a row."""

    min: float | None = None
    """The least score."""
    max: float | None = None
    """The greatest score."""

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min must not be greater than max")
        return self


class Suppress(_Part):
    """Answer null instead of a score: the model is not sure enough, or must not speak here."""

    below_confidence: float | None = Field(default=None, ge=0, le=1)
    """Only where the model is less sure than this: the probability of its best class; for binary models the greater of
    the score and one minus it. None: always."""


class Override(_Part):
    """Answer something else: one score for all, or one for each of some values of a feature."""

    score: float | tuple[float, ...] | None = None
    """The score; for a model of several classes a list, one number a class."""
    by: str = ""
    """The feature whose value picks the score."""
    scores: dict[str, float | tuple[float, ...]] = {}
    """The score for each value; rows with other values keep theirs."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.score is None) == (not self.by) or bool(self.by) != bool(self.scores):
            raise ValueError("give either 'score', or 'by' with 'scores'")
        return self


class Rule(_Part):
    """One rule: a condition and what it does to the answer."""

    name: str = Field(pattern=_NAME, max_length=60)
    """What the prediction log and the metrics call it."""
    why: str = ""
    """For people."""
    when: str = "true"
    """The condition, in CEL: the raw features by name, `score` (`scores` and `label` for several classes), and
    `missing`, the names of the features that the row lacks. Where it needs a missing value, it does not hold."""
    clamp: Clamp | None = None
    """Keep the score within bounds."""
    suppress: Suppress | None = None
    """Answer null. No later rule sees the row."""
    override: Override | None = None
    """Answer something else."""

    @model_validator(mode="after")
    def _one_effect(self) -> Self:
        if sum(effect is not None for effect in (self.clamp, self.suppress, self.override)) != 1:
            raise ValueError("a rule does one thing: clamp, suppress or override")
        return self


class Fallback(_Part):
    """The answer when the model gives none."""

    score: float | tuple[float, ...] | None
    """The score of every row; null answers null."""
    on: tuple[FallbackReason, ...] = ("model_failed", "bad_input")
    """When: the model raised an error, or the input does not fit the features."""


class Expected(_Part):
    """What an example must come to."""

    score: float | tuple[float, ...] | None
    """The answer; null where it is suppressed."""
    rules: tuple[str, ...] = ()
    """The rules that changed it, in their order."""


class Example(_Part):
    """One row that shows what the rules do; checked before a bundle is made."""

    row: dict[str, Any]
    """Raw features; those that are left out are missing."""
    score: float | tuple[float, ...]
    """What the model says."""
    expect: Expected
    """What is answered."""


class RuleBook(_Part):
    """All rules of a bundle."""

    version: str = Field(min_length=1, max_length=60)
    """What people call this state of the rules."""
    rules: tuple[Rule, ...] = ()
    """The rules, applied in this order: each sees what the ones before made of the score."""
    fallback: Fallback | None = None
    """The answer when the model gives none; without it, that is an error as usual."""
    examples: tuple[Example, ...] = ()
    """At least one for each rule."""

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        names = [rule.name for rule in self.rules]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two rules are called {twice!r}")
        shown = {name for example in self.examples for name in example.expect.rules}
        if unknown := sorted(shown - set(names)):
            raise ValueError(f"an example expects the rule {unknown[0]!r}, which is not there")
        if unshown := [name for name in names if name not in shown]:
            raise ValueError(f"no example shows the rule {unshown[0]!r}")
        return self


def read_rules(path: Path) -> RuleBook:
    """Read `rules.yaml`.

    Raises:
        BadInput: It is missing, is not YAML, or not of that form; the message names the line (its author).
    """
    document = read_yaml(path)
    try:
        return RuleBook.model_validate(_text_version(document))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        says = first["msg"].removeprefix("Value error, ")
        raise BadInput(f"{document.prefix(first['loc'])}{place + ': ' if place else ''}{says}") from None


def _text_version(document: Document) -> Any:
    """A version may be written as a number."""
    value = document.value
    if isinstance(value, dict) and type(value.get("version")) in {int, float}:
        return {**value, "version": str(value["version"])}
    return value
