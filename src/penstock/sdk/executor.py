"""KFP's executor input and output, as the v2 launcher writes and reads them.

Source:
    kubeflow/pipelines, api/v2alpha1/pipeline_spec.proto, messages ExecutorInput and ExecutorOutput, in the JSON
    form of protocol buffers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penstock.artifacts.base import Artifact, Scalar
from penstock.sdk.errors import BadInput

_MOUNTS = {"gs://": "/gcs/", "s3://": "/s3/", "minio://": "/minio/", "oci://": "/oci/", "file://": ""}
"""Where the launcher puts each kind of address on the container's file system."""


class _Message(BaseModel):
    model_config = ConfigDict(populate_by_name=True, extra="ignore")


class RuntimeArtifact(_Message):
    """One artifact as KFP passes it."""

    name: str = ""
    uri: str = ""
    metadata: dict[str, Any] = {}

    def local_path(self) -> Path:
        """Where its files are in this container."""
        for scheme, mount in _MOUNTS.items():
            if self.uri.startswith(scheme):
                return Path(mount + self.uri.removeprefix(scheme))
        return Path(self.uri)

    def bind(self, noun: type[Artifact], path: Path | None = None) -> Artifact:
        """See it as one of our nouns, at its own place or at another."""
        place = path or self.local_path()
        if noun.main_file and place.name == noun.main_file:  # the address names one file of the folder
            place = place.parent
        return noun(place, self.uri, self.metadata)


class ArtifactList(_Message):
    """KFP passes artifacts in lists; ours hold one."""

    artifacts: list[RuntimeArtifact] = []


class Inputs(_Message):
    """What the task is given."""

    parameter_values: dict[str, Any] = Field(default={}, alias="parameterValues")
    artifacts: dict[str, ArtifactList] = {}


class OutputParameter(_Message):
    """Where a parameter's value is to be written."""

    output_file: str = Field(default="", alias="outputFile")


class Outputs(_Message):
    """Where the task is to put what it makes."""

    parameters: dict[str, OutputParameter] = {}
    artifacts: dict[str, ArtifactList] = {}
    output_file: str = Field(default="", alias="outputFile")


class ExecutorInput(_Message):
    """Everything that a task learns when it starts."""

    inputs: Inputs = Inputs()
    outputs: Outputs = Outputs()

    @classmethod
    def parse(cls, text: str) -> ExecutorInput:
        """Read the JSON that KFP puts in place of `{{$}}`.

        Raises:
            BadInput: It is not that JSON (caller: the container was not started by a KFP launcher).
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            hint = "Start a component through a pipeline, or see its README for a command that runs it by hand"
            raise BadInput(f"the argument is not a KFP executor input: {text[:80]!r}", hint) from None


def executor_output(artifacts: Mapping[str, Artifact], parameters: Mapping[str, Scalar]) -> str:
    """Write the JSON that the launcher merges into what it knows of the outputs."""
    document = {
        "artifacts": {
            name: {"artifacts": [{"name": name, "uri": artifact.uri, "metadata": artifact.for_kubeflow()}]}
            for name, artifact in artifacts.items()
        },
        "parameterValues": dict(parameters),
    }
    return json.dumps(document, sort_keys=True)
