"""What Kubeflow's launcher does around a component's command, for tests without a cluster.

It downloads the inputs that are wired, starts the command with the executor input in its last argument, and uploads
what lies at the outputs' local paths: with the launcher's own rules about addresses.

Source:
    kubeflow/pipelines release-2.17, backend/src/v2/driver/driver.go, provisionOutputs; backend/src/v2/component/
    launcher_v2.go, executeV2, downloadArtifacts, uploadOutputArtifacts, mergeRuntimeArtifacts, LocalPathForURI;
    backend/src/v2/objectstore/config.go, KeyFromURI.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.provenance import variables
from penstock.sdk import ComponentSpec

ROOT = Path(__file__).parents[2]
PARTS = ROOT / "tests" / "e2e"
_MOUNTS = {"s3://": Path("/s3")}

Artifact = dict[str, Any]


@dataclass
class Run:
    """One run of a pipeline, whose tasks are started by hand.

    Args:
        root: The pipeline root: `s3://bucket/root`, or a folder that all pods have mounted.
        environment: What pods of the run have in theirs: how to get at the store.
        lineage: The lineage store's URL.
    """

    root: str
    lineage: str
    run_id: str = field(default_factory=lambda: f"run-{secrets.token_hex(4)}")
    pipeline: str = "tiny"
    environment: Mapping[str, str] = field(default_factory=dict)
    python: str = sys.executable

    @property
    def prefix(self) -> str:
        """Where the run's outputs go: the launcher uploads nowhere else."""
        return f"{self.root}/{self.pipeline}/{self.run_id}/"

    def task(self, spec: ComponentSpec, /, *, task_name: str = "", module: str = "", **parameters: Any) -> Task:
        """One task whose driver has run: its outputs have their addresses."""
        salt = f"{secrets.token_hex(4)}-{secrets.token_hex(2)}"
        task = task_name or spec.name
        return Task(self, spec, task, module or f"parts.{spec.name}.main", f"{self.prefix}{task}/{salt}", parameters)


@dataclass
class Task:
    """One task of a run; its attempts share the addresses of its outputs."""

    run: Run
    spec: ComponentSpec
    name: str
    module: str
    place: str
    parameters: Mapping[str, Any]
    inputs: dict[str, Artifact] = field(default_factory=dict)

    def wire(self, **inputs: Artifact) -> Task:
        """Give it other tasks' outputs."""
        self.inputs.update(inputs)
        return self

    @contextmanager
    def pod(self, **environment: str) -> Iterator[Pod]:
        """A pod for one attempt: with its inputs on its disk, and nothing else of the store's."""
        folder = Path(tempfile.mkdtemp(prefix="penstock-pod-"))
        pod = Pod(self, folder, environment)
        try:
            pod.download()
            yield pod
        finally:
            pod.remove()

    def execute(self, code: int = 0, **environment: str) -> dict[str, Artifact]:
        """One attempt from beginning to end; returns its outputs as later tasks are given them."""
        with self.pod(**environment) as pod:
            process = pod.start()
            out, err = process.communicate(timeout=120)
            assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}"
            self.said = err
            return pod.upload() if code == 0 else {}


@dataclass
class Pod:
    """One attempt: what its container finds and leaves."""

    task: Task
    folder: Path
    environment: Mapping[str, str]

    @property
    def executor_input(self) -> dict[str, Any]:
        """What the launcher puts in place of `{{$}}`."""
        task = self.task
        outputs: dict[str, Any] = {
            "artifacts": {
                name: {
                    "artifacts": [
                        {
                            "name": name,
                            "uri": f"{task.place}/{name}",
                            "type": {"schemaTitle": port.noun.schema_title, "schemaVersion": "0.0.1"},
                            "metadata": {},
                        }
                    ]
                }
                for name, port in task.spec.outputs.items()
            },
            "outputFile": str(self.folder / "output_metadata.json"),
        }
        logs = {"name": "executor-logs", "uri": f"{task.place}/executor-logs-{self.folder.name}", "metadata": {}}
        outputs["artifacts"]["executor-logs"] = {"artifacts": [logs]}  # one an attempt
        if task.spec.gate:
            outputs["parameters"] = {"gate": {"outputFile": str(self.folder / "outputs" / "gate")}}
        inputs = {
            "parameterValues": dict(task.parameters),
            "artifacts": {name: {"artifacts": [given]} for name, given in task.inputs.items()},
        }
        return {"inputs": inputs, "outputs": outputs}

    def download(self) -> None:
        """Have the wired inputs where the component will look for them."""
        (self.folder / "outputs").mkdir()
        for given in self.task.inputs.values():
            if given["uri"].startswith("s3://"):
                self._store().get(given["uri"] + "/", str(local_path(given["uri"])) + "/", recursive=True)

    def start(self) -> subprocess.Popen[str]:
        """Start the component's command."""
        run = self.task.run
        known = {
            variables.LAUNCHER: "penstock.launching",
            variables.LINEAGE: run.lineage,
            variables.PIPELINE: run.pipeline,
            variables.TASK: self.task.name,
            variables.RUN_ID: run.run_id,
            variables.POD: f"{self.task.name}-{self.folder.name}",
            "PYTHONPATH": os.pathsep.join([str(PARTS), str(ROOT / "src")]),
            "TMPDIR": str(self.folder),
        }
        return subprocess.Popen(
            [run.python, "-m", self.task.module, json.dumps(self.executor_input)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **run.environment, **known, **self.environment},
        )

    def upload(self) -> dict[str, Artifact]:
        """Upload what the component put out, as it said where."""
        said = json.loads((self.folder / "output_metadata.json").read_text())["artifacts"]
        outputs = {}
        for name, given in self.executor_input["outputs"]["artifacts"].items():
            if name == "executor-logs":
                continue
            artifact = {**given["artifacts"][0], **said[name]["artifacts"][0]}
            outputs[name] = artifact
            if not artifact["uri"].startswith("s3://"):
                continue  # a scheme that the launcher does not know: it skips uploading
            if not artifact["uri"].startswith(self.task.run.prefix):
                raise AssertionError(f"URI {artifact['uri']!r} does not have expected bucket prefix")
            path = local_path(artifact["uri"])
            if path.exists():  # else the launcher warns, and records the address all the same
                for file in sorted(p for p in path.rglob("*") if p.is_file()):
                    self._store().put_file(str(file), f"{artifact['uri']}/{file.relative_to(path).as_posix()}")
        return outputs

    def remove(self) -> None:
        """A pod's volumes go with it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.task.run.root.startswith("s3://"):
            shutil.rmtree(local_path(self.task.run.root).parent, ignore_errors=True)

    def _store(self) -> Any:
        import s3fs

        return s3fs.S3FileSystem(use_listings_cache=False)


def local_path(uri: str) -> Path:
    """Where the launcher puts an address in the container."""
    scheme = uri[: uri.index("://") + 3]
    return _MOUNTS[scheme] / uri.removeprefix(scheme)
