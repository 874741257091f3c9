"""One suite, two servers: the stand-in, and the API server that PENSTOCK_KUBEFLOW_URL names."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.kubeflow.api import Kubeflow, open_kubeflow
from penstock.kubeflow.package import Package, read_package
from penstock.profiles.cluster import ClusterProfile, KubeflowApi
from tests.contract.kubeflow.commands import write_profile
from tests.servers.kubeflow import URL_VARIABLE, KubeflowStandIn, serving

PIPELINE = """\
# A head that does not count.
components:
  comp-say:
    executorLabel: exec-say
    inputDefinitions:
      parameters:
        text: {{parameterType: STRING}}
deploymentSpec:
  executors:
    exec-say:
      container:
        args: ['{{{{$.inputs.parameters[''text'']}}}}']
        command: [echo, '{mark}']
        image: registry.example.com/say@sha256:{zeros}
pipelineInfo:
  name: {name}
root:
  dag:
    tasks:
      say:
        cachingOptions: {{}}
        componentRef: {{name: comp-say}}
        inputs:
          parameters:
            text: {{componentInputParameter: say_text}}
        taskInfo: {{name: say}}
  inputDefinitions:
    parameters:
      say_text: {{defaultValue: hello, isOptional: true, parameterType: STRING}}
      say_times: {{defaultValue: 1.0, isOptional: true, parameterType: NUMBER_INTEGER}}
schemaVersion: 2.1.0
sdkVersion: kfp-2.13.0
"""


def pipeline(name: str, mark: str = "a") -> Package:
    """A pipeline of one task; another mark makes another content."""
    return read_package(PIPELINE.format(name=name, mark=mark, zeros="0" * 64), "say.yaml")


@pytest.fixture(scope="session", params=["stand-in", pytest.param("real", marks=pytest.mark.server)])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where an API server is."""
    if request.param == "real":
        if URL_VARIABLE not in os.environ:
            pytest.skip(f"{URL_VARIABLE} names no API server of Kubeflow Pipelines")
        yield os.environ[URL_VARIABLE]
        return
    with serving(KubeflowStandIn().app()) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def profile(url: str) -> ClusterProfile:
    """The profile of its cluster, with an experiment of the test's own."""
    api = KubeflowApi(host=url, auth="none")
    return ClusterProfile(kubeflow=api, experiment=f"test-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def kubeflow(profile: ClusterProfile) -> Kubeflow:
    """Its client."""
    return open_kubeflow(profile)


@pytest.fixture
def name() -> str:
    """A pipeline's name of the test's own."""
    return f"say-{uuid.uuid4().hex[:8]}"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing shows late here."""
    monkeypatch.setattr("penstock.kubeflow.schedules.applying.SETTLE_SECONDS", 0.0)


@pytest.fixture
def server() -> Iterator[tuple[KubeflowStandIn, str]]:
    """A stand-in of the test's own, and where it is."""
    stand_in = KubeflowStandIn()
    with serving(stand_in.app()) as port:
        yield stand_in, f"http://127.0.0.1:{port}"


@pytest.fixture
def staging(server: tuple[KubeflowStandIn, str], tmp_path: Path) -> str:
    """The file of its profile."""
    return write_profile(tmp_path / "profile.yaml", server[1])
