"""Calling `penstock` as a person does, in this process where nothing speaks against it: it is quicker."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

from penstock.cli.main import main

REPOSITORY = Path(__file__).resolve().parents[3]
COMPILED = "pipelines/flights/compiled.yaml"
ENVIRONMENT = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(REPOSITORY / "src")}


def write_profile(path: Path, url: str, **more: str) -> str:
    """A profile of a cluster whose API server is at a URL."""
    settings = {"host": url, "auth": "none", **more}
    lines = [f"  {key}: {value}" for key, value in settings.items()]
    path.write_text("\n".join(["kind: cluster", "experiment: trials", "kubeflow:", *lines]) + "\n")
    return str(path)


def command(*arguments: str) -> list[str]:
    """The command line of a process of its own."""
    return [sys.executable, "-c", "from penstock.cli.main import main; main()", *arguments]


def penstock(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Call it, and keep what it wrote and how it ended."""
    out, err = io.StringIO(), io.StringIO()
    code = None
    with (
        contextlib.chdir(REPOSITORY),
        mock.patch.object(sys, "argv", ["penstock", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
    return subprocess.CompletedProcess(arguments, int(code or 0), out.getvalue(), err.getvalue())
