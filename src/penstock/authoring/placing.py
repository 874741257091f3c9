"""What surrounds a task where it runs: image, machines, volumes, variables, caching. Decided here, set elsewhere.

On a laptop that is little; on a cluster its profile and the task's `execution` in `pipeline.yaml` decide together.
Nothing here changes what a task computes, and nothing here knows KFP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from penstock import __version__
from penstock.authoring.config import Config, Execution
from penstock.authoring.naming import nearest
from penstock.profiles.cluster import ClusterProfile, NodePool, SecretFiles, SecretVariable, Toleration
from penstock.provenance import variables
from penstock.sdk import ComponentSpec

LAUNCHER = "penstock.launching"
"""The module that a container on a cluster hands its work to, where there is a lineage."""

RUN_ID_LABEL = "metadata.labels['pipeline/runid']"
"""Where a pod finds its run's id: KFP's API server labels every pod of a run, and kfp's own placeholder for the id
resolves in parameters only, which would change what a task is given."""

_TAKEN_VOLUMES = frozenset(
    f"{folder}-scratch" for folder in ("gcs", "s3", "minio", "dot-local", "dot-cache", "dot-config")
) | {"kfp-launcher", "ca-bundle", "kfp-workspace", "shm"}
"""Volumes that KFP and we give a pod; those of claims and Secrets bear their names, and must be others."""


_OURS = frozenset(
    {
        variables.LAUNCHER, variables.LINEAGE, variables.PIPELINE, variables.PIPELINE_DIGEST, variables.TASK,
        variables.IMAGE, variables.CACHE, variables.RUN_ID,
    }
)  # fmt: skip
"""What the compiler tells the launcher; a profile may set how patient it is, and its password."""


@dataclass(frozen=True)
class Placement:
    """Everything that surrounds one task."""

    image: str
    execution: Execution = field(default_factory=Execution)
    caching: bool = True
    """Whether KFP itself may take the result from an earlier execution."""
    variables: Mapping[str, str] = field(default_factory=dict)
    field_paths: Mapping[str, str] = field(default_factory=dict)
    """Variables whose value is a field of the pod."""
    secret_variables: tuple[SecretVariable, ...] = ()
    secret_files: tuple[SecretFiles, ...] = ()
    claims: Mapping[str, str] = field(default_factory=dict)
    """Where each PersistentVolumeClaim is mounted, by its name."""
    accelerator: tuple[str, int] | None = None
    """The accelerator's resource name, and how many."""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    shared_memory: str = ""
    """Size of /dev/shm; empty for the engine's own."""
    timeout_seconds: int = 0
    """Of one attempt; 0 for none."""
    pull_policy: str = ""
    pull_secrets: tuple[str, ...] = ()


Place = Callable[[str, ComponentSpec], Placement]
"""Says what surrounds a task, by its name and the component that it runs."""


def on_laptop(config: Config, images: Mapping[str, str]) -> Place:
    """Place tasks where no profile speaks: the runner there has its own of everything.

    Args:
        config: The pipeline's values.
        images: Image by environment; `penstock/<environment>:<version>` for those not given.
    """

    def place(task: str, spec: ComponentSpec) -> Placement:
        execution = config.file.execution.get(task, Execution())
        type_ = execution.accelerator_type
        return Placement(
            image=images.get(spec.image, f"penstock/{spec.image}:{__version__}"),
            execution=execution,
            caching=execution.caching,
            accelerator=(type_, execution.accelerator_count or 1) if type_ else None,
        )

    return place


def on_cluster(config: Config, profile: ClusterProfile, pipeline_digest: str) -> Place:
    """Place tasks on a cluster.

    Args:
        config: The pipeline's values.
        profile: The cluster.
        pipeline_digest: The content digest of the pipeline as it is compiled for a laptop: it is the same everywhere.

    Raises:
        BadInput: The profile sets a variable that is set here, or a Secret of it bears the name of a volume that every
            task has (the profile's author). Placing a task raises it where the task asks for what the profile does not
            have (the pipeline's author).
    """
    for name in profile.variables:
        if name in _OURS:
            raise profile.wrong(("variables", name), "is set by the compiler", "Leave it out")
    for index, variable in enumerate(profile.secret_variables):
        if variable.name in _OURS:
            wrong = f"{variable.name} is set by the compiler"
            raise profile.wrong(("secret_variables", index, "name"), wrong, "Leave it out")
    for index, files in enumerate(profile.secret_files):
        if files.secret in _TAKEN_VOLUMES:
            wrong = f"{files.secret!r} is the name of a volume that every task has"
            raise profile.wrong(("secret_files", index, "secret"), wrong, "Give the Secret another name")

    def place(task: str, spec: ComponentSpec) -> Placement:
        execution = config.file.execution.get(task, Execution())
        named, pool = _pool(config, profile, task)
        image = _image(profile, pool, task, spec)
        _check_volumes(config, profile, task)
        return Placement(
            image=image,
            execution=execution,
            caching=_kfp_may_cache(profile, execution, spec),
            variables={**profile.variables, **_facts(config, profile, pipeline_digest, task, image)},
            field_paths={variables.RUN_ID: RUN_ID_LABEL} if profile.lineage else {},
            secret_variables=profile.secret_variables,
            secret_files=profile.secret_files,
            claims={volume.claim: volume.path for volume in execution.volumes},
            accelerator=_accelerator(config, task, named, pool),
            node_selector=pool.node_selector,
            tolerations=pool.tolerations,
            shared_memory=execution.shared_memory or pool.shared_memory or "",
            timeout_seconds=execution.timeout_seconds or 0,
            pull_policy=profile.image_pull_policy,
            pull_secrets=profile.image_pull_secrets,
        )

    return place


def _pool(config: Config, profile: ClusterProfile, task: str) -> tuple[str, NodePool]:
    """The node pool of a task; of none in particular, one without a name that asks for nothing."""
    name = config.file.execution.get(task, Execution()).node_pool or profile.default_node_pool
    if not name:
        return "", NodePool()
    if name not in profile.node_pools:
        where = f"{profile.called} has no node pool {name!r}; {nearest(name, profile.node_pools)}"
        raise config.wrong(("execution", task, "node_pool"), where)
    return name, profile.node_pools[name]


def _image(profile: ClusterProfile, pool: NodePool, task: str, spec: ComponentSpec) -> str:
    image = pool.images.get(spec.image) or profile.images.get(spec.image)
    if not image:
        remedy = f"Name it by digest: `{spec.image}: registry.example.com/penstock/{spec.image}@sha256:...`"
        raise profile.wrong(("images", spec.image), f"is missing, and task {task!r} runs in it", remedy)
    return image


def _accelerator(config: Config, task: str, named: str, pool: NodePool) -> tuple[str, int] | None:
    """Type and number of a task's accelerators, from the pool and the task together."""
    execution = config.file.execution.get(task, Execution())
    if named and not pool.accelerator_type:
        for key in ("accelerator_type", "accelerator_count"):
            if getattr(execution, key):
                wrong = f"the node pool {named!r} has no accelerators"
                raise config.wrong(("execution", task, key), wrong, "Name a pool that has some, or leave this out")
    type_ = execution.accelerator_type or pool.accelerator_type
    if pool.accelerator_type and type_ != pool.accelerator_type:
        wrong = f"the node pool has {pool.accelerator_type!r}, not {type_!r}"
        raise config.wrong(("execution", task, "accelerator_type"), wrong, "Leave this out: the node pool says it")
    if not type_:
        if execution.accelerator_count:
            remedy = "Name a node pool that has some, or the accelerator_type"
            raise config.wrong(("execution", task, "accelerator_count"), "of no accelerator", remedy)
        return None
    return type_, execution.accelerator_count or pool.accelerator_count


def _kfp_may_cache(profile: ClusterProfile, execution: Execution, spec: ComponentSpec) -> bool:
    """Whether KFP's own cache may be asked, which knows a task's values and the addresses of its inputs, no more.

    With a lineage the launcher has a better one: by content, and only if the outputs are still there. Without, a
    component that looks at the world or into the lineage would be given yesterday's answer.
    """
    sees_more = spec.observes or any(port.lookup for port in spec.inputs.values())
    return execution.caching and not profile.lineage and not sees_more


def _facts(config: Config, profile: ClusterProfile, digest: str, task: str, image: str) -> dict[str, str]:
    """What the launcher in the container must be told."""
    if not profile.lineage:
        return {}
    facts = {
        variables.LAUNCHER: LAUNCHER,
        variables.LINEAGE: profile.lineage,
        variables.PIPELINE: config.file.name,
        variables.PIPELINE_DIGEST: digest,
        variables.TASK: task,
        variables.IMAGE: image,
    }
    if not config.file.execution.get(task, Execution()).caching:
        facts[variables.CACHE] = "off"
    return facts


def _check_volumes(config: Config, profile: ClusterProfile, task: str) -> None:
    """Refuse what Kubernetes would refuse when the pod starts: two volumes of one name, two mounts of one place."""
    names = {files.secret: "a Secret of the profile" for files in profile.secret_files}
    paths = {files.path: f"the Secret {files.secret!r}" for files in profile.secret_files}
    for index, volume in enumerate(config.file.execution.get(task, Execution()).volumes):
        location = ("execution", task, "volumes", index)
        if volume.claim in names or volume.claim in _TAKEN_VOLUMES:
            other = names.get(volume.claim, "a volume that every task has")
            raise config.wrong((*location, "claim"), f"{volume.claim!r} is the name of {other} as well")
        if volume.path in paths:
            raise config.wrong((*location, "path"), f"{paths[volume.path]} is mounted at {volume.path} as well")
        names[volume.claim], paths[volume.path] = "another volume of the task", f"the claim {volume.claim!r}"
