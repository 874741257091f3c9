"""Put images and compiled pipelines into an environment's files, to be reviewed and merged.

    ci/promote staging --image control=registry.example.com/penstock/control@sha256:... --image runtime=...
    ci/promote production --from staging

It writes the digests into the overlay and its profile.yaml, compiles the pipelines for that profile, and renders
manifests/<environment> again. Nothing is applied: Argo CD or Flux does that, from Git. The same call again changes
nothing.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from ci import rendering
from penstock.profiles.cluster import ClusterProfile
from penstock.profiles.reading import read_profile
from penstock.sdk import BadInput, PenstockError
from penstock.sdk.entry import write_atomically

ROOT = rendering.ROOT
OF_TASKS = ("runtime", "serving", "control")
"""Images that profile.yaml names: those of tasks."""
OF_PLATFORM = {"control": "penstock/control", "lineage": "gcr.io/tfx-oss-public/ml_metadata_store_server"}
"""Images that the platform runs, by what kustomize/base calls them."""
_IMAGE = re.compile(r"^(?P<repository>[^@\s]+)@(?P<digest>sha256:[0-9a-f]{64})$")
_OVERLAY = """\
# Which images run, by digest: written by ci/promote, as those of the tasks in ../profile.yaml.
# A digest of zeros: nothing has been promoted here yet, and no registry serves it.
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
images:
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environment", help=f"{', '.join(rendering.environments())}")
    names = sorted({*OF_TASKS, *OF_PLATFORM})
    parser.add_argument(
        "--image", action="append", default=[], metavar="NAME=IMAGE", help=f"by digest; {', '.join(names)}"
    )
    parser.add_argument("--from", dest="source", default="", help="the environment whose images are taken")
    parser.add_argument(
        "--pipeline", action="append", default=[], help="those that are there already when none is named"
    )
    arguments = parser.parse_args()
    environment = known(arguments.environment)
    images = read_images(arguments.image, names)
    pipelines = arguments.pipeline or rendering.pipelines(environment)
    if arguments.source:
        images = {**images_of(known(arguments.source)), **images}
        check_sources(arguments.source, pipelines)
    changed = [*pin(environment, images), *compile_pipelines(environment, pipelines)]
    changed += render(environment)
    for path in changed:
        print(f"wrote {path.relative_to(ROOT)}")
    if not changed:
        print(f"{environment}: nothing to change")
    return 0


def known(environment: str) -> str:
    """An environment that there is.

    Raises:
        BadInput: There is none of that name (caller).
    """
    if environment not in rendering.environments():
        raise BadInput(f"there is no environment {environment!r}", f"There are: {', '.join(rendering.environments())}")
    return environment


def read_images(given: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """What `--image` was given.

    Raises:
        BadInput: A name is unknown or an image is not named by digest (caller).
    """
    images = {}
    for text in given:
        name, _, image = text.partition("=")
        if name not in names:
            raise BadInput(f"--image {text}: there is no image {name!r}", f"There are: {', '.join(names)}")
        if not _IMAGE.match(image):
            hint = "A tag can be moved; `docker buildx imagetools inspect IMAGE` says the digest"
            raise BadInput(f"--image {text}: is not named by digest, as in NAME=registry/name@sha256:...", hint)
        images[name] = image
    return images


def images_of(environment: str) -> dict[str, str]:
    """The images of an environment, as its profile and its overlay name them.

    Raises:
        BadInput: Nothing has been promoted there (caller).
    """
    profile = read_profile(rendering.OVERLAYS / environment / "profile.yaml")
    images: dict[str, str] = dict(profile.images) if isinstance(profile, ClusterProfile) else {}
    platform = yaml.safe_load(_overlay(environment).read_text(encoding="utf-8"))["images"]
    inside = {each["name"]: f"{each.get('newName', each['name'])}@{each.get('digest', '')}" for each in platform}
    images |= {name: inside[base] for name, base in OF_PLATFORM.items() if base in inside}
    for name, image in sorted(images.items()):
        if not _IMAGE.match(image) or image.endswith("0" * 64):
            raise BadInput(f"{environment}: {name} was never promoted there ({image})", f"ci/promote {environment}")
    return images


def pin(environment: str, images: Mapping[str, str]) -> list[Path]:
    """Write digests into the overlay and the profile; other lines stay as they are."""
    overlay, profile = _overlay(environment), rendering.OVERLAYS / environment / "profile.yaml"
    present = {each["name"]: each for each in yaml.safe_load(overlay.read_text(encoding="utf-8"))["images"]}
    for name, base in OF_PLATFORM.items():
        if found := _IMAGE.match(images.get(name, "")):
            present[base] = {"name": base, "newName": found["repository"], "digest": found["digest"]}
    listed = yaml.safe_dump([present[base] for base in sorted(present)], sort_keys=False)
    text = profile.read_text(encoding="utf-8")
    for name in OF_TASKS:
        if name in images:
            text, count = re.subn(rf"(?m)^  {name}: \S+$", f"  {name}: {images[name]}", text)
            if count != 1:
                raise BadInput(f"{profile.relative_to(ROOT)}: has no line for the image {name} under images:")
    if any(name in images for name in OF_TASKS):
        # A digest is pulled; only what was loaded onto the nodes is not.
        text = re.sub(r"(?m)^image_pull_policy: Never$", "image_pull_policy: IfNotPresent", text)
    indented = "".join(f"  {line}\n" for line in listed.splitlines())
    changes = {profile: text} | ({overlay: _OVERLAY + indented} if images.keys() & OF_PLATFORM.keys() else {})
    return [path for path, new in changes.items() if _write(path, new)]


def compile_pipelines(environment: str, names: Sequence[str]) -> list[Path]:
    """Compile pipelines for the environment's profile; a version that is there already stays, others beside it.

    Raises:
        BadInput: A pipeline cannot be compiled for this cluster (the pipeline's author).
    """
    return [
        path
        for name in names
        for path, text in rendering.compile_pipeline(environment, name).items()
        if _write(path, text)
    ]


def check_sources(environment: str, names: Sequence[str]) -> None:
    """Make sure that an environment runs what is compiled here, so that the next gets nothing else.

    Raises:
        BadInput: The sources are others than those that were promoted there (caller).
    """
    for name in names:
        for path, text in rendering.compile_pipeline(environment, name).items():
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                hint = f"Check out the commit that is in {environment}, or promote this one there first"
                raise BadInput(f"{name}: what is compiled here is not what {environment} runs", hint)


def render(environment: str) -> list[Path]:
    """Render the environment's platform again.

    Raises:
        PenstockError: There is no kubectl, and it cannot be built (operator).
    """
    try:
        rendered = rendering.render(environment, rendering.find_kubectl(build=True))
    except rendering.NoKubectl as problem:
        raise PenstockError(str(problem)) from None
    changed = [path for path, text in rendered.items() if _write(path, text)]
    for path in rendering.leftovers(environment, rendered):
        path.unlink()
        changed.append(path)
    return changed


def _overlay(environment: str) -> Path:
    return rendering.OVERLAYS / environment / "images" / "kustomization.yaml"


def _write(path: Path, text: str) -> bool:
    """Write a file if that changes it; returns whether it does."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)
    return True


if __name__ == "__main__":
    try:
        sys.exit(main())
    except PenstockError as problem:
        print(f"ci/promote: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)
