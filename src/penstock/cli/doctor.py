"""`penstock doctor`: what is installed, what is missing, how to mend it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from penstock.cli.output import console, json_option, print_json
from penstock.kubeflow.findings import Finding
from penstock.sdk.standard import setup_command

_ENVIRONMENT = "PENSTOCK_ENVIRONMENT"
"""The variable by which an image says which environment it is; not set outside of images."""
_RUNTIME = ("tensorflow-data-validation", "tensorflow-transform", "ml-metadata", "kfp", "pyarrow")
_PACKAGES = {
    "runtime": ("tensorflow-cpu", *_RUNTIME),
    "runtime-cuda": ("tensorflow", *_RUNTIME),
    "serving": ("kserve", "tensorflow-cpu", "ml-metadata"),
    "control": ("kfp", "kubernetes", "lightkube", "ml-metadata"),
}
"""What shows by its version what an environment can do. `control` has no TensorFlow by design."""
_LEAST_FREE_BYTES = 2_000_000_000
_MARKS = {True: "[green]ok [/green]", False: "[bold red]no [/bold red]", None: "[yellow]?  [/yellow]"}


@click.command(name="doctor", short_help="Say what is installed, what is missing, and how to mend it.")
@click.option("--cluster", is_flag=True, help="Look at a cluster instead of this machine.")
@click.option(
    "--profile",
    metavar="NAME|FILE",
    help="What is to run there: an overlay under kustomize/overlays, or a profile's file. Implies --cluster.",
)
@json_option
@click.pass_obj
def command(home: Path, cluster: bool, profile: str | None, as_json: bool) -> int:
    """Say what is installed, what is missing, and how to mend it. Exits with 1 when something is missing.

    Of a cluster: the versions of Kubernetes, Kubeflow Pipelines and KServe, Knative's feature flags, what splits
    traffic, node pools, Secrets, lineage, storage, clocks, and what you may do there. It only looks, and says of what
    it may not look at that it could not.

    \b
    Examples:
      penstock doctor
      penstock --home /srv/penstock doctor --json
      penstock doctor --cluster
      penstock doctor --profile production
    """
    findings = _of_cluster(profile) if cluster or profile else list(examine(home))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        from rich.markup import escape

        for finding in findings:
            console().print(f"{_MARKS[finding.ok]} {finding.what:<22} {escape(finding.text)}", soft_wrap=True)
            if finding.remedy and finding.ok is False:
                console().print(f"    {'':<22} -> {escape(finding.remedy)}", soft_wrap=True)
    return int(any(finding.ok is False for finding in findings))


def _of_cluster(reference: str | None) -> list[Finding]:
    from penstock.kubeflow.doctor import judge
    from penstock.kubeflow.doctor_observing import observe
    from penstock.profiles.cluster import ClusterProfile
    from penstock.profiles.reading import find_cluster

    profile = find_cluster(reference) if reference else ClusterProfile()
    return judge(observe(profile), profile)


def examine(home: Path) -> Iterator[Finding]:
    """Look at the machine, the environments and the state folder, without changing anything.

    In an image, only at what that image is for: what others hold is not missing there.
    """
    image = os.environ.get(_ENVIRONMENT, "")
    python_ok = sys.version_info[:2] == (3, 11)
    yield Finding("python", python_ok, platform.python_version(), "Use Python 3.11: make PYTHON=python3.11 setup")
    yield Finding("system", sys.platform == "linux", f"{platform.platform()}, {os.cpu_count()} cores", "Use Linux")
    if image in _PACKAGES:
        yield Finding("image", True, image)
    remedy = f"Build the image again: ci/build-images {image.partition('-')[0]}" if image else setup_command()
    for name in _PACKAGES.get(image, _PACKAGES["runtime"]):
        yield _package(name, remedy)
    if not image:
        yield _serving_environment()
    yield _lineage(home)
    yield _room(home)
    if image:
        return
    for database, program in (("MariaDB", "mariadbd"), ("PostgreSQL", "postgres")):
        found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:{_postgres_folders()}")
        text = found or "not installed; only the tests of the lineage on a server want it"
        yield Finding(database, True, text)


def _package(name: str, remedy: str) -> Finding:
    try:
        return Finding(name, True, version(name))
    except PackageNotFoundError:
        return Finding(name, False, "not installed in this environment", remedy)


def _serving_environment() -> Finding:
    from penstock.profiles.local import LocalProfile

    python = LocalProfile().environments["serving"]
    program = "import importlib.metadata as m, sys; print(*(f'{n} {m.version(n)}' for n in sys.argv[1:]), sep=', ')"
    try:
        command_line = [str(python), "-c", program, *_PACKAGES["serving"]]
        done = subprocess.run(command_line, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return Finding("serving environment", False, f"{python} is missing or broken", setup_command())
    return Finding("serving environment", True, done.stdout.strip())


def _lineage(home: Path) -> Finding:
    from penstock.cli.store import open_lineage
    from penstock.running.home import Home
    from penstock.sdk import PenstockError

    if not Home.is_at(home):
        return Finding("lineage", True, f"nothing has run in {home} yet; the first run makes it")
    try:
        runs = open_lineage(home).runs(limit=1)
    except PenstockError as error:
        return Finding("lineage", False, error.message, error.remedy)
    return Finding("lineage", True, f"last run: {runs[0].run_id}" if runs else "no runs yet")


def _room(home: Path) -> Finding:
    folder = next(parent for parent in (home, *home.parents) if parent.exists())
    free = shutil.disk_usage(folder).free
    writable = os.access(folder, os.W_OK)
    text = f"{free / 1e9:.1f} GB free in {folder}" if writable else f"{folder} cannot be written to"
    return Finding("room", writable and free > _LEAST_FREE_BYTES, text, "Free some room, or name another --home")


def _postgres_folders() -> str:
    return ":".join(str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin")))
