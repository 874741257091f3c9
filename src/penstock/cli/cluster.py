"""What the commands for clusters share: the profile, the pipeline compiled for it, and checked parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from penstock.kubeflow.api import Kubeflow
    from penstock.kubeflow.package import Package
    from penstock.profiles.cluster import ClusterProfile
    from penstock.running.pipeline_spec import PipelineSpec

_Command = TypeVar("_Command", bound=Callable[..., Any])

WATCHING_SECONDS = 600.0
"""How long a server may be away while a run is watched [s]."""


def profile_option(*, required: bool, text: str) -> Callable[[_Command], _Command]:
    """The option that names a cluster."""
    return click.option("--profile", metavar="NAME|FILE", default="", required=required, help=text)


def open_cluster(
    profile: ClusterProfile | str, *, watching: bool = False, patience_seconds: float | None = None
) -> Kubeflow:
    """The API server of a cluster.

    Args:
        profile: The cluster.
        watching: Whether it is watched for long, and may be away for a while.
        patience_seconds: How long it may be away otherwise [s].

    Raises:
        BadInput: There is no profile of that name, or it is no cluster's (caller).
    """
    from penstock.kubeflow.api import open_kubeflow
    from penstock.kubeflow.sending import PATIENCE_SECONDS
    from penstock.profiles.reading import find_cluster

    cluster = find_cluster(profile) if isinstance(profile, str) else profile
    patience = WATCHING_SECONDS if watching else PATIENCE_SECONDS if patience_seconds is None else patience_seconds
    return open_kubeflow(cluster, patience_seconds=patience)


@dataclass(frozen=True)
class Prepared:
    """A pipeline, compiled for a cluster."""

    package: Package
    spec: PipelineSpec
    compiled: Path

    def parameters(self, settings: Mapping[str, str], places: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What a run sets, typed and checked as `penstock run` checks it.

        Raises:
            BadInput: A name is unknown, a value of the wrong type or out of range (caller).
        """
        from penstock.running.binding import bind, run_parameters
        from penstock.running.components import component_roots
        from penstock.running.preflight import check_parameters
        from penstock.running.warming import container_tasks

        values = bind(self.spec, settings, places)
        containers = container_tasks(self.spec, component_roots(self.compiled))
        check_parameters(self.spec, run_parameters(self.spec, values), containers)
        return values


def prepare(pipeline: str, profile: ClusterProfile) -> Prepared:
    """Compile a pipeline for a cluster; what was compiled elsewhere is taken as it is.

    Args:
        pipeline: A name under pipelines/, a folder, or a compiled file.
        profile: The cluster.

    Raises:
        BadInput: There is no such pipeline, or it cannot be compiled for this cluster (caller).
    """
    from penstock.authoring.compiling import compile_for
    from penstock.authoring.config import CONFIG_FILE
    from penstock.authoring.discovery import COMPILED_FILE, find_pipeline
    from penstock.kubeflow.package import read_package
    from penstock.running.spec_reader import parse_pipeline

    given = Path(pipeline)
    if given.is_file():
        text = given.read_text(encoding="utf-8")
        return Prepared(read_package(text, pipeline), parse_pipeline(text, pipeline), given)
    folder = given if (given / CONFIG_FILE).is_file() else find_pipeline(pipeline)
    compiled = compile_for(folder, profile)
    package = read_package(compiled.text, folder.name)
    return Prepared(package, parse_pipeline(compiled.text, folder.name), folder / COMPILED_FILE)
