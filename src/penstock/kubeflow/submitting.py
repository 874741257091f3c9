"""Submitting a compiled pipeline: one version for one content, one experiment for one name, one run for each call.

Two that submit the same at once meet in the same version: names follow from digests, and who comes second takes what
the first has made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.kubeflow.api import Kubeflow
from penstock.kubeflow.package import Package
from penstock.kubeflow.records import PipelineVersion, Run
from penstock.profiles.cluster import ClusterProfile


@dataclass(frozen=True)
class Submitted:
    """A run that was started."""

    run: Run
    version: PipelineVersion
    experiment: str


def upload(kubeflow: Kubeflow, package: Package) -> PipelineVersion:
    """The version that has a package's content, uploaded where it is not there.

    Raises:
        PenstockError: The server cannot be reached, or does not take it (caller).
    """
    pipeline = kubeflow.ensure_pipeline(package.name, package.description)
    return kubeflow.ensure_version(pipeline.pipeline_id, package.version, package.content, package.digest)


def submit(
    kubeflow: Kubeflow,
    package: Package,
    profile: ClusterProfile,
    *,
    name: str,
    parameters: Mapping[str, Any],
    experiment: str = "",
    description: str = "",
) -> Submitted:
    """Start a run of a package.

    Args:
        kubeflow: The API server.
        package: The compiled pipeline.
        profile: Gives the experiment, the service account, and the place of artifacts.
        name: What the run is called.
        parameters: Only what was set; the compiled pipeline has the defaults.
        experiment: Instead of the profile's.
        description: Shown in the UI.

    Raises:
        PenstockError: The server cannot be reached, or does not take it (caller).
    """
    version = upload(kubeflow, package)
    listed = kubeflow.ensure_experiment(experiment or profile.experiment)
    run = kubeflow.create_run(
        name,
        experiment=listed,
        version=version,
        parameters=parameters,
        pipeline_root=profile.pipeline_root,
        service_account=profile.service_account,
        description=description,
    )
    return Submitted(run, version, experiment or profile.experiment)
