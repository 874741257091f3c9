"""What Argo CD and Flux are told, on a real kube-apiserver with Argo CD's CRDs, and against the repository."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.manifests import ENVIRONMENTS, ROOT, Thing, label, objects
from tests.servers.kubernetes import Cluster, crds

GITOPS = ROOT / "kustomize" / "gitops"
PARTS = ("platform", "pipelines", "versions")


def _documents(folder: str, name: str) -> list[Thing]:
    return list(yaml.safe_load_all((GITOPS / folder / name).read_text()))


def _application(environment: str) -> Thing:
    return _documents("argo-cd", f"{environment}.yaml")[0]


@pytest.mark.cluster
def test_argo_cd_takes_the_applications_as_they_are(cluster: Cluster) -> None:
    cluster.install(*crds("argo-cd/v3.5.1"))
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}})
    folder = str(GITOPS / "argo-cd")
    applied = cluster.kubectl("apply", "--server-side", "--validate=strict", "-o", "name", "-k", folder).split()
    assert sorted(applied) == [
        *(f"application.argoproj.io/penstock-{environment}" for environment in sorted(ENVIRONMENTS)),
        "appproject.argoproj.io/penstock",
    ]
    health = str(GITOPS / "argo-cd" / "health.yaml")
    cluster.kubectl("apply", "--server-side", "--validate=strict", "--dry-run=server", "-f", health)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_project_lets_an_application_make_everything_that_it_has(environment: str) -> None:
    project = _documents("argo-cd", "project.yaml")[0]["spec"]
    application = _application(environment)["spec"]
    cluster = application["destination"]["name"]
    destinations = {(each["name"], each["namespace"]) for each in project["destinations"]}
    assert application["source"]["repoURL"] in project["sourceRepos"]
    for thing in objects(environment):
        if thing["kind"] == "Namespace":
            assert {"group": "", "kind": "Namespace"} in project["clusterResourceWhitelist"]
        else:
            assert (cluster, thing["metadata"]["namespace"]) in destinations, label(thing)
    used = {thing["metadata"].get("namespace") for thing in objects(environment)} - {None}
    assert {namespace for name, namespace in destinations if name == cluster} == used, "no more than is needed"


def test_only_a_person_brings_production_on() -> None:
    for environment in ENVIRONMENTS:
        assert ("automated" in _application(environment)["spec"]["syncPolicy"]) == (environment != "production")
    assert _application("production")["spec"]["source"]["targetRevision"] == "production"
    roles = _documents("argo-cd", "project.yaml")[0]["spec"]["roles"]
    syncing = [policy for role in roles for policy in role["policies"] if ", sync," in policy]
    assert syncing == ["p, proj:penstock:release-manager, applications, sync, penstock/penstock-production, allow"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_waves_bring_what_others_need_before_them(environment: str) -> None:
    def wave(thing: Thing) -> int:
        return int(thing["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-wave", "0"))

    waves = {label(thing): wave(thing) for thing in objects(environment)}
    namespaces = [wave for name, wave in waves.items() if name.startswith("Namespace/")]
    others = [wave for name, wave in waves.items() if not name.startswith("Namespace/")]
    assert max(namespaces) < min(others)
    # Nothing serves or connects before its network is closed.
    assert waves["NetworkPolicy/default-deny"] < waves["Deployment/lineage"]
    # Recurring runs come last: what they run is there then.
    assert waves["CronJob/schedules"] == max(others)
    assert all(wave < waves["CronJob/schedules"] for name, wave in waves.items() if name.startswith("PipelineVersion/"))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_paths_are_there(environment: str) -> None:
    assert (ROOT / _application(environment)["spec"]["source"]["path"]).is_dir()
    steps = [thing for thing in _documents("flux", f"{environment}.yaml") if thing["kind"] == "Kustomization"]
    assert [Path(step["spec"]["path"]) for step in steps] == [Path("manifests") / environment / part for part in PARTS]
    assert [step["spec"].get("dependsOn", []) for step in steps] == [
        [],
        [{"name": "penstock-platform"}],
        [{"name": "penstock-pipelines"}],
    ]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_argo_cd_and_flux_follow_the_same_branch(environment: str) -> None:
    repository = next(thing for thing in _documents("flux", f"{environment}.yaml") if thing["kind"] == "GitRepository")
    source = _application(environment)["spec"]["source"]
    assert repository["spec"]["ref"]["branch"] == source["targetRevision"]
    assert repository["spec"]["url"] == source["repoURL"]
