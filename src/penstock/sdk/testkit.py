"""Run a component in a test exactly as a container would, on real files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from penstock.artifacts import Artifact, digest_tree
from penstock.sdk.context import Context
from penstock.sdk.entry import TaskResult, execute
from penstock.sdk.executor import ExecutorInput
from penstock.sdk.spec import ComponentSpec


def run_component(
    spec: ComponentSpec,
    run: Callable[[Context[Any]], None],
    folder: Path,
    *,
    params: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Artifact] | None = None,
    scratch: Path | None = None,
) -> TaskResult:
    """Execute a component in this process.

    Args:
        spec: Its declaration.
        run: Its work.
        folder: Where its outputs go, a folder each.
        params: Its parameters.
        inputs: Its inputs: outputs of another execution, or artifacts that the test wrote by hand (those get
            their digest here).
        scratch: A scratch folder that survives the call.

    Returns:
        The outputs, bound and digested, and the decision of a gate.
    """
    given = {}
    for name, artifact in (inputs or {}).items():
        metadata = {"kind": artifact.kind, "digest": artifact.digest or digest_tree(artifact.path)}
        given[name] = {"artifacts": [{"uri": str(artifact.path), "metadata": {**artifact.metadata, **metadata}}]}
    document = {
        "inputs": {"parameterValues": dict(params or {}), "artifacts": given},
        "outputs": {
            "artifacts": {n: {"artifacts": [{"uri": str(folder / n)}]} for n in spec.outputs},
            "outputFile": str(folder / "executor_output.json"),
        },
    }
    executor_input = ExecutorInput.model_validate(document)
    return execute(spec, run, executor_input, progress=lambda *_: None, scratch=scratch)
