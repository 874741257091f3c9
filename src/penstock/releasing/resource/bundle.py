"""A model as it is served: what is pushed, on what it runs, and where."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from penstock.artifacts.digest import digest_json
from penstock.releasing.base import Part

Name = Annotated[str, StringConstraints(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
Digest = Annotated[str, StringConstraints(max_length=71, pattern=r"^sha256:[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(max_length=253)]
Words = Annotated[dict[Text, Text], Field(max_length=32)]


class Bundle(Part):
    """A pushed model: what the pusher wrote, by the digest over all of it."""

    digest: Digest
    """Digest of the bundle: `sha256:` and 64 hexadecimal digits, as the pusher says it."""
    storage_uri: Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=r"^[a-z0-9+.-]+://.+$")]
    """Where the bundle is: `s3://`, `gs://`, `pvc://`, `oci://`."""


class Toleration(Part):
    """A taint of nodes that the model's pods put up with."""

    key: Text
    """The taint's key: `nvidia.com/gpu`."""
    operator: Literal["Exists", "Equal"] = "Exists"
    """Whether the value counts."""
    value: Text = ""
    """The taint's value, for `Equal`."""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""
    """Which effect; empty for all."""


class NodePool(Part):
    """Which nodes the model's pods go to. Labels differ by provider, so they are named here."""

    node_selector: Words = {}
    """Labels that a node must have: `cloud.google.com/gke-accelerator: nvidia-l4`."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16)] = ()
    """Taints that they put up with."""


class Resources(Part):
    """What each pod of the model takes."""

    requests: Words = {"cpu": "1", "memory": "2Gi"}
    """What is set aside for it."""
    limits: Words = {"memory": "2Gi"}
    """What it may not exceed; `nvidia.com/gpu: "1"` for an accelerator."""


class Serving(Part):
    """What the model runs on. A change of it is released as a new model is: it may harm as much."""

    runtime: Name
    """The ServingRuntime or ClusterServingRuntime of KServe."""
    model_format: Name = "tensorflow"
    """The format that the runtime is asked for."""
    protocol_version: Literal["v1", "v2", "grpc-v2"] = "v2"
    """The protocol that it speaks."""
    service_account: Annotated[str, StringConstraints(max_length=63)] = ""
    """Whose credentials fetch the bundle; empty for the namespace's default."""
    environment: Words = {}
    """Environment variables of the model's container. No secrets: anyone who reads the release reads them."""
    resources: Resources = Resources()
    """What each pod takes."""
    node_pool: NodePool = NodePool()
    """Which nodes it goes to."""


class Scaling(Part):
    """How many pods serve each model. A change of it is applied at once: it changes no answer."""

    CEL: ClassVar[tuple[tuple[str, str], ...]] = (
        ("self.minReplicas <= self.maxReplicas", "minReplicas must not be greater than maxReplicas."),
    )

    min_replicas: Annotated[int, Field(ge=1, le=1000)] = 1
    """Pods of each model at least, while it serves or is compared: never zero, for a cold start looks like harm."""
    max_replicas: Annotated[int, Field(ge=1, le=1000)] = 4
    """Pods of each model at most."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError(self.CEL[0][1])
        return self


class Version(Part):
    """A bundle on a runtime: the unit that is released, promoted, and rolled back to."""

    bundle: Bundle
    """The model."""
    serving: Serving
    """What it runs on."""

    @cached_property
    def id(self) -> str:
        """Sixteen hexadecimal digits that differ where any of it does: a label of its InferenceService."""
        return digest_json(self.model_dump(mode="json", by_alias=True)).removeprefix("sha256:")[:16]
