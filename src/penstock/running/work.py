"""What the planner hands out and what it is told: the seam between deciding and doing.

The planner decides *what* may start and with *which* values; it never touches a process, a file or a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from penstock.sdk.executor import RuntimeArtifact


@dataclass(frozen=True)
class Container:
    """What to start, from `deploymentSpec.executors`."""

    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    """Placeholders (`{{$}}`, `{{$.inputs.parameters['x']}}`, ...) are still in it."""
    env: Mapping[str, str] = field(default_factory=dict)
    cpu_limit: float | None = None
    """Cores."""
    memory_limit_bytes: int | None = None


@dataclass(frozen=True)
class Work:
    """One container task that may start now."""

    id: str
    """Unique in the run and stable between runs: `train`, or `for-loop-1[2]/train` inside loops and sub-graphs."""
    task: str
    """The task's display name in the pipeline."""
    component: str
    """The name of the component in compiled.yaml, without `comp-`."""
    container: Container
    parameters: Mapping[str, Any]
    """Input parameters, resolved, of the type that their definition says."""
    artifacts: Mapping[str, tuple[RuntimeArtifact, ...]]
    """Input artifacts; an optional one that is absent is not in it."""
    output_artifacts: Mapping[str, str]
    """Output name to schema title."""
    output_parameters: Mapping[str, str]
    """Output name to parameter type (`STRING`, `NUMBER_INTEGER`, ...)."""
    cacheable: bool = True
    retries: int = 0
    """How often it may be tried again."""
    backoff_seconds: float = 0.0
    backoff_factor: float = 2.0
    backoff_max_seconds: float = 3600.0
    upstream: tuple[str, ...] = ()
    """The tasks that it waited for, as they are named in its graph: what `--only` and `--until` follow."""


@dataclass(frozen=True)
class Outputs:
    """What a piece of work put out, as executor_output.json says it."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, tuple[RuntimeArtifact, ...]] = field(default_factory=dict)


class Fate(StrEnum):
    """How a task of the graph ended, for those that wait for it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Its condition was false, or what it needs was skipped or failed."""


@dataclass(frozen=True)
class Ended:
    """One task's end, in the order in which they ended."""

    id: str
    fate: Fate
    why: str = ""
    """For skipped and failed tasks: one line."""
