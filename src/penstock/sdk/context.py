"""What a component's `run` is given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from penstock.artifacts import Artifact, Decision
from penstock.artifacts.base import Scalar
from penstock.sdk.params import Params

P = TypeVar("P", bound=Params)
A = TypeVar("A", bound=Artifact)


class Progress(Protocol):
    """Told how far a task is; safe to call often."""

    def __call__(self, done: int, total: int | None = None, unit: str = "rows") -> None:
        """Report `done` of `total` units of work."""


class Context(Generic[P]):
    """One execution of a component: its parameters, inputs, outputs, and a way to report.

    Outputs are at a temporary place until `run` returns: nobody ever sees half of one.

    Args:
        params: The validated parameters.
        inputs: Bound input artifacts; optional ones that were not given are missing.
        outputs: Output artifacts, bound to temporary folders that exist.
        progress: Where progress goes.
        scratch: A folder of its own that survives a crash: the same work, tried again, finds what it left there
            (checkpoints). Emptied when the task is done. Not an output: never read by another task.
    """

    def __init__(
        self,
        params: P,
        inputs: Mapping[str, Artifact],
        outputs: Mapping[str, Artifact],
        progress: Progress,
        scratch: Path,
    ) -> None:
        self.params = params
        self.progress = progress
        self.scratch = scratch
        self.decision: Decision | None = None
        self.rows: int | None = None
        self._inputs = inputs
        self._outputs = outputs

    def input(self, name: str, noun: type[A]) -> A:
        """An input as its noun.

        Raises:
            KeyError: The input was not given: declare it optional and use `optional` (author of the component).
        """
        artifact = self._inputs[name]
        if not isinstance(artifact, noun):
            raise TypeError(f"input {name!r} is declared as {type(artifact).__name__}, not {noun.__name__}")
        return artifact

    def optional(self, name: str, noun: type[A]) -> A | None:
        """An optional input as its noun, or None."""
        return self.input(name, noun) if name in self._inputs else None

    def output(self, name: str, noun: type[A]) -> A:
        """An output to write into; what is put into its `metadata` goes to the lineage."""
        artifact = self._outputs[name]
        if not isinstance(artifact, noun):
            raise TypeError(f"output {name!r} is declared as {type(artifact).__name__}, not {noun.__name__}")
        return artifact

    def decide(self, decision: Decision, output: Artifact, **metadata: Scalar) -> None:
        """Write a gate's decision into the artifact that carries it, and set the gate.

        Args:
            decision: The decision; exactly one an execution.
            output: The output artifact that holds it: `decision.json`, and `verdict` and `consequence` in metadata.
            **metadata: More flat facts for that artifact (`model_digest`).
        """
        if self.decision is not None:
            raise ValueError("a gate decides once")
        self.decision = decision
        output.write_json("decision.json", decision)
        output.metadata.update(verdict=decision.verdict, consequence=decision.consequence, **metadata)

    def processed(self, rows: int) -> None:
        """Say how many rows the task worked through [rows], for rows per second."""
        self.rows = rows
