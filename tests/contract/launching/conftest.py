"""Tasks as Kubeflow starts them, with a lineage of their own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from penstock.lineage.address import sqlite_url
from penstock.lineage.open import open_store
from penstock.lineage.port import LineageStore
from tests.servers.kubeflow_launcher import PARTS, Run

if str(PARTS) not in sys.path:
    sys.path.append(str(PARTS))


@pytest.fixture
def lineage(tmp_path: Path) -> str:
    """The URL of an empty lineage."""
    return sqlite_url(tmp_path / "lineage.sqlite")


@pytest.fixture
def store(lineage: str) -> LineageStore:
    """The same lineage, for looking."""
    return open_store(lineage)


@pytest.fixture
def run(lineage: str, tmp_path: Path) -> Run:
    """A run whose outputs are in a folder that all pods have mounted."""
    return Run(str(tmp_path / "volume"), lineage)


@pytest.fixture
def s3_run(lineage: str, bucket: str) -> Run:
    """A run whose outputs are in an object store."""
    if not os.access("/", os.W_OK):
        pytest.skip("the launcher's mount /s3 can be made by root only")
    return Run(f"{bucket}/root", lineage)
