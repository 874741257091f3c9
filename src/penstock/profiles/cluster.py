"""The profile of a cluster: which images, where artifacts and lineage are, which node pools there are.

It says nothing of what a pipeline computes. Secrets are references, never values.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
_Bytes = Annotated[str, Field(pattern=r"^[0-9]+[KMGTPE]i?$")]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Toleration(_Closed):
    """A taint that the pods of a node pool bear."""

    key: str
    operator: Literal["Exists", "Equal"] = "Exists"
    value: str = ""
    effect: Literal["NoSchedule", "NoExecute", "PreferNoSchedule", ""] = ""


class NodePool(_Closed):
    """Machines of one kind, as the cluster labels them.

    The labels differ from provider to provider (`cloud.google.com/gke-accelerator`, `k8s.amazonaws.com/accelerator`,
    `karpenter.k8s.aws/instance-gpu-name`, `nvidia.com/gpu.product`): they are written here, and nowhere else.
    """

    node_selector: dict[str, str] = {}
    """Labels that a node must have."""
    tolerations: tuple[Toleration, ...] = ()
    accelerator_type: str = ""
    """The accelerator's resource name: `nvidia.com/gpu`, `nvidia.com/mig-1g.10gb`. Empty for a pool without."""
    accelerator_count: int = Field(default=1, ge=1, le=16)
    """Accelerators for a task that does not say how many."""
    shared_memory: _Bytes | None = None
    """Size of /dev/shm of the pool's tasks (`8Gi`); the engine's 64 MB where nothing is said."""


class SecretVariable(_Closed):
    """An environment variable whose value is in a Secret of the tasks' namespace."""

    secret: _Name
    key: str
    """The key in the Secret."""
    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """The variable."""


class SecretFiles(_Closed):
    """A Secret whose keys are files in a folder: certificates, credentials."""

    secret: _Name
    path: str = Field(pattern=r"^/.+")
    """Where it is mounted, read-only."""


class KubeflowApi(_Closed):
    """The API server of Kubeflow Pipelines, and how to be let in."""

    host: str = ""
    """`https://kubeflow.example.com/pipeline`; empty for the Service `ml-pipeline` through the Kubernetes API."""
    auth: Literal["none", "in_cluster", "kubeconfig", "token", "cookies"] = "kubeconfig"
    """How a client proves who it is: a pod's own token, the Kubernetes API's credentials, a token, a browser's
    cookies."""
    token_file: str = ""
    """A file with a bearer token; read again at each call, for tokens that are renewed."""
    cookies_file: str = ""
    """A file with the text of a Cookie header."""
    ca_file: str = ""
    """Certificates that the server's is checked against; the system's when empty."""
    namespace: str = "kubeflow"
    """Where Kubeflow Pipelines itself is installed."""
    multi_user: bool = False
    """Whether runs belong to a profile's namespace."""


class ClusterProfile(_Closed):
    """One cluster, or one environment of it."""

    kind: Literal["cluster"] = "cluster"
    kubeflow: KubeflowApi = KubeflowApi()
    namespace: _Name = "kubeflow"
    """Where the tasks' pods run."""
    service_account: _Name = "pipeline-runner"
    """Whose rights the tasks have."""
    experiment: str = "Default"
    """Where runs are listed."""
    images: dict[str, str] = {}
    """Image by environment, by digest: `runtime: registry.example.com/penstock/runtime@sha256:...`."""
    image_pull_policy: Literal["", "IfNotPresent", "Always", "Never"] = ""
    image_pull_secrets: tuple[_Name, ...] = ()
    pipeline_root: str = ""
    """Where artifacts go: `s3://ml-artifacts/penstock`, `gs://...`; the cluster's own default when empty."""
    lineage: str = ""
    """The lineage store's URL without a password: `grpc://lineage.penstock.svc:8080`; empty records nothing."""
    variables: dict[str, str] = {}
    """Environment variables of every task: an S3 endpoint, a region."""
    secret_variables: tuple[SecretVariable, ...] = ()
    secret_files: tuple[SecretFiles, ...] = ()
    node_pools: dict[_Name, NodePool] = {}
    """Node pools by the name that `execution.<task>.node_pool` calls them."""
