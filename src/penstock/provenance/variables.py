"""The environment variables by which a cluster tells a task's container where it is and who hears of it.

Compiling for a cluster sets them, the launcher in the container reads them. None of them changes what is computed: all
begin with `PENSTOCK_`, which the cache key passes over.
"""

from penstock.lineage.address import PASSWORD_FILE_VARIABLE as LINEAGE_PASSWORD_FILE
from penstock.lineage.address import PASSWORD_VARIABLE as LINEAGE_PASSWORD
from penstock.sdk.entry import LAUNCHER
from penstock.storage.patience import PATIENCE as STORE_PATIENCE

__all__ = [
    "CACHE",
    "IMAGE",
    "LAUNCHER",
    "LINEAGE",
    "LINEAGE_PASSWORD",
    "LINEAGE_PASSWORD_FILE",
    "LINEAGE_PATIENCE",
    "PIPELINE",
    "PIPELINE_DIGEST",
    "POD",
    "RUN_ID",
    "STORE_PATIENCE",
    "TASK",
]

LINEAGE = "PENSTOCK_LINEAGE"
"""URL of the lineage store, without a password. Not set: nothing is recorded, looked up or taken from earlier runs."""

LINEAGE_PATIENCE = "PENSTOCK_LINEAGE_PATIENCE_SECONDS"
"""How long the lineage store may be away before a task fails [s]; 180 when it is not set."""

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

POD = "KFP_POD_NAME"
"""The pod's name, which Kubeflow Pipelines itself sets.

Source: kubeflow/pipelines, backend/src/v2/compiler/argocompiler/common.go, commonEnvs.
"""
