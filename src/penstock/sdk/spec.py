"""The one declaration of a component's interface.

The container's command line, the KFP component, the README table, the check of a pipeline's configuration and the
contract tests are all derived from a `ComponentSpec`. Importing one takes milliseconds: no heavy library here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from penstock.artifacts import Artifact
from penstock.sdk.params import Params

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Lookup:
    """How an input that is not wired is found in the lineage before the task starts.

    What is found is an ordinary input from then on: part of the cache key, recorded as an input.
    Nothing found is no input: the first run of a pipeline has no past.
    """

    policy: Literal["last_blessed", "previous"]
    """`last_blessed`: the newest model of this pipeline with a `Successful` model blessing. `previous`: the newest
    artifact of the input's kind in this pipeline that no gate refused."""
    other_than: str
    """The input that must not be found again. For `last_blessed` its own digest is passed over: a model is never
    its own baseline. For `previous`, artifacts whose metadata `<input>_digest` equals the digest of that input."""
    dispensable: bool = False
    """Whether to go on without it where its files are gone or were changed: for what only shortens the work. Otherwise
    the task fails, because a comparison that is left out without a word would look like one that went well."""


@dataclass(frozen=True)
class In:
    """An input artifact."""

    noun: type[Artifact]
    optional: bool = False
    lookup: Lookup | None = None
    """Only for optional inputs."""


@dataclass(frozen=True)
class Out:
    """An output artifact."""

    noun: type[Artifact]


@dataclass(frozen=True)
class ComponentSpec:
    """What a component is, for everything that must know it without running it.

    Raises:
        ValueError: A name is not a lower-case identifier, or a lookup names no input (author of the component).
    """

    name: str
    """The folder under `components/`, and the name everywhere else."""
    stage: Literal["ingest", "validate", "transform", "train", "analyse", "deliver"]
    """Where in the pipeline it belongs, for people."""
    image: Literal["runtime", "serving", "control"]
    """The environment it runs in: `ci/images/<image>`."""
    summary: str
    """One imperative sentence."""
    params: type[Params]
    inputs: Mapping[str, In] = field(default_factory=dict)
    outputs: Mapping[str, Out] = field(default_factory=dict)
    gate: bool = False
    """Whether it decides. A gate has one more output, the parameter `gate`: `open` or `closed`."""
    observes: bool = False
    """Whether the result depends on something outside its inputs. Then `main.observe(params)` returns a JSON value
    that stands for it (a digest of the source files), and that value is part of the cache key."""
    warm: tuple[str, ...] = ()
    """Modules that the component imports and that are slow to import: a runner may import them once and fork."""
    uses: tuple[str, ...] = ()
    """Packages outside the SDK whose code the component imports or starts; their code is part of the cache key."""

    def __post_init__(self) -> None:
        for name in (self.name, *self.inputs, *self.outputs, *self.params.model_fields):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{self.name}: {name!r} is not a lower-case identifier")
        names = [*self.inputs, *self.outputs, *self.params.model_fields, *(["gate"] if self.gate else [])]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.name}: a name is used twice among inputs, outputs and parameters")
        for name, port in self.inputs.items():
            if port.lookup and (not port.optional or port.lookup.other_than not in self.inputs):
                raise ValueError(f"{self.name}.{name}: a lookup needs an optional input and names another input")

    @property
    def module(self) -> str:
        """The module that the container runs."""
        return f"components.{self.name}.main"
