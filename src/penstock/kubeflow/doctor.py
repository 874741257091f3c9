"""What a cluster must have for pipelines to run on it, judged from what was seen there, with a remedy for each lack.

Pure: `doctor_observing` looks, this module judges. What could not be looked at, because the person may not, is said so
and counts for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from penstock.kubeflow.findings import Finding
from penstock.kubeflow.package import Toleration, Wish
from penstock.kubeflow.placing import Node, find_unplaceable
from penstock.profiles.cluster import ClusterProfile

LEAST_KUBERNETES = (1, 27)
"""The first that evicts unhealthy pods under a disruption budget, as the manifests ask."""
LEAST_KUBEFLOW = (2, 14)
"""The first that takes pipelines as Kubernetes resources."""
LEAST_RESTRICTED = (2, 16)
"""The first Kubeflow Pipelines whose own pods pass Pod Security `restricted`."""
LEAST_KSERVE = (0, 15)
MOST_SKEW_SECONDS = 60.0
"""Tokens are refused, and times in lineage mislead, when clocks differ by more."""

NON_ROOT = "DEFAULT_SECURITY_CONTEXT_RUN_AS_NON_ROOT"
KNATIVE_FLAGS = tuple(f"kubernetes.podspec-{name}" for name in ("nodeselector", "tolerations", "affinity"))
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
PIPELINES, VERSIONS = "pipelines.pipelines.kubeflow.org", "pipelineversions.pipelines.kubeflow.org"
SERVICES, INFERENCE = "services.serving.knative.dev", "inferenceservices.serving.kserve.io"
ROUTES = ("httproutes.gateway.networking.k8s.io", "virtualservices.networking.istio.io")
_NEVER_PROMOTED = "sha256:" + "0" * 64


@dataclass(frozen=True)
class Workload:
    """A Deployment, as far as its containers' first tells about it."""

    namespace: str
    image: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Permission:
    """Something that a person must be let do."""

    verb: str
    resource: str
    namespace: str = ""
    group: str = ""
    subresource: str = ""
    why: str = ""

    @property
    def shown(self) -> str:
        """As `kubectl auth can-i` takes it."""
        group = f".{self.group}" if self.group else ""
        subresource = f"/{self.subresource}" if self.subresource else ""
        where = f" -n {self.namespace}" if self.namespace else ""
        return f"{self.verb} {self.resource}{group}{subresource}{where}"


@dataclass(frozen=True)
class Observed:
    """What was seen of a cluster. None stands for what could not be looked at."""

    server: str
    version: str
    """As the API server says it: `v1.34.4`."""
    skew_seconds: float | None
    """By how much its clock is ahead of ours."""
    definitions: frozenset[str] | None
    """The names of its CustomResourceDefinitions."""
    kubeflow: Workload | None = None
    """The API server of Kubeflow Pipelines."""
    kubeflow_seen: bool = True
    """Whether its Deployment could be looked for."""
    kserve: Workload | None = None
    knative_flags: Mapping[str, str] | None = None
    """The ConfigMap `config-features` of knative-serving."""
    namespace_labels: Mapping[str, str] | None = None
    """Of the tasks' namespace; None where there is no such namespace, or it cannot be looked at."""
    accounts: frozenset[str] | None = None
    """Service accounts of the tasks' namespace."""
    secrets: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    """Keys by Secret that the profile names, in the tasks' namespace; None for one that is missing."""
    secrets_seen: bool = True
    """Whether Secrets could be looked at."""
    lineage_addresses: int | None = None
    """Ready addresses behind the lineage's Service; -1 where there is no such Service."""
    nodes: tuple[Node, ...] | None = None
    storage_classes: Mapping[str, bool] | None = None
    """Whether it is the default, by name."""
    denied: tuple[Permission, ...] = ()
    allowed: tuple[Permission, ...] = ()


def needed_permissions(profile: ClusterProfile) -> tuple[Permission, ...]:
    """What a person must be let do to submit, follow and mend runs of this profile."""
    ours, theirs = profile.namespace, profile.kubeflow.namespace
    found = [
        Permission("get", "pods", ours, why="to see why a task does not start"),
        Permission("get", "pods", ours, subresource="log", why="to show the log of a failed task"),
    ]
    if profile.kubeflow.auth == "kubeconfig":
        found += [
            Permission(verb, "services", theirs, subresource="proxy", why="to reach Kubeflow Pipelines")
            for verb in ("get", "create", "delete")
        ]
    if profile.kubeflow.multi_user:
        found += [
            Permission(verb, resource, ours, group="pipelines.kubeflow.org", why="Kubeflow Pipelines asks for it")
            for verb, resource in (("create", "runs"), ("get", "runs"), ("list", "runs"), ("create", "pipelines"))
        ]
    return tuple(found)


def judge(observed: Observed, profile: ClusterProfile) -> list[Finding]:
    """Judge a cluster, from what all need to what this profile needs.

    Args:
        observed: What was seen.
        profile: What is to run there.
    """
    return [
        _kubernetes(observed),
        _clock(observed),
        _kubeflow(observed, profile),
        _pipeline_store(observed),
        _namespace(observed, profile),
        _account(observed, profile),
        *_secrets(observed, profile),
        _images(profile),
        *_lineage(observed, profile),
        *_node_pools(observed, profile),
        _storage(observed),
        _kserve(observed),
        *_knative(observed, profile),
        _routes(observed),
        *_permissions(observed),
    ]


def _kubernetes(observed: Observed) -> Finding:
    found = _version(observed.version)
    text = f"{observed.version} at {observed.server}"
    least = ".".join(map(str, LEAST_KUBERNETES))
    return Finding("kubernetes", found >= LEAST_KUBERNETES, text, f"Upgrade the cluster: at least {least} is wanted")


def _clock(observed: Observed) -> Finding:
    if observed.skew_seconds is None:
        return Finding("clock", None, "the API server did not say what time it is")
    skew = observed.skew_seconds
    text = f"{abs(skew):.0f} s {'ahead of' if skew >= 0 else 'behind'} this machine"
    remedy = "Let the machine whose clock is wrong follow a time server (chrony, systemd-timesyncd)"
    return Finding("clock", abs(skew) <= MOST_SKEW_SECONDS, text, remedy)


def _kubeflow(observed: Observed, profile: ClusterProfile) -> Finding:
    what, where = "kubeflow pipelines", f"deployment ml-pipeline in the namespace {profile.kubeflow.namespace}"
    least = ".".join(map(str, LEAST_KUBEFLOW))
    if not observed.kubeflow_seen:
        return Finding(what, None, f"you may not look at the {where}")
    if observed.kubeflow is None:
        remedy = f"Install Kubeflow Pipelines {least} or later, or name its namespace in the profile"
        return Finding(what, False, f"there is no {where}", f"{remedy}: kubeflow.namespace")
    return _at_least(what, observed.kubeflow, LEAST_KUBEFLOW, f"Upgrade Kubeflow Pipelines to {least} or later")


def _pipeline_store(observed: Observed) -> Finding:
    what = "pipelines by GitOps"
    if observed.definitions is None:
        return Finding(what, None, "you may not list CustomResourceDefinitions")
    if not {PIPELINES, VERSIONS} <= observed.definitions:
        return Finding(what, True, "not installed: pipelines are uploaded by penstock submit and penstock schedules")
    if observed.kubeflow is None:
        return Finding(what, None, "the resources are there; whether Kubeflow Pipelines reads them cannot be seen")
    if any(argument.replace("=true", "") == "--pipelinesStoreKubernetes" for argument in observed.kubeflow.arguments):
        return Finding(what, True, "Kubeflow Pipelines keeps pipelines as Kubernetes resources")
    remedy = "Start ml-pipeline with --pipelinesStoreKubernetes=true, or remove manifests/<environment>/versions"
    return Finding(what, False, "the resources can be applied, but Kubeflow Pipelines does not read them", remedy)


def _namespace(observed: Observed, profile: ClusterProfile) -> Finding:
    what = f"namespace {profile.namespace}"
    if observed.namespace_labels is None:
        remedy = "Apply manifests/<environment>/platform, or name another namespace in the profile"
        return Finding(what, False, "it is missing, or you may not look at it", remedy)
    level = observed.namespace_labels.get("pod-security.kubernetes.io/enforce", "privileged")
    if level != "restricted":
        return Finding(what, True, f"Pod Security is {level}")
    if observed.kubeflow is None:
        return Finding(what, None, "Pod Security is restricted; whether Kubeflow's pods meet it cannot be seen")
    old = _version(_tag(observed.kubeflow.image)) < LEAST_RESTRICTED
    if old or observed.kubeflow.environment.get(NON_ROOT, "").lower() != "true":
        remedy = f"Kubeflow Pipelines 2.16 or later, with {NON_ROOT}=true in the environment of ml-pipeline"
        return Finding(what, False, "Pod Security is restricted, which refuses the pods of Kubeflow's runs", remedy)
    return Finding(what, True, f"Pod Security is restricted, and {NON_ROOT} is set")


def _account(observed: Observed, profile: ClusterProfile) -> Finding:
    what = f"service account {profile.service_account}"
    if observed.accounts is None:
        return Finding(what, None, f"you may not list service accounts in {profile.namespace}")
    there = profile.service_account in observed.accounts
    remedy = "Apply manifests/<environment>/platform, or name another service_account in the profile"
    return Finding(what, there, "there" if there else f"it is missing in {profile.namespace}", remedy)


def _secrets(observed: Observed, profile: ClusterProfile) -> Iterator[Finding]:
    wanted: dict[str, set[str]] = {}
    for variable in profile.secret_variables:
        wanted.setdefault(variable.secret, set()).add(variable.key)
    for files in profile.secret_files:
        wanted.setdefault(files.secret, set())
    for name in sorted({*wanted, *profile.image_pull_secrets}):
        what, keys = f"secret {name}", wanted.get(name, set())
        create = f"kubectl create secret generic {name} -n {profile.namespace}"
        found = observed.secrets.get(name)
        if not observed.secrets_seen:
            yield Finding(what, None, f"you may not look at Secrets in {profile.namespace}")
        elif found is None:
            remedy = create + "".join(f" --from-file={key}=FILE" for key in sorted(keys))
            yield Finding(what, False, f"it is missing in {profile.namespace}", remedy)
        elif missing := sorted(keys - found):
            yield Finding(what, False, f"it has no {', '.join(missing)}", "Add what is missing to the Secret")
        else:
            yield Finding(what, True, "there")


def _images(profile: ClusterProfile) -> Finding:
    if not profile.images:
        remedy = "images: in the profile, by digest: ci/build-images says them"
        return Finding("images", False, "the profile names none", remedy)
    never = sorted(name for name, image in profile.images.items() if image.endswith(_NEVER_PROMOTED))
    if never:
        text = f"nothing has been promoted here yet: {', '.join(never)}"
        return Finding("images", False, text, "ci/promote ENVIRONMENT writes the digests of what was built")
    return Finding("images", True, ", ".join(sorted(profile.images)))


def _lineage(observed: Observed, profile: ClusterProfile) -> Iterator[Finding]:
    what = "lineage"
    if not profile.lineage:
        yield Finding(what, True, "the profile names none: nothing is recorded, nothing taken from earlier runs")
    elif (name := lineage_service(profile)) is None:
        yield Finding(what, None, f"{profile.lineage} is not a Service of this cluster")
    elif observed.lineage_addresses is None:
        yield Finding(what, None, f"you may not look at the namespace {name[1]}")
    elif observed.lineage_addresses < 0:
        remedy = "Apply manifests/<environment>/platform, or correct lineage: in the profile"
        yield Finding(what, False, f"there is no Service {name[0]} in the namespace {name[1]}", remedy)
    elif observed.lineage_addresses == 0:
        remedy = f"kubectl -n {name[1]} get pods,events: most often the Secret lineage is missing (kustomize/README.md)"
        yield Finding(what, False, f"no pod answers behind the Service {name[0]}", remedy)
    else:
        yield Finding(what, True, f"{profile.lineage}: {observed.lineage_addresses} ready")


def lineage_service(profile: ClusterProfile) -> tuple[str, str] | None:
    """Name and namespace of the Service that the lineage's URL names; None where it names none of the cluster.

    Example:
        >>> lineage_service(ClusterProfile(lineage="grpc://lineage.penstock.svc:8080"))
        ('lineage', 'penstock')
    """
    host = re.match(r"^\w+://(?:[^@/]*@)?([^:/?]+)", profile.lineage)
    parts = host.group(1).split(".") if host else []
    service_parts = 3  # name.namespace.svc
    return (parts[0], parts[1]) if len(parts) >= service_parts and parts[2] == "svc" else None


def _node_pools(observed: Observed, profile: ClusterProfile) -> Iterator[Finding]:
    for name, pool in sorted(profile.node_pools.items()):
        what = f"node pool {name}"
        if observed.nodes is None:
            yield Finding(what, None, "you may not list nodes")
            continue
        tolerations = tuple(Toleration(t.key, t.operator, t.value, t.effect) for t in pool.tolerations)
        wish = Wish("its task", pool.node_selector, tolerations, pool.accelerator_type, pool.accelerator_count)
        problems = find_unplaceable([wish], observed.nodes)
        remedy = (
            "Correct node_pools in the profile, add such nodes, or start their device plugin; a pool that is scaled"
        )
        fitting = [n for n in observed.nodes if set(pool.node_selector.items()) <= set(n.labels.items())]
        text = problems[0] if problems else f"{len(fitting)} nodes"
        yield Finding(what, not problems, text, f"{remedy} to zero has no nodes until a task asks for one")


def _storage(observed: Observed) -> Finding:
    if observed.storage_classes is None:
        return Finding("storage", None, "you may not list StorageClasses")
    default = sorted(name for name, is_default in observed.storage_classes.items() if is_default)
    if default:
        return Finding("storage", True, f"volumes are of the StorageClass {default[-1]}")
    there = ", ".join(sorted(observed.storage_classes)) or "none"
    remedy = f"Annotate one as the default: {DEFAULT_CLASS}=true"
    return Finding("storage", False, f"no StorageClass is the default (there are: {there})", remedy)


def _kserve(observed: Observed) -> Finding:
    if observed.definitions is None:
        return Finding("kserve", None, "you may not list CustomResourceDefinitions")
    least = ".".join(map(str, LEAST_KSERVE))
    if INFERENCE not in observed.definitions:
        return Finding("kserve", False, "it is not installed", f"Install KServe {least} or later, to serve models")
    if observed.kserve is None:
        return Finding("kserve", None, "installed; its version cannot be seen")
    return _at_least("kserve", observed.kserve, LEAST_KSERVE, f"Upgrade KServe to {least} or later")


def _knative(observed: Observed, profile: ClusterProfile) -> Iterator[Finding]:
    if observed.definitions is None or SERVICES not in observed.definitions:
        return
    if observed.knative_flags is None:
        yield Finding("knative", None, "you may not look at the ConfigMap config-features in knative-serving")
        return
    off = [name for name in KNATIVE_FLAGS if observed.knative_flags.get(name, "disabled").lower() == "disabled"]
    if not off:
        yield Finding("knative", True, "served models may be placed on node pools")
    elif not profile.node_pools:
        yield Finding("knative", True, f"disabled, and not needed without node pools: {', '.join(off)}")
    else:
        data = ", ".join(f'"{name}": "enabled"' for name in off)
        remedy = f"kubectl -n knative-serving patch configmap config-features --patch '{{\"data\": {{{data}}}}}'"
        yield Finding("knative", False, f"served models cannot be placed on node pools: {', '.join(off)}", remedy)


def _routes(observed: Observed) -> Finding:
    what = "traffic"
    if observed.definitions is None:
        return Finding(what, None, "you may not list CustomResourceDefinitions")
    there = [name.partition(".")[0] for name in ROUTES if name in observed.definitions]
    remedy = "Install the Gateway API with an implementation of it, or Istio: releases split traffic by one of them"
    return Finding(what, bool(there), f"by {', '.join(there)}" if there else "nothing there splits traffic", remedy)


def _permissions(observed: Observed) -> Iterator[Finding]:
    for denied in observed.denied:
        remedy = f"Ask the cluster's administrator for it ({denied.why}); kubectl auth can-i {denied.shown}"
        yield Finding("permission", False, f"you may not {denied.shown}", remedy)
    if not observed.denied:
        yield Finding("permissions", True, f"all {len(observed.allowed)} that are needed")


def _at_least(what: str, workload: Workload, least: tuple[int, int], remedy: str) -> Finding:
    tag = _tag(workload.image)
    found = _version(tag)
    if not found:
        return Finding(what, None, f"its version cannot be told from its image {workload.image}")
    return Finding(what, found >= least, f"{tag} in the namespace {workload.namespace}", remedy)


def _tag(image: str) -> str:
    """The tag of an image; empty where it goes by its digest alone."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def _version(text: str) -> tuple[int, ...]:
    """Major and minor version; empty where there is none.

    Example:
        >>> _version("v1.34.4-gke.1"), _version("2.16.0"), _version("main")
        ((1, 34), (2, 16), ())
    """
    found = re.match(r"^v?(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else ()
