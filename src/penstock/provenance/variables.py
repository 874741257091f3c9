"""The environment variables by which a cluster tells a task's container where it is and who hears of it.

Compiling for a cluster sets them, the launcher in the container reads them. None of them changes what is computed: all
begin with `PENSTOCK_`, which the cache key passes over.
"""

from penstock.sdk.entry import LAUNCHER

__all__ = ["CACHE", "IMAGE", "LAUNCHER", "LINEAGE", "PIPELINE", "PIPELINE_DIGEST", "RUN_ID", "TASK"]

LINEAGE = "PENSTOCK_LINEAGE"
"""URL of the lineage store, without a password. Not set: nothing is recorded, looked up or taken from earlier runs."""

PIPELINE = "PENSTOCK_PIPELINE"
"""The pipeline's name."""

PIPELINE_DIGEST = "PENSTOCK_PIPELINE_DIGEST"
"""Digest of the compiled pipeline's content."""

TASK = "PENSTOCK_TASK"
"""The task's name in the pipeline."""

RUN_ID = "PENSTOCK_RUN_ID"
"""The run's id; on Kubeflow, from the pod's label `pipeline/runid`."""

IMAGE = "PENSTOCK_IMAGE"
"""The image that the container was started from, by digest."""

CACHE = "PENSTOCK_CACHE"
"""`off`: do the work even if an earlier run has done it."""
