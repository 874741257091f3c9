"""Build the images that tasks run in, label them, and say how large they are.

    ci/build-images                                    runtime, serving and control on the official Python image
    ci/build-images --demo                             with the flights of the demonstration: penstock run flights
    ci/build-images --make-base --start-engine --demo  on a bare Debian machine that can fetch packages but no image
    ci/build-images runtime --variant cuda             for NVIDIA GPUs
    ci/build-images --prefix registry.example.com/ml/penstock --push

Images are called as compiled pipelines call them: penstock/runtime:0.1.0. A second call takes seconds. What was built
is written to .cache/images.json: name, id, size, digest in the registry. Needs Docker 20.10 or newer with BuildKit.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / ".cache" / "images.json"
IMAGES = ("runtime", "serving", "control")
OWN_BASE = "penstock/base:bookworm"
_ENGINE_SECONDS = 30.0


def main() -> int:
    arguments = _arguments()
    try:
        docker = find_docker()
        ensure_engine(docker, start=arguments.start_engine)
        base = arguments.base_image or (_make_base(docker) if arguments.make_base else "")
        with _secrets(debian=base == OWN_BASE) as secrets:
            for image in arguments.images:
                _write(image, build(docker, image, base, secrets, arguments))
    except Problem as problem:
        print(f"build-images: {problem}", file=sys.stderr)
        return 1
    return 0


class Problem(Exception):
    """Something that a person must mend, in one line."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="*", metavar="IMAGE", help=f"{', '.join(IMAGES)}; all when none is named")
    parser.add_argument("--base-image", default="", help="what to build on; the Containerfile's default when empty")
    parser.add_argument("--make-base", action="store_true", help="build on a base made here from Debian's packages")
    parser.add_argument("--start-engine", action="store_true", help="start a Docker Engine where none answers; root")
    parser.add_argument("--demo", action="store_true", help="put the demonstration's data into runtime")
    parser.add_argument("--variant", choices=("cpu", "cuda"), default="cpu", help="of runtime")
    parser.add_argument("--prefix", default="penstock", help="what names begin with: registry.example.com/ml/penstock")
    parser.add_argument("--tag", default="", help="Penstock's version when empty")
    parser.add_argument("--push", action="store_true", help="push to the registry that the prefix names")
    arguments = parser.parse_args()
    arguments.images = arguments.images or list(IMAGES)
    for image in arguments.images:
        if image not in IMAGES:
            parser.error(f"there is no image {image!r}; there are: {', '.join(IMAGES)}")
    if arguments.variant == "cuda":
        arguments.images = ["runtime-cuda" if image == "runtime" else image for image in arguments.images]
    if arguments.push and arguments.prefix == "penstock":
        parser.error("--push wants a --prefix that names a registry")
    return arguments


def find_docker() -> str:
    """The first docker command on PATH that can build with BuildKit."""
    found = [Path(folder) / "docker" for folder in os.get_exec_path() if (Path(folder) / "docker").is_file()]
    for command in map(str, found):
        version = _run(command, "version", "--format", "{{.Client.Version}}", check=False).stdout.split(".")[0].strip()
        if version and (int(version) < 23 or _run(command, "buildx", "version", check=False).returncode == 0):
            return command
    if found:
        raise Problem(f"{found[0]} has no BuildKit: install the plugin docker-buildx")
    raise Problem("there is no docker command. Install Docker (Debian: apt-get install docker.io)")


def ensure_engine(docker: str, *, start: bool) -> None:
    """See that a Docker Engine answers, or start one that goes on running."""
    if _answers(docker):
        return
    daemon = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not start:
        hint = "or add --start-engine, as root" if daemon else "Debian: apt-get install docker.io iptables"
        raise Problem(f"no Docker Engine answers. Start it (systemctl start docker), {hint}")
    if daemon is None:
        raise Problem("there is no dockerd to start. Debian: apt-get install docker.io iptables")
    hard = subprocess.run(["bash", "-c", "ulimit -Hn"], capture_output=True, text=True, check=True).stdout.strip()
    limit = [] if hard == "unlimited" else ["--default-ulimit", f"nofile={hard}:{hard}"]
    log = Path(tempfile.gettempdir()) / "dockerd.log"
    with log.open("ab") as output:
        engine = subprocess.Popen([daemon, *limit], stdout=output, stderr=output, start_new_session=True)
    deadline = time.monotonic() + _ENGINE_SECONDS
    while not _answers(docker):
        if engine.poll() is not None or time.monotonic() > deadline:
            raise Problem(f"the Docker Engine did not start; it says why in {log}")
        time.sleep(0.2)
    print(f"started a Docker Engine; stop it with: kill {engine.pid}")


def _answers(docker: str) -> bool:
    return _run(docker, "version", "--format", "{{.Server.Version}}", check=False).returncode == 0


def _make_base(docker: str) -> str:
    if _run(docker, "image", "inspect", OWN_BASE, check=False).returncode:
        print(f"making {OWN_BASE} from Debian's packages: minutes")
        if subprocess.run([ROOT / "ci" / "images" / "base" / "make", OWN_BASE], check=False).returncode:
            raise Problem("the base could not be made")
    return OWN_BASE


@contextmanager
def _secrets(*, debian: bool) -> Iterator[list[str]]:
    """What this machine knows of package indexes and certificates, as secrets of the build: in no layer.

    Args:
        debian: Also where its Debian packages come from: the base is of the same.
    """
    index = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("PIP_INDEX_URL") or _pip("global.index-url")
    certificates = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE") or _pip("global.cert")
    texts = {"index": index}
    if debian:
        targets = ("--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)", "Identifier: Packages", "Codename: bookworm")
        settings = _run("apt-config", "dump", check=False).stdout.splitlines()
        texts["sources"] = _run("apt-get", "indextargets", *targets, check=False).stdout
        texts["apt.conf"] = "\n".join(line for line in settings if re.match("Acquire::(?!IndexTargets)", line))
    with tempfile.TemporaryDirectory() as folder:
        options = ["--secret", f"id=certificates,src={certificates}"] if certificates else []
        for name, text in texts.items():
            if text:
                file = Path(folder) / name
                file.touch(0o600)
                file.write_text(text, encoding="utf-8")
                options += ["--secret", f"id={name},src={file}"]
        yield options


def _pip(key: str) -> str:
    return _run(sys.executable, "-m", "pip", "config", "get", key, check=False).stdout.strip()


def build(docker: str, image: str, base: str, secrets: list[str], arguments: argparse.Namespace) -> dict[str, Any]:
    """Build one image and put on it what it says of itself; returns what is to be known of it."""
    began = time.monotonic()
    environment, _, variant = image.partition("-")
    name = f"{arguments.prefix}/{environment}:{arguments.tag or version()}" + (f"-{variant}" if variant else "")
    options = ["--build-arg", f"VERSION={version()}", "--build-arg", f"REVISION={_revision()}", *secrets]
    options += ["--build-arg", f"BASE_IMAGE={base}"] if base else []
    options += ["--build-arg", "DEMO=yes"] if arguments.demo and environment == "runtime" else []
    for proxy in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        options += ["--build-arg", proxy] if os.environ.get(proxy) else []
    print(f"building {name}", flush=True)
    _log(image).parent.mkdir(exist_ok=True)
    _log(image).unlink(missing_ok=True)
    labels = [word for label in _labels(docker, image, options) for word in ("--label", label)]
    _build(docker, image, [*options, *labels, "--tag", name])
    pushed = _push(docker, name) if arguments.push else ""
    identity, size = _run(docker, "image", "inspect", "--format", "{{.Id}} {{.Size}}", name).stdout.split()
    print(f"{name}  {int(size) / 1e6:,.0f} MB  {time.monotonic() - began:.0f} s  {pushed or identity}", flush=True)
    return {"image": name, "id": identity, "pushed": pushed, "bytes": int(size)}


def _labels(docker: str, image: str, options: list[str]) -> list[str]:
    """What an image is to say of itself: NAME=VALUE."""
    with tempfile.TemporaryDirectory() as folder:
        _build(docker, image, [*options, "--target", "labels", "--output", folder])
        return (Path(folder) / "labels").read_text(encoding="utf-8").splitlines()


def _build(docker: str, image: str, options: list[str]) -> None:
    # The host's network: a mirror may be on this machine's loopback.
    command = [docker, "build", "--progress=plain", "--network=host", "--file", "ci/images/Containerfile"]
    command += ["--build-arg", f"IMAGE={image}", *options, "."]
    log = _log(image)
    with log.open("ab") as output:
        environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=output, stderr=output, check=False)
    if done.returncode:
        said = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        tail = "\n".join(said[-15:])
        raise Problem(f"{image} could not be built; all of it is in {log}\n{tail}")


def _log(image: str) -> Path:
    return REPORT.with_name(f"build-{image}.log")


def _push(docker: str, name: str) -> str:
    """Push; returns the name by digest, as a cluster is to pull it."""
    if subprocess.run([docker, "push", "--quiet", name], stdout=subprocess.DEVNULL, check=False).returncode:
        raise Problem(f"{name} could not be pushed. Are you logged in? docker login {name.partition('/')[0]}")
    repository = name.rpartition(":")[0]
    digests = json.loads(_run(docker, "image", "inspect", "--format", "{{json .RepoDigests}}", name).stdout)
    return next(digest for digest in digests if digest.startswith(repository + "@"))


def version() -> str:
    """Penstock's version, without importing it: no environment is needed to build images."""
    text = (ROOT / "src" / "penstock" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)
    return found[1] if found else "0"


def _revision() -> str:
    """The commit that is built; marked where the working copy is not as committed."""
    try:
        return _run(
            "git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"
        ).stdout.strip()
    except (OSError, Problem):
        return ""


def _read_report() -> dict[str, Any]:
    try:
        report: dict[str, Any] = json.loads(REPORT.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return report


def _write(image: str, built: dict[str, Any]) -> None:
    REPORT.parent.mkdir(exist_ok=True)
    partial = REPORT.with_name(f".{REPORT.name}.{os.getpid()}")
    partial.write_text(json.dumps({**_read_report(), image: built}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(REPORT)


def _run(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise Problem(f"{' '.join(command[:3])} failed: {done.stderr.strip()}")
    return done


if __name__ == "__main__":
    sys.exit(main())
