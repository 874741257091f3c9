"""The identity of a piece of work: equal keys mean that the outputs would be equal.

Pure. Digests stand for content; no path, time or name of a run is part of a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.artifacts.digest import digest_json
from penstock.running.work import Work

_FORMAT = 1
"""Raise it when the meaning of a cache entry changes: every earlier one is then a miss."""


def cache_key(
    work: Work,
    *,
    parameters: Mapping[str, Any],
    inputs: Mapping[str, tuple[str, ...]],
    code_digest: str,
    environment_digest: str,
    observed: Any = None,
) -> str:
    """Compute the cache key of a piece of work.

    Args:
        work: What would be started.
        parameters: Its parameters with the defaults of its declaration.
        inputs: Digests of the artifacts of each input; looked-up inputs included.
        code_digest: Of the component's code; empty for a container that is not a component of ours: its command
            and image are then all that is known of it.
        environment_digest: Of the installed packages.
        observed: What the component said of the world outside its inputs.

    Returns:
        `sha256:` and 64 hex digits.
    """
    container = work.container
    return digest_json(
        {
            "format": _FORMAT,
            "code": code_digest or container.image,
            "environment": environment_digest,
            "command": [*container.command, *container.args],
            "env": dict(container.env),
            "parameters": dict(parameters),
            "inputs": {name: list(digests) for name, digests in inputs.items()},
            "observed": observed,
            "outputs": [dict(work.output_artifacts), dict(work.output_parameters)],
        }
    )
