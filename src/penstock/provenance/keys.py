"""The identity of a piece of work: equal keys mean that the outputs would be equal.

Pure. Digests stand for content; no path, time or name of a run is part of a key.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from penstock.artifacts.digest import digest_json

OURS = "PENSTOCK_"
"""Begins the names of environment variables that say where work is done and who hears of it: never what it computes."""

EXECUTOR_INPUT = "{{$}}"
"""What KFP's launcher replaces by everything that a task is told, as JSON."""

_FORMAT = 2
"""Raise it when the meaning of a cache entry changes: every earlier one is then a miss."""


def component_command(module: str) -> tuple[str, ...]:
    """What the container of a component runs, command and arguments as compiled.

    Example:
        >>> component_command("components.trainer.main")
        ('python', '-m', 'components.trainer.main', '{{$}}')
    """
    return "python", "-m", module, EXECUTOR_INPUT


def cache_key(
    *,
    command: Sequence[str],
    env: Mapping[str, str],
    parameters: Mapping[str, Any],
    inputs: Mapping[str, tuple[str, ...]],
    outputs: Mapping[str, str],
    output_parameters: Collection[str],
    code_digest: str,
    environment_digest: str,
    observed: Any = None,
) -> str:
    """Compute the cache key of a piece of work.

    Args:
        command: What its container runs, command and arguments as compiled, with `{{$}}` in place.
        env: The environment variables that the pipeline gives it; those that begin with `PENSTOCK_` do not count.
        parameters: Its parameters with the defaults of its declaration.
        inputs: Digests of the artifacts of each input; looked-up inputs included.
        outputs: Schema title by output artifact.
        output_parameters: The names of its output parameters.
        code_digest: Of the component's code; the image for a container that is no component of ours: that and its
            command are then all that is known of it.
        environment_digest: Of the installed packages.
        observed: What the component said of the world outside its inputs.

    Returns:
        `sha256:` and 64 hex digits.
    """
    return digest_json(
        {
            "format": _FORMAT,
            "code": code_digest,
            "environment": environment_digest,
            "command": list(command),
            "env": {name: value for name, value in env.items() if not name.startswith(OURS)},
            "parameters": dict(parameters),
            "inputs": {name: list(digests) for name, digests in inputs.items()},
            "observed": observed,
            "outputs": dict(outputs),
            "output_parameters": sorted(output_parameters),
        }
    )
