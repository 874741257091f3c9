"""A warm process of the serving environment, and a small model to judge."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from penstock.artifacts import Decision

REPOSITORY = Path(__file__).parents[3]
PYTHON = REPOSITORY / ".venv-serving/bin/python"
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{REPOSITORY / 'src'}:{REPOSITORY}"}


@dataclass
class Judged:
    """How a component ended."""

    code: int
    error: str
    folder: Path

    @property
    def decision(self) -> Decision:
        return Decision.model_validate_json((self.folder / "blessing/decision.json").read_text())

    @property
    def metadata(self) -> dict[str, Any]:
        document = json.loads((self.folder / "executor_output.json").read_text())
        return document["artifacts"]["blessing"]["artifacts"][0]["metadata"]

    @property
    def worst(self):
        return self.decision.reasons[0]


def executor_input(model: Path, folder: Path, params: dict[str, Any]) -> dict[str, Any]:
    metadata = {"kind": "model", "digest": "sha256:the-model"}
    return {
        "inputs": {
            "parameterValues": params,
            "artifacts": {"model": {"artifacts": [{"uri": str(model), "metadata": metadata}]}},
        },
        "outputs": {
            "artifacts": {"blessing": {"artifacts": [{"uri": str(folder / "blessing")}]}},
            "outputFile": str(folder / "executor_output.json"),
        },
    }


class Worker:
    """Starts the component in forks of a warm process."""

    def __init__(self) -> None:
        script = Path(__file__).parent / "serving_worker.py"
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(
            [str(PYTHON), str(script)], cwd=REPOSITORY, env=ENVIRONMENT, text=True, bufsize=1, **pipes
        )
        assert self._process.stdout.readline() == "ready\n"

    def start(
        self,
        model: Path,
        folder: Path,
        *,
        without_network: bool = False,
        tensorflow_started: bool = False,
        **params: Any,
    ) -> int:
        """Start judging a model; the process id."""
        folder.mkdir(exist_ok=True)
        request = {
            "executor_input": executor_input(model, folder, params),
            "stderr": str(folder / "stderr"),
            "scratch": str(folder),
            "without_network": without_network,
            "tensorflow_started": tensorflow_started,
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        return int(self._process.stdout.readline())

    def end(self, folder: Path) -> Judged:
        """Wait for it."""
        return Judged(int(self._process.stdout.readline()), (folder / "stderr").read_text(), folder)

    def judge(self, model: Path, folder: Path, **params: Any) -> Judged:
        self.start(model, folder, **params)
        return self.end(folder)

    def close(self) -> None:
        self._process.stdin.close()
        assert self._process.wait(30) == 0


@pytest.fixture(scope="session")
def worker():
    if not PYTHON.exists():
        pytest.skip("no serving environment (make setup)")
    warm = Worker()
    yield warm
    warm.close()


@pytest.fixture
def model(small_models, tmp_path):
    """A good model of the test's own, to be spoilt."""
    return shutil.copytree(small_models / "good", tmp_path / "model")
