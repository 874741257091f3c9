"""Flux's CustomResourceDefinitions, generated from the pinned Go types of its resources: once, then from the cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.servers.tools import BUILD_SECONDS, ROOT

MODULE = ROOT / "ci" / "envtest" / "flux"
TYPES = ("github.com/fluxcd/kustomize-controller/api/v1", "github.com/fluxcd/source-controller/api/v1")


def flux_crds() -> Path:
    """The folder that they are in. Without Go or its modules, the test is skipped."""
    pinned = hashlib.sha256(b"".join((MODULE / name).read_bytes() for name in ("go.mod", "go.sum"))).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "penstock"
    folder = cache / f"flux-{pinned[:16]}"
    if folder.exists():
        return folder
    if shutil.which("go") is None:
        pytest.skip("Flux's CustomResourceDefinitions are generated with Go, which is not here (https://go.dev/dl)")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=f"{folder.name}.") as partial:
        made = Path(partial) / "crds"
        command = ["go", "tool", "controller-gen", "crd", *(f"paths={each}" for each in TYPES)]
        command.append(f"output:crd:dir={made}")
        done = subprocess.run(command, cwd=MODULE, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
        if done.returncode:
            pytest.skip(f"Flux's CustomResourceDefinitions cannot be generated: {done.stderr.strip()[-300:]}")
        if not folder.exists():
            made.rename(folder)
    return folder
