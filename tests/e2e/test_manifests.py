"""Every environment's manifests on a real kube-apiserver: applied, asked as the service accounts, admitted."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import yaml

from ci import rendering
from tests.manifests import ENVIRONMENTS, MANIFESTS, WORKLOADS, label, objects, pod
from tests.servers.kubernetes import Cluster, crds

pytestmark = pytest.mark.cluster

CRDS = ("prometheus-operator/v0.93.0", "kubeflow-pipelines/2.17.0", "istio/1.27.1")
PARTS = ("platform", "pipelines", "versions")
BASELINE = {"pod-security.kubernetes.io/enforce": "baseline", "pod-security.kubernetes.io/warn": "restricted"}


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[str]:
    """An environment that has been applied, as its README says; the CRDs and Kubeflow's namespace were there before."""
    name = str(request.param)
    cluster.install(*crds(*CRDS))
    kubeflow = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kubeflow", "labels": BASELINE}}
    cluster.apply(kubeflow)
    for part in PARTS:
        folder = str(MANIFESTS / name / part)
        cluster.kubectl("apply", "--server-side", "--validate=strict", "--recursive", "-f", folder)
    yield name
    kept = [thing for thing in objects(name) if thing["kind"] != "Namespace"]
    cluster.kubectl("delete", "--wait=false", "-f", "-", text=yaml.safe_dump_all(kept))


def test_what_is_committed_is_what_kustomize_renders(cluster: Cluster) -> None:
    for name in ENVIRONMENTS:
        rendered = rendering.render(name, cluster.programs / "kubectl")
        for path, text in rendered.items():
            assert path.read_text(encoding="utf-8") == text, f"{path} is not what ci/generate makes"
        assert rendering.leftovers(name, rendered) == []


def test_applied_again_nothing_changes(cluster: Cluster, environment: str) -> None:
    folder = str(MANIFESTS / environment)
    again = cluster.try_kubectl("diff", "--server-side", "--recursive", "-f", folder)
    assert again.returncode == 0, again.stdout + again.stderr
    dry = cluster.kubectl(
        "apply", "--server-side", "--dry-run=server", "--validate=strict", "--recursive", "-f", folder
    )
    assert len(dry.splitlines()) == len(objects(environment))


def test_the_api_warns_of_nothing(cluster: Cluster, environment: str) -> None:
    arguments = ("apply", "--server-side", "--dry-run=server", "--recursive", "-f", str(MANIFESTS / environment))
    assert cluster.try_kubectl(*arguments).stderr == ""


def test_pod_security_admits_every_workloads_pods(cluster: Cluster, environment: str) -> None:
    workloads = objects(environment, *WORKLOADS)
    assert workloads
    for workload in workloads:
        made = cluster.try_kubectl(
            "create", "--dry-run=server", "--validate=strict", "-f", "-", text=yaml.safe_dump(pod(workload))
        )
        assert made.returncode == 0, f"{label(workload)}: {made.stderr}"
        assert made.stderr == "", f"{label(workload)}: {made.stderr}"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"privileged": True, "allowPrivilegeEscalation": True}, "privileged"),
        ({"allowPrivilegeEscalation": True}, "allowPrivilegeEscalation != false"),
        ({"runAsUser": 0}, "runAsUser=0"),
        ({"capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]}}, "unrestricted capabilities"),
    ],
    ids=["privileged", "escalation", "root", "capability"],
)
def test_pod_security_refuses_the_same_pods_with_more_rights(
    cluster: Cluster, environment: str, change: dict[str, object], complaint: str
) -> None:
    for workload in objects(environment, *WORKLOADS):
        wanting = copy.deepcopy(pod(workload))
        wanting["spec"]["containers"][0]["securityContext"] |= change
        made = cluster.try_kubectl("create", "--dry-run=server", "-f", "-", text=yaml.safe_dump(wanting))
        assert made.returncode != 0
        assert 'violates PodSecurity "restricted:latest"' in made.stderr
        assert complaint in made.stderr


RUNNER_MAY = [
    ("create", "workflowtaskresults.argoproj.io"),
    ("patch", "workflowtaskresults.argoproj.io"),
    ("get", "workflows.argoproj.io"),
    ("get", "pods"),
    ("get", "configmaps/kfp-launcher"),
    ("get", "secrets/mlpipeline-minio-artifact"),
    ("get", "persistentvolumeclaims"),
    ("create", "persistentvolumeclaims"),
    ("delete", "persistentvolumeclaims"),
]
RUNNER_MAY_NOT = [
    ("list", "secrets"),
    ("get", "secrets/anything-else"),
    ("get", "configmaps/anything-else"),
    ("create", "pods"),
    ("delete", "pods"),
    ("create", "pods/exec"),
    ("update", "workflows.argoproj.io"),
    ("create", "deployments.apps"),
    ("create", "jobs.batch"),
    ("create", "rolebindings.rbac.authorization.k8s.io"),
    ("impersonate", "serviceaccounts"),
    ("create", "serviceaccounts/token"),
    ("list", "nodes"),
]
SCHEDULES_MAY = [
    *((verb, "jobs.pipelines.kubeflow.org") for verb in ("get", "list", "create", "delete", "enable", "disable")),
    *((verb, "experiments.pipelines.kubeflow.org") for verb in ("get", "list", "create")),
    *((verb, "pipelines.pipelines.kubeflow.org") for verb in ("get", "list")),
]
SCHEDULES_MAY_NOT = [
    ("delete", "pipelines.pipelines.kubeflow.org"),
    ("delete", "experiments.pipelines.kubeflow.org"),
    ("delete", "runs.pipelines.kubeflow.org"),
    ("terminate", "runs.pipelines.kubeflow.org"),
    ("get", "secrets"),
    ("get", "pods"),
    ("create", "jobs.batch"),
]

CONTROLLER_MAY = [
    *((verb, "modelreleases.penstock.io") for verb in ("get", "list", "watch")),
    ("patch", "modelreleases.penstock.io/status"),
    *((verb, "inferenceservices.serving.kserve.io") for verb in ("get", "list", "watch", "create", "patch", "delete")),
    *((verb, "httproutes.gateway.networking.k8s.io") for verb in ("get", "list", "watch", "create", "patch")),
    *((verb, "virtualservices.networking.istio.io") for verb in ("get", "list", "watch", "create", "patch")),
    ("create", "services"),
    ("create", "configmaps"),
    ("create", "events"),
]
CONTROLLER_MAY_NOT = [
    *((verb, "modelreleases.penstock.io") for verb in ("create", "update", "patch", "delete")),
    ("delete", "httproutes.gateway.networking.k8s.io"),
    ("get", "secrets"),
    ("create", "pods"),
    ("create", "pods/exec"),
    ("delete", "services"),
    ("list", "configmaps"),
    ("create", "rolebindings.rbac.authorization.k8s.io"),
]


def test_the_controller_may_carry_releases_out_in_one_namespace_and_nothing_else(
    cluster: Cluster, environment: str
) -> None:
    namespace = _namespace_of(environment, "penstock-runner")
    token = cluster.token_of("controller", "penstock")
    _ask(cluster, token, namespace, [*CONTROLLER_MAY, ("list", "nodes")], "yes")
    _ask(cluster, token, namespace, CONTROLLER_MAY_NOT, "no")
    _ask(cluster, token, "default", CONTROLLER_MAY, "no")
    _ask(cluster, token, "penstock", [("update", "leases.coordination.k8s.io/penstock-controller")], "yes")
    _ask(cluster, token, "penstock", [("update", "leases.coordination.k8s.io/another")], "no")


def test_a_run_may_do_what_it_works_with_and_nothing_else(cluster: Cluster, environment: str) -> None:
    namespace = _namespace_of(environment, "penstock-runner")
    token = cluster.token_of("penstock-runner", namespace)
    _ask(cluster, token, namespace, RUNNER_MAY, "yes")
    _ask(cluster, token, namespace, RUNNER_MAY_NOT, "no")
    _ask(cluster, token, "penstock", RUNNER_MAY, "no")
    _ask(cluster, token, "default", RUNNER_MAY, "no")


def test_the_schedules_may_manage_recurring_runs_of_one_namespace(cluster: Cluster, environment: str) -> None:
    namespace = _namespace_of(environment, "penstock-runner")
    token = cluster.token_of("schedules", "penstock")
    _ask(cluster, token, namespace, SCHEDULES_MAY, "yes")
    _ask(cluster, token, namespace, SCHEDULES_MAY_NOT, "no")
    _ask(cluster, token, "default", SCHEDULES_MAY, "no")


def test_what_only_serves_may_do_nothing(cluster: Cluster, environment: str) -> None:
    for account in objects(environment, "ServiceAccount"):
        if account["metadata"]["name"] in ("penstock-runner", "schedules", "controller"):
            continue
        token = cluster.token_of(account["metadata"]["name"], account["metadata"]["namespace"])
        _ask(cluster, token, account["metadata"]["namespace"], [*RUNNER_MAY, *SCHEDULES_MAY], "no")


def test_the_quota_of_accelerators_is_kept(cluster: Cluster, environment: str) -> None:
    quotas = objects(environment, "ResourceQuota")
    if environment == "dev":
        assert quotas == []
        return
    assert [quota["spec"]["hard"] for quota in quotas] == [{"requests.nvidia.com/gpu": "4"}]


def test_options_that_no_environment_takes_are_valid_too(cluster: Cluster, environment: str) -> None:
    from tests.manifests import ROOT

    path = ROOT / "kustomize" / "options" / "istio" / "peer-authentication.yaml"
    cluster.kubectl("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", str(path))


def _namespace_of(environment: str, account: str) -> str:
    accounts = objects(environment, "ServiceAccount")
    return next(str(a["metadata"]["namespace"]) for a in accounts if a["metadata"]["name"] == account)


def _ask(cluster: Cluster, token: str, namespace: str, questions: list[tuple[str, str]], answer: str) -> None:
    """Ask the API server, as the holder of a token, about each verb and resource."""
    from lightkube.models.authorization_v1 import ResourceAttributes, SelfSubjectAccessReviewSpec
    from lightkube.resources.authorization_v1 import SelfSubjectAccessReview

    client = cluster.client(namespace, token)
    for verb, what in questions:
        resource, _, name = what.partition("/")
        resource, _, group = resource.partition(".")
        subresource, name = (name, "") if name in ("exec", "token", "status") else ("", name)
        attributes = ResourceAttributes(
            namespace=namespace, verb=verb, group=group, resource=resource, subresource=subresource, name=name
        )
        review = client.create(SelfSubjectAccessReview(spec=SelfSubjectAccessReviewSpec(resourceAttributes=attributes)))
        assert ("yes" if review.status.allowed else "no") == answer, f"{verb} {what} in {namespace}"
