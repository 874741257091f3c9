"""The programs that go into images, and what the Containerfile promises: without building anything."""

from __future__ import annotations

import importlib.util
import re
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

from penstock.provenance.labels import CODE_DIGESTS, ENVIRONMENT_DIGEST, labels

IMAGES = Path(__file__).resolve().parents[3] / "ci" / "images"
NAMES = ("runtime", "runtime-cuda", "serving", "control")


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_health_names_what_is_missing_or_another_version() -> None:
    health = load(IMAGES / "health.py")
    lock = f"click=={metadata.version('click')} \\\n    --hash=sha256:0\nrich==0.0.1\nno-such-package[x]==1\n"
    assert health.lacking(lock) == [
        f"rich 0.0.1 (there is {metadata.version('rich')})",
        "no-such-package 1 (there is nothing)",
    ]


def test_the_bill_of_materials_lists_debian_packages_with_their_addresses() -> None:
    sbom = load(IMAGES / "sbom" / "sbom.py")
    found = sbom.debian_packages()
    if not Path("/usr/bin/dpkg-query").exists():
        assert found == []
        return
    (libc,) = [package for package in found if package["name"] == "libc6"]
    assert libc["purl"].startswith(f"pkg:deb/debian/libc6@{libc['version'].replace('+', '%2B')}?arch=")
    assert len(found) > 50


def test_labels_are_of_this_environment_and_of_every_component() -> None:
    found = labels()
    assert list(found) == sorted(found) == [CODE_DIGESTS, ENVIRONMENT_DIGEST]
    assert '"trainer":"sha256:' in found[CODE_DIGESTS]


def test_the_containerfile_keeps_the_rules() -> None:
    text = (IMAGES / "Containerfile").read_text(encoding="utf-8")
    last = re.split(r"^FROM ", text, flags=re.MULTILINE)[-1]
    assert re.search(r"^ARG BASE_IMAGE=docker\.io/\S+@sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    assert "\nUSER 65532:65532\n" in last
    assert "\nHEALTHCHECK " in last
    assert "secret" not in last
    for label in ("licenses", "version", "revision", "base.name"):
        assert f"org.opencontainers.image.{label}=" in last


@pytest.mark.parametrize("name", NAMES)
def test_what_the_containerfile_says_of_an_image_runs_nothing(name: str) -> None:
    """What runs in a stage that an image is made of ends in a layer of it."""
    stages = stages_of((IMAGES / "Containerfile").read_text(encoding="utf-8"))
    assert f"{name}-lock" in stages
    texts, stage = [stages[""][1]], name
    while stage in stages:
        stage, text = stages[stage]
        texts.append(text)
    assert stage == "${BASE_IMAGE}"
    assert not re.search(r"^RUN ", "".join(texts), re.MULTILINE)
    for label in ("title", "description"):
        assert f"org.opencontainers.image.{label}=" in "".join(texts)


def stages_of(text: str) -> dict[str, tuple[str, str]]:
    """By name, the last one's is empty: what each stage is from, and what it does."""
    found = re.findall(r"^FROM (\S+)(?: AS (\S+))?\n((?:(?!FROM ).*\n?)*)", text, re.MULTILINE)
    return {name: (base, body) for base, name, body in found}


def test_the_cuda_lock_differs_from_the_cpu_lock_in_tensorflow_alone() -> None:
    def pins(file: str) -> set[str]:
        return set(
            re.findall(r"^([a-z0-9-]+(?:\[[^]]*\])?==\S+)", (IMAGES / "runtime" / file).read_text(), re.MULTILINE)
        )

    cpu, cuda = pins("requirements.lock"), pins("cuda.lock")
    assert {pin.partition("==")[0] for pin in cpu - cuda} == {"tensorflow-cpu"}
    assert {pin.partition("==")[0] for pin in cuda - cpu if not pin.startswith("nvidia-")} == {"tensorflow"}


def test_this_is_the_python_of_the_images() -> None:
    assert sys.version_info[:2] == (3, 11)
