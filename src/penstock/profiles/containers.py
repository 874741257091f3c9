"""The profile `containers`: every task in its image on this machine, as on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, PositiveInt


class ContainersProfile(BaseModel):
    """How a Docker Engine plays the cluster."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: Literal["containers"] = "containers"
    images: dict[str, str] = {}
    """Image by environment (`runtime: example.com/penstock/runtime@sha256:...`); else the compiled one."""
    docker_host: str = ""
    """The engine's address, `unix:///run/docker.sock`; empty for what DOCKER_HOST or the docker context says."""
    network: str = "bridge"
    """The network that tasks are in; `none` for tasks that need none."""
    mounts: tuple[Path, ...] = ()
    """Folders of this machine that tasks may read, at the same place: where sources are."""
    pull: Literal["never", "missing"] = "missing"
    """Whether an image that is not here is fetched from its registry."""
    cores: PositiveInt | None = None
    """Cores that tasks may take together; None takes all that this process may use."""
    memory_bytes: PositiveInt | None = None
    """Memory that tasks with a memory limit may take together [bytes]; None takes what is free at the start."""
