"""From kustomize/ to manifests/: what each environment's cluster gets, one file an object, to be reviewed as it is.

`manifests/<environment>/platform` is rendered from the overlay. Beside it, `pipelines` and `versions` hold the compiled
pipelines as Kubernetes resources; the overlay's own folder `pipelines` holds them as the recurring runs take them.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from penstock.authoring.compiling import compile_for
from penstock.authoring.discovery import find_pipelines
from penstock.authoring.kubernetes_resources import resources_text
from penstock.profiles.cluster import ClusterProfile
from penstock.profiles.reading import read_profile
from penstock.sdk import BadInput

ROOT = Path(__file__).resolve().parents[1]
OVERLAYS = ROOT / "kustomize" / "overlays"
MANIFESTS = ROOT / "manifests"
_HEADER = "# Generated from kustomize/overlays/{environment} by ci/generate; do not edit.\n"


class NoKubectl(Exception):
    """Why there is no kubectl to render with, and what would bring it."""


def find_kubectl(*, build: bool) -> Path:
    """The kubectl that the repository pins: another would write the same objects with other spaces.

    Args:
        build: Whether it is built where that has not been done, which takes minutes.

    Raises:
        NoKubectl: It has not been built, or cannot be.
    """
    command = [ROOT / "ci" / "tools", *([] if build else ["--built"]), "kubernetes"]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=None if build else subprocess.PIPE, text=True, check=False
    )
    kubectl = Path(done.stdout.strip() or ".") / "kubectl"
    if done.returncode or not kubectl.is_file():
        raise NoKubectl((done.stderr or "").strip() or "ci/tools kubernetes could not build kubectl")
    return kubectl


def environments() -> list[str]:
    """The names of the overlays, sorted."""
    return sorted(path.parent.name for path in OVERLAYS.glob("*/kustomization.yaml"))


def platform(environment: str) -> Path:
    """The folder that an overlay is rendered to."""
    return MANIFESTS / environment / "platform"


def render(environment: str, kubectl: Path) -> dict[Path, str]:
    """Render an environment.

    Returns:
        Each object's file, in the folder of its namespace, with its text.

    Raises:
        BadInput: kustomize refuses the overlay, or two objects are of one kind and name (the overlay's author).
    """
    done = subprocess.run(
        [kubectl, "kustomize", OVERLAYS / environment], capture_output=True, text=True, check=False, timeout=120
    )
    if done.returncode:
        raise BadInput(f"kustomize/overlays/{environment}: {done.stderr.strip()}")
    files: dict[Path, str] = {}
    for text in done.stdout.split("\n---\n"):
        path = platform(environment) / _place(yaml.safe_load(text))
        if path in files:
            raise BadInput(f"kustomize/overlays/{environment}: two objects would be {path.relative_to(ROOT)}")
        files[path] = _HEADER.format(environment=environment) + text.rstrip("\n") + "\n"
    return files


def pipelines(environment: str) -> list[str]:
    """The pipelines that are delivered to an environment, by name."""
    return sorted(path.stem for path in (OVERLAYS / environment / "pipelines").glob("*.yaml"))


def compile_pipeline(environment: str, name: str) -> dict[Path, str]:
    """Compile a pipeline for an environment's cluster.

    Returns:
        Its files with their text: compiled, and as a Pipeline and a PipelineVersion.

    Raises:
        BadInput: There is no such pipeline, or it cannot be compiled for this cluster (the pipeline's author).
    """
    folder = find_pipelines(ROOT).get(name)
    if folder is None:
        raise BadInput(f"there is no pipeline {name!r}", f"There are: {', '.join(find_pipelines(ROOT))}")
    profile = read_profile(OVERLAYS / environment / "profile.yaml")
    if not isinstance(profile, ClusterProfile):
        raise BadInput(f"kustomize/overlays/{environment}/profile.yaml is no cluster's")
    compiled = compile_for(folder, profile)
    files = {OVERLAYS / environment / "pipelines" / f"{name}.yaml": compiled.text}
    header, _, body = resources_text(compiled, profile).partition("\n")
    for text in body.split("\n---\n"):
        thing = yaml.safe_load(text)
        kind = "versions" if thing["kind"] == "PipelineVersion" else "pipelines"
        files[MANIFESTS / environment / kind / f"{thing['metadata']['name']}.yaml"] = f"{header}\n{text.rstrip()}\n"
    return files


def leftovers(environment: str, rendered: Iterable[Path]) -> list[Path]:
    """The rendered files of an environment that nothing renders any more."""
    return sorted({path for path in platform(environment).rglob("*.yaml") if path.is_file()} - set(rendered))


def _place(thing: dict[str, Any]) -> Path:
    """Where an object's file is: folders are applied in the order of their names, what has no namespace first."""
    kind, name = str(thing["kind"]).lower(), str(thing["metadata"]["name"])
    if kind == "configmap":
        # The hash of its content that kustomize appends: without it, a change of the content is seen as one.
        name = re.sub(r"-[bcdfghkmt24-9]{10}$", "", name)
    return Path(thing["metadata"].get("namespace", "cluster")) / f"{kind}-{name}.yaml"
