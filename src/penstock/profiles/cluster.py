"""The profile of a cluster: which images, where artifacts and lineage are, which node pools there are.

It says nothing of what a pipeline computes. Secrets are references, never values.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from penstock.sdk import BadInput
from penstock.strict_yaml import Document, Location

_DNS = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_Name = Annotated[str, Field(pattern=rf"^{_DNS}(\.{_DNS})*$", max_length=253)]
_VolumeName = Annotated[str, Field(pattern=rf"^{_DNS}$", max_length=63)]
_Bytes = Annotated[str, Field(pattern=r"^[0-9]+[KMGTPE]i?$")]
_Label = Annotated[str, Field(pattern=rf"^({_DNS}(\.{_DNS})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?$")]
_LabelValue = Annotated[str, Field(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$")]
_Resource = rf"{_DNS}(\.{_DNS})*/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
_Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
_Folder = Annotated[str, Field(pattern=r"^/[^:]*[^:/]$")]

Environment = Literal["runtime", "serving", "control"]
"""What an image holds: `ci/images/<environment>`."""


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Toleration(_Closed):
    """A taint that the pods of a node pool bear."""

    key: _Label
    """The taint's key (`nvidia.com/gpu`)."""
    operator: Literal["Exists", "Equal"] = "Exists"
    """Whether its value counts."""
    value: _LabelValue = ""
    """The taint's value, for `Equal`."""
    effect: Literal["NoSchedule", "NoExecute", "PreferNoSchedule", ""] = ""
    """Empty for every effect."""

    @model_validator(mode="after")
    def _a_value_only_to_compare(self) -> Self:
        if self.value and self.operator == "Exists":
            raise ValueError("`Exists` compares no value; say `operator: Equal`, or leave the value out")
        return self


class NodePool(_Closed):
    """Machines of one kind, as the cluster labels them.

    The labels differ from provider to provider (`cloud.google.com/gke-accelerator`, `k8s.amazonaws.com/accelerator`,
    `karpenter.k8s.aws/instance-gpu-name`, `nvidia.com/gpu.product`): they are written here, and nowhere else.
    """

    node_selector: dict[_Label, _LabelValue] = {}
    """Labels that a node must have."""
    tolerations: tuple[Toleration, ...] = ()
    """Taints of the pool that its tasks bear."""
    accelerator_type: str = Field(
        default="", pattern=rf"^({_DNS}(\.{_DNS})*/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
    )
    """The accelerator's resource name: `nvidia.com/gpu`, `nvidia.com/mig-1g.10gb`. Empty for a pool without."""
    accelerator_count: Literal[1, 2, 4, 8, 16] = 1
    """Accelerators for a task that does not say how many."""
    shared_memory: _Bytes | None = None
    """Size of /dev/shm of the pool's tasks (`8Gi`), which counts as their memory; the engine's 64 MB where nothing is
    said."""
    images: dict[Environment, str] = {}
    """Images of the pool's tasks where they differ from the profile's: `runtime` with CUDA."""


class SecretVariable(_Closed):
    """An environment variable whose value is in a Secret of the tasks' namespace."""

    secret: _Name
    """The Secret's name."""
    key: str = Field(pattern=r"^[-._a-zA-Z0-9]+$")
    """The key in the Secret."""
    name: _Variable
    """The variable."""


class SecretFiles(_Closed):
    """A Secret whose keys are files in a folder: certificates, credentials."""

    secret: _VolumeName
    """The Secret's name; without dots, because KFP calls the pod's volume by it."""
    path: _Folder
    """Where it is mounted, read-only."""


class KubeflowApi(_Closed):
    """The API server of Kubeflow Pipelines, and how to be let in."""

    host: str = Field(default="", pattern=r"^(https?://[^\s]+)?$")
    """`https://kubeflow.example.com/pipeline`; empty for the Service `ml-pipeline`: through the Kubernetes API with
    `kubeconfig`, directly otherwise."""
    auth: Literal["none", "in_cluster", "kubeconfig", "token", "cookies"] = "kubeconfig"
    """How a client proves who it is: a pod's own token, the Kubernetes API's credentials, a token, a browser's
    cookies."""
    context: str = ""
    """The context of the kubeconfig; the current one when empty."""
    token_file: str = ""
    """A file with a bearer token; read again at each call, for tokens that are renewed."""
    cookies_file: str = ""
    """A file with the text of a Cookie header; read again at each call."""
    ca_file: str = ""
    """Certificates that the server's is checked against; the system's when empty."""
    namespace: str = "kubeflow"
    """Where Kubeflow Pipelines itself is installed."""
    multi_user: bool = False
    """Whether runs belong to a profile's namespace."""
    cron_time_zone: str = "UTC"
    """The one time zone in which the cluster reads cron lines: CRON_SCHEDULE_TIMEZONE of Kubeflow Pipelines' own
    deployments `ml-pipeline` and `ml-pipeline-scheduledworkflow`."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.auth == "token" and not self.token_file:
            raise ValueError("auth: token needs token_file, the file that the token is in")
        if self.auth == "cookies" and not self.cookies_file:
            raise ValueError("auth: cookies needs cookies_file, the file with the text of a Cookie header")
        if self.auth in ("token", "cookies") and not self.host:
            raise ValueError(f"auth: {self.auth} needs host, the URL that it is for")
        if self.auth == "kubeconfig" and self.host:
            raise ValueError("host: with auth: kubeconfig the way leads through the Kubernetes API; leave host out")
        return self


class ClusterProfile(_Closed):
    """One cluster, or one environment of it."""

    kind: Literal["cluster"] = "cluster"
    """What tells this profile from those of a laptop."""
    kubeflow: KubeflowApi = KubeflowApi()
    namespace: _Name = "kubeflow"
    """Where the tasks' pods run."""
    service_account: _Name = "pipeline-runner"
    """Whose rights the tasks have."""
    experiment: str = "Default"
    """Where runs are listed."""
    image_pull_policy: Literal["", "IfNotPresent", "Always", "Never"] = ""
    """`Never` for images that were loaded onto the nodes (kind): only then may an image be named by a tag."""
    image_pull_secrets: tuple[_Name, ...] = ()
    """Secrets with which the nodes are let into the registry."""
    images: dict[Environment, str] = {}
    """Image by environment, by digest: `runtime: registry.example.com/penstock/runtime@sha256:...`."""
    pipeline_root: str = Field(default="", pattern=r"^((s3|gs|minio)://\S+)?$")
    """Where artifacts go: `s3://ml-artifacts/penstock`, `gs://...`; the cluster's own default when empty."""
    lineage: str = Field(default="", pattern=r"^\S*$")
    """The lineage store's URL without a password: `grpc://lineage.penstock.svc:8080`; empty records nothing."""
    variables: dict[_Variable, str] = {}
    """Environment variables of every task: an S3 endpoint, a region."""
    secret_variables: tuple[SecretVariable, ...] = ()
    """Environment variables of every task with values from Secrets: keys of the object store, PENSTOCK_LINEAGE_PASSWORD
    of the lineage."""
    secret_files: tuple[SecretFiles, ...] = ()
    """Folders of every task with files from Secrets: certificates."""
    node_pools: dict[_Name, NodePool] = {}
    """Node pools by the name that `execution.<task>.node_pool` calls them."""
    default_node_pool: str = ""
    """The node pool of tasks that name none; anywhere in the cluster when empty."""

    _document: Document | None = PrivateAttr(default=None)

    @field_validator("images")
    @classmethod
    def _images_by_digest(cls, images: dict[Environment, str], info: ValidationInfo) -> dict[Environment, str]:
        return _by_digest(images, info)

    @field_validator("node_pools")
    @classmethod
    def _images_of_pools_by_digest(cls, pools: dict[str, NodePool], info: ValidationInfo) -> dict[str, NodePool]:
        for pool in pools.values():
            _by_digest(pool.images, info)
        return pools

    @field_validator("secret_variables")
    @classmethod
    def _each_variable_once(cls, given: tuple[SecretVariable, ...], info: ValidationInfo) -> tuple[SecretVariable, ...]:
        _once([*info.data.get("variables", {}), *(variable.name for variable in given)], "variable")
        return given

    @field_validator("secret_files")
    @classmethod
    def _each_secret_once(cls, given: tuple[SecretFiles, ...]) -> tuple[SecretFiles, ...]:
        _once([files.secret for files in given], "Secret")
        _once([files.path for files in given], "folder")
        return given

    @field_validator("default_node_pool")
    @classmethod
    def _a_node_pool_that_there_is(cls, name: str, info: ValidationInfo) -> str:
        pools = info.data.get("node_pools", {})
        if name and name not in pools:
            raise ValueError(f"there is no such node pool; known: {', '.join(sorted(pools)) or 'none'}")
        return name

    def stands_in(self, document: Document) -> None:
        """Remember the file that it was read from, for messages.

        Raises:
            BadInput: The lineage's URL holds a password, which is not shown again (the file's author).
        """
        self._document = document
        user, at, _ = self.lineage.partition("://")[2].partition("@")
        if at and ":" in user:
            remedy = "Keep it in a Secret, and name that in secret_variables as PENSTOCK_LINEAGE_PASSWORD"
            raise self.wrong(("lineage",), "holds a password", remedy)

    def wrong(self, location: Location, message: str, remedy: str = "") -> BadInput:
        """An error that names the file, the line and the key."""
        prefix = self._document.prefix(location) if self._document else "the cluster's profile: "
        return BadInput(f"{prefix}{'.'.join(map(str, location))}: {message}", remedy)

    @property
    def called(self) -> str:
        """What a message calls it: its file."""
        return str(self._document.path) if self._document else "the cluster's profile"


def _by_digest(images: dict[Environment, str], info: ValidationInfo) -> dict[Environment, str]:
    for environment, image in images.items():
        named, _, digest = image.partition("@sha256:")
        whole = len(digest) == 64 and set(digest) <= set("0123456789abcdef")
        if not named or any(c.isspace() for c in image):
            raise ValueError(f"{environment}: {image!r} is not an image")
        if not whole and info.data.get("image_pull_policy") != "Never":
            raise ValueError(f"{environment}: {image!r} is not named by digest (`...@sha256:` and 64 hex digits)")
    return images


def _once(names: list[str], what: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the {what} {twice[0]!r} is there twice")
