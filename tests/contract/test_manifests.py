"""What every environment's manifests keep to, where no API server would object."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from penstock.cli.cluster import prepare
from penstock.kubeflow.schedules.declaration import cron_of, read_schedules
from penstock.profiles.cluster import ClusterProfile
from penstock.profiles.reading import read_profile
from tests.contract.network_policies import Peer, allowed, selects
from tests.manifests import (
    ENVIRONMENTS,
    MANIFESTS,
    OVERLAYS,
    WORKLOADS,
    Thing,
    containers,
    label,
    objects,
    pod,
    template,
)

EACH = [(environment, thing) for environment in ENVIRONMENTS for thing in objects(environment, *WORKLOADS)]
each_workload = pytest.mark.parametrize(
    ("environment", "workload"), EACH, ids=[f"{environment}-{label(thing)}" for environment, thing in EACH]
)
each_environment = pytest.mark.parametrize("environment", ENVIRONMENTS)
BY_DIGEST = re.compile(r"^[^@\s]+@sha256:[0-9a-f]{64}$")
BY_TAG = re.compile(r"^[^@\s]+:(?!latest$)[A-Za-z0-9_][A-Za-z0-9_.-]*$")


def test_there_is_something_to_test() -> None:
    assert ENVIRONMENTS == ["dev", "production", "staging"]
    assert {path.name for path in MANIFESTS.iterdir() if path.is_dir()} >= set(ENVIRONMENTS)
    assert len(EACH) >= len(ENVIRONMENTS) * 2


@each_environment
def test_no_secret_is_in_git(environment: str) -> None:
    assert objects(environment, "Secret") == []
    for thing in objects(environment, *WORKLOADS):
        for container in containers(thing):
            for variable in container.get("env", []):
                named = re.search("PASSWORD|SECRET|TOKEN|KEY", variable["name"])
                value = variable.get("value", "")
                assert not named or value.startswith("/"), f"{label(thing)}: {variable['name']} is not a file's name"


@each_workload
def test_images_are_named_by_digest_where_it_counts(environment: str, workload: Thing) -> None:
    for container in containers(workload):
        pattern = BY_TAG if environment == "dev" else BY_DIGEST
        assert pattern.match(container["image"]), container["image"]


@each_workload
def test_every_container_says_what_it_takes(environment: str, workload: Thing) -> None:
    for container in containers(workload):
        resources = container["resources"]
        assert set(resources["requests"]) >= {"cpu", "memory", "ephemeral-storage"}
        # No limit of CPU: it would slow down what is idle around it.
        assert set(resources["limits"]) == {"memory", "ephemeral-storage"}


@each_workload
def test_every_container_is_locked_down(environment: str, workload: Thing) -> None:
    security = template(workload)["spec"]["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] > 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers(workload):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@each_workload
def test_every_pod_has_an_identity_of_its_own_and_no_token_that_it_does_not_name(
    environment: str, workload: Thing
) -> None:
    spec = template(workload)["spec"]
    accounts = {account["metadata"]["name"] for account in objects(environment, "ServiceAccount")}
    assert spec["serviceAccountName"] in accounts - {"default"}
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False


@each_workload
def test_what_serves_can_be_drained_one_at_a_time_and_is_probed(environment: str, workload: Thing) -> None:
    if workload["kind"] == "CronJob":
        return
    labels = template(workload)["metadata"]["labels"]
    budgets = [
        budget["spec"]
        for budget in objects(environment, "PodDisruptionBudget")
        if selects(budget["spec"]["selector"], labels)
    ]
    assert len(budgets) == 1, "one budget per pod: the API refuses to evict a pod that has two"
    assert budgets[0]["maxUnavailable"] == 1
    for container in containers(workload):
        assert set(container) >= {"startupProbe", "readinessProbe", "livenessProbe"}


@each_environment
def test_selectors_and_ports_of_services_meet_pods(environment: str) -> None:
    pods = [pod(workload) for workload in objects(environment, *WORKLOADS)]
    for service in objects(environment, "Service"):
        behind = [
            one
            for one in pods
            if one["metadata"]["namespace"] == service["metadata"]["namespace"]
            and selects({"matchLabels": service["spec"]["selector"]}, one["metadata"]["labels"])
        ]
        assert len(behind) == 1, label(service)
        ports = {port["name"] for container in behind[0]["spec"]["containers"] for port in container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


@each_environment
def test_every_reference_to_an_object_of_our_own_is_met(environment: str) -> None:
    ours = {label(thing) for thing in objects(environment)}
    for workload in objects(environment, *WORKLOADS):
        for volume in template(workload)["spec"].get("volumes", []):
            given = volume.get("configMap")
            if given and not given.get("optional"):
                assert f"ConfigMap/{given['name']}" in ours
    for binding in objects(environment, "RoleBinding"):
        assert f"{binding['roleRef']['kind']}/{binding['roleRef']['name']}" in ours
        assert all(f"{subject['kind']}/{subject['name']}" in ours for subject in binding["subjects"])


@each_environment
def test_the_profile_names_what_the_manifests_make(environment: str) -> None:
    profile = read_profile(OVERLAYS / environment / "profile.yaml")
    of_schedules = read_profile(OVERLAYS / environment / "schedules-profile.yaml")
    assert isinstance(profile, ClusterProfile)
    assert isinstance(of_schedules, ClusterProfile)
    accounts = {(a["metadata"]["namespace"], a["metadata"]["name"]) for a in objects(environment, "ServiceAccount")}
    assert (profile.namespace, profile.service_account) in accounts
    services = {f"{s['metadata']['name']}.{s['metadata']['namespace']}.svc" for s in objects(environment, "Service")}
    assert profile.lineage.removeprefix("grpc://").partition(":")[0] in services
    for field in ("namespace", "service_account", "experiment"):
        assert getattr(profile, field) == getattr(of_schedules, field)
    assert profile.kubeflow.multi_user == of_schedules.kubeflow.multi_user
    assert of_schedules.kubeflow.auth == "in_cluster"
    control = next(container["image"] for cron in objects(environment, "CronJob") for container in containers(cron))
    assert profile.images["control"] == control, "ci/promote writes both"


@each_environment
def test_recurring_runs_are_of_pipelines_that_are_mounted_beside_them(environment: str, tmp_path: Path) -> None:
    maps = {thing["metadata"]["name"]: thing["data"] for thing in objects(environment, "ConfigMap")}
    generated = {name.rpartition("-")[0]: data for name, data in maps.items()}
    (tmp_path / "schedules.yaml").write_text(generated["schedules"]["schedules.yaml"])
    (tmp_path / "profile.yaml").write_text(generated["schedules-profile"]["profile.yaml"])
    profile = read_profile(tmp_path / "profile.yaml")
    assert isinstance(profile, ClusterProfile)
    for declared in read_schedules(tmp_path / "schedules.yaml"):
        file = Path(declared.schedule.pipeline)
        assert file.parent == Path("/etc/penstock/pipelines")
        (tmp_path / file.name).write_text(generated["schedules-pipelines"][file.name])
        package = prepare(str(tmp_path / file.name), profile).package
        assert package.name == declared.name
        versions = {v["metadata"]["name"]: v["metadata"] for v in objects(environment, "PipelineVersion")}
        assert package.version in versions, "both are one version"
        assert versions[package.version]["annotations"]["penstock/digest"] == package.digest
        assert cron_of(declared, profile.kubeflow.cron_time_zone)


@each_environment
def test_who_may_talk_to_whom(environment: str) -> None:
    policies = objects(environment, "NetworkPolicy")
    profile = read_profile(OVERLAYS / environment / "profile.yaml")
    assert isinstance(profile, ClusterProfile)

    def ours(name: str) -> Peer:
        return Peer("penstock", {"app.kubernetes.io/name": name})

    task = Peer(profile.namespace, {"pipelines.kubeflow.org/v2_component": "true"})
    other = Peer(profile.namespace, {"app": "notebook"})
    stranger = Peer("default", {"pipelines.kubeflow.org/v2_component": "true"})
    dns = Peer("kube-system", {"k8s-app": "kube-dns"})
    kubeflow = Peer("kubeflow", {"app": "ml-pipeline"})
    database = Peer(address="10.2.3.4") if environment != "dev" else ours("lineage-database")
    may = [
        (task, ours("lineage"), 8080),
        (task, kubeflow, 8887),
        (task, kubeflow, 8888),
        (task, Peer("kubeflow", {"component": "metadata-grpc-server"}), 8080),
        (task, Peer(address="10.96.0.1"), 443),
        (task, Peer(address="93.184.215.14"), 443),
        (ours("lineage"), database, 5432),
        (ours("schedules"), kubeflow, 8888),
        (ours("controller"), Peer(address="10.96.0.1"), 443),
        (ours("controller"), Peer("monitoring", {"app": "prometheus"}), 9090),
    ]
    if environment != "dev":
        may.append((Peer("monitoring", {"app": "prometheus"}), ours("controller"), 8080))
    may_not = [
        (other, ours("lineage"), 8080),
        (stranger, ours("lineage"), 8080),
        (ours("schedules"), ours("lineage"), 8080),
        (task, ours("lineage"), 22),
        (task, Peer(address="169.254.169.254"), 80),
        (task, Peer(address="169.254.169.254"), 443),
        (task, Peer(address="93.184.215.14"), 80),
        (task, Peer(address="10.9.9.9"), 5432),
        (other, task, 8080),
        (ours("lineage"), Peer(address="93.184.215.14"), 443),
        (ours("lineage"), kubeflow, 8888),
        (ours("schedules"), Peer(address="10.96.0.1"), 443),
        (ours("controller"), Peer(address="93.184.215.14"), 443),
        (ours("controller"), ours("lineage"), 8080),
        (task, ours("controller"), 8080),
        (ours("lineage-database"), Peer(address="93.184.215.14"), 443),
        (task, ours("lineage-database"), 5432),
        (Peer("penstock", {"app": "something-else"}), Peer(address="10.96.0.1"), 443),
    ]
    for source, target, port in may:
        assert allowed(policies, source, target, port), (source, target, port)
    for source, target, port in may_not:
        assert not allowed(policies, source, target, port), (source, target, port)
    for source in (task, ours("lineage"), ours("schedules")):
        assert allowed(policies, source, dns, 53, "UDP")


@each_environment
def test_namespaces_of_ours_enforce_restricted_pods(environment: str) -> None:
    made = {thing["metadata"]["name"]: thing["metadata"]["labels"] for thing in objects(environment, "Namespace")}
    used = {thing["metadata"].get("namespace") for thing in objects(environment)} - {None}
    # Kubeflow's own namespace is Kubeflow's to make.
    assert set(made) == used - {"kubeflow"}
    for labels in made.values():
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_staging_is_production_but_for_what_it_is_called() -> None:
    def shape(environment: str) -> dict[str, list[str]]:
        return {
            label(thing): sorted(thing.get("spec", {}))
            for thing in objects(environment)
            if thing["kind"] not in ("ConfigMap", "PipelineVersion")
        }

    assert shape("staging") == shape("production")
