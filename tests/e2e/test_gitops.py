"""What Argo CD and Flux are told, on a real kube-apiserver with their CRDs, and against the repository."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.manifests import ENVIRONMENTS, ROOT, Thing, label, objects
from tests.servers.flux import flux_crds
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
    for name in ("health.yaml", "notifications.yaml", "releases.yaml"):
        beside = str(GITOPS / "argo-cd" / name)
        cluster.kubectl("apply", "--server-side", "--validate=strict", "--dry-run=server", "-f", beside)


@pytest.mark.cluster
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.name for path in (GITOPS / "flux").glob("*.yaml")))
def test_flux_takes_its_resources_as_they_are(cluster: Cluster, name: str) -> None:
    cluster.install(flux_crds())
    things = _documents("flux", name)
    for namespace in sorted({thing["metadata"]["namespace"] for thing in things}):
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    cluster.kubectl(
        "apply", "--server-side", "--validate=strict", "--dry-run=server", "-f", str(GITOPS / "flux" / name)
    )


RELEASES = {
    "unseen": ({}, "Progressing"),
    "of-before": ({"observedGeneration": 1, "conditions": [("Ready", "True")]}, "Progressing"),
    "promoted": ({"observedGeneration": 2, "conditions": [("Ready", "True"), ("Progressing", "False")]}, "Healthy"),
    "climbing": ({"observedGeneration": 2, "conditions": [("Ready", "True"), ("Progressing", "True")]}, "Progressing"),
    "rejected": ({"observedGeneration": 2, "conditions": [("Ready", "True"), ("Degraded", "True")]}, "Degraded"),
    "rejected-and-back": (
        {"observedGeneration": 2, "conditions": [("Ready", "True"), ("Degraded", "True"), ("Progressing", "True")]},
        "Degraded",
    ),
    "waiting": ({"observedGeneration": 2, "conditions": [("Ready", "True"), ("Stalled", "True")]}, "Suspended"),
    "not-ready": ({"observedGeneration": 2, "conditions": [("Ready", "False")]}, "Progressing"),
}


@pytest.mark.parametrize("case", RELEASES)
def test_argo_cd_sees_how_a_release_is(case: str) -> None:
    from lupa.lua53 import LuaRuntime

    status, health = RELEASES[case]
    conditions = [{"type": kind, "status": word, "message": f"{kind}!"} for kind, word in status.get("conditions", [])]
    thing = {"metadata": {"generation": 2}, "status": {**status, "message": "m", "conditions": conditions}}
    if not status:
        del thing["status"]
    script = _documents("argo-cd", "health.yaml")[0]["data"]["resource.customizations.health.penstock.io_ModelRelease"]
    lua = LuaRuntime(unpack_returned_tuples=True)
    judged = lua.execute(f"local obj = ...\n{script}", lua.table_from(thing, recursive=True))
    assert judged["status"] == health
    assert judged["message"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_project_lets_an_application_make_everything_that_it_has(environment: str) -> None:
    project = _documents("argo-cd", "project.yaml")[0]["spec"]
    application = _application(environment)["spec"]
    cluster = application["destination"]["name"]
    destinations = {(each["name"], each["namespace"]) for each in project["destinations"]}
    assert application["source"]["repoURL"] in project["sourceRepos"]
    for thing in objects(environment):
        if "namespace" not in thing["metadata"]:
            group = thing["apiVersion"].rpartition("/")[0]
            assert {"group": group, "kind": thing["kind"]} in project["clusterResourceWhitelist"]
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


BUILDCTL = """#!/bin/sh
printf '%s\\n' --- "$@" >> "$RECORD"
for argument; do
    case $previous in
        --metadata-file) printf '{\n  "containerimage.digest": "sha256:%064d"\n}\n' 7 > "$argument" ;;
        --output) case $argument in type=local,dest=*) cp "$LABELS" "${argument#*dest=}/labels" ;; esac ;;
    esac
    previous=$argument
done
"""
"""Writes down how it is called, and leaves behind what BuildKit's client does."""


def test_an_image_of_argo_workflows_says_what_is_in_it(tmp_path: Path) -> None:
    found = {"io.penstock.code-digests": '{"a":"sha256:1","b c":"$(false)"}', "io.penstock.environment-digest": "x=y"}
    buildctl, record, lines = tmp_path / "buildctl-daemonless.sh", tmp_path / "record", tmp_path / "lines"
    buildctl.write_text(BUILDCTL)
    buildctl.chmod(0o755)
    lines.write_text("".join(f"{name}={value}\n" for name, value in found.items()))
    (tmp_path / "repository").mkdir()
    (tmp_path / "commit").write_text("0123abc\n")
    (tmp_path / "version").write_text("1.2.3\n")
    (workflow,) = (thing for thing in _documents("argo-workflows", "penstock.yaml") if "spec" in thing)
    (step,) = (template["container"] for template in workflow["spec"]["templates"] if template["name"] == "image")
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path), "RECORD": str(record)}
    environment |= {"LABELS": str(lines), "NAME": "serving", "REGISTRY": "registry.example.com/ml", "previous": ""}
    subprocess.run([*step["command"], *step["args"]], cwd=tmp_path / "repository", env=environment, check=True)
    asking, building = record.read_text().split("---\n")[1:]
    assert "target=labels\n" in asking
    assert "target=" not in building
    for call in (asking, building):
        assert "filename=ci/images/Containerfile\n" in call
        for argument in ("IMAGE=serving", "VERSION=1.2.3", "REVISION=0123abc"):
            assert f"--opt\nbuild-arg:{argument}\n" in call
    for name, value in found.items():
        assert f"--opt\nlabel:{name}={value}\n" in building
    image = "registry.example.com/ml/penstock/serving"
    assert f"--output\ntype=image,name={image},push=true\n" in building
    assert (tmp_path / "images" / "serving").read_text() == f"{image}@sha256:{7:064d}\n"
