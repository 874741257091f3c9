"""What the cluster tells a task's container of its place in a run: environment variables, read once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from penstock.provenance import variables
from penstock.sdk import BadInput
from penstock.storage.patience import read_seconds

_OFF = "off"
_DEFAULT_PATIENCE_SECONDS = 180.0
"""A lineage server that is moved to another node is back within a minute or two."""


@dataclass(frozen=True)
class Settings:
    """One task of one run."""

    lineage: str
    """URL of the lineage store."""
    pipeline: str
    pipeline_digest: str
    task: str
    run_id: str
    image: str
    pod: str
    """The pod's name, for people who look for its log."""
    use_cache: bool
    lineage_patience_seconds: float

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings | None:
        """Read them; None where there is no lineage.

        Raises:
            BadInput: There is a lineage, and nothing says for which run and task (who compiled the pipeline).
        """
        url = environment.get(variables.LINEAGE, "")
        if not url:
            return None
        for name in (variables.PIPELINE, variables.TASK, variables.RUN_ID):
            if not environment.get(name):
                remedy = f"Compile the pipeline for the cluster again, or unset {variables.LINEAGE} to record nothing"
                raise BadInput(f"{name} is not set, so there is no telling what to record", remedy)
        return cls(
            lineage=url,
            pipeline=environment[variables.PIPELINE],
            pipeline_digest=environment.get(variables.PIPELINE_DIGEST, ""),
            task=environment[variables.TASK],
            run_id=environment[variables.RUN_ID],
            image=environment.get(variables.IMAGE, ""),
            pod=environment.get(variables.POD, ""),
            use_cache=environment.get(variables.CACHE, "").lower() != _OFF,
            lineage_patience_seconds=read_seconds(variables.LINEAGE_PATIENCE, _DEFAULT_PATIENCE_SECONDS, environment),
        )
