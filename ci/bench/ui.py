#!/usr/bin/env python
"""Time the local pages where many runs are kept.

    .venv/bin/python ci/bench/ui.py --work /tmp/bench --runs 10000 --rounds 20

The runs are written once, through the lineage store itself: eight tasks each, every task with an output that the next
takes in, as a real run has them. Then `penstock ui` is started and asked over HTTP. Prints Markdown.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from penstock.lineage.address import sqlite_url
from penstock.lineage.open import open_store
from penstock.lineage.records import ArtifactRecord, ExecutionRecord, RunRecord, State

REPOSITORY = Path(__file__).resolve().parents[2]
PENSTOCK = str(REPOSITORY / ".venv" / "bin" / "penstock")
TASKS = ("ingest", "validate", "transform", "train", "evaluate", "prove", "push", "report")
KINDS = ("examples", "examples", "transform_graph", "model", "evaluation", "infra_blessing", "pushed_model", "report")
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
SEED_MEANT = "train_seed=77"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--work", type=Path, required=True, help="where the runs are kept from one measurement to the next"
    )
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    home = given.work / f"home-ui-{given.runs}"
    write_runs(home, given.runs)
    last = -(-given.runs // 50)
    pages = {
        "first page of the list": "/",
        "last page": f"/?page={last}",
        "one pipeline": "/?pipeline=churn",
        "failed ones": "/?state=failed",
        f"text `{SEED_MEANT}`": f"/?text={SEED_MEANT}",
        "one run": "/runs/latest",
        "one artifact with its graph": "/artifacts/4",
    }
    rows = []
    with serving(home) as (address, started, process):
        rows.append(("start of the server, to its first answer", [started]))
        for name, path in pages.items():
            rows.append((name, [ask(address, path) for _ in range(given.rounds)]))
        memory, cpu = process.memory_full_info().pss / 1e6, sum(process.cpu_times()[:2])
    rows.append(("`penstock runs list`", [command(home) for _ in range(3)]))
    rows.append(("`penstock runs list --text`", [command(home, "--text", SEED_MEANT) for _ in range(3)]))
    print(f"{given.runs:,} runs of {len(TASKS)} tasks; server: {memory:.0f} MB, {cpu:.2f} s of CPU for all of it\n")
    print("| what | wall, median (min-max) [s] | times |\n|---|---|---|")
    for name, walls in rows:
        print(f"| {name} | {statistics.median(walls):.3f} ({min(walls):.3f}-{max(walls):.3f}) | {len(walls)} |")


def write_runs(home: Path, count: int) -> None:
    """Fill a state folder, unless it is full already."""
    done = home / "written"
    if done.exists():
        return
    for name in ("runs", "cache", "scratch", "alive"):
        (home / name).mkdir(parents=True, exist_ok=True)
    store = open_store(sqlite_url(home / "lineage.sqlite"))
    began = time.monotonic()
    for number in range(count):
        run = a_run(number)
        store.start_run(run)
        store.record(list(tasks(run, number, home)))
    print(f"wrote {count:,} runs in {time.monotonic() - began:.0f} s", file=sys.stderr)
    done.touch()


def a_run(number: int) -> RunRecord:
    """One run among many: four pipelines, a tenth failed, parameters that differ."""
    started = BEGIN + timedelta(minutes=20 * number)
    pipeline = ("flights", "churn", "prices", "digits")[number % 4]
    failed = number % 10 == 3
    return RunRecord(
        run_id=f"{pipeline}-{started:%Y%m%dT%H%M%S}-{number:04x}",
        pipeline=pipeline,
        pipeline_digest=f"sha256:{number % 5:064x}",
        penstock_version="0.1.0",
        state=State.FAILED if failed else State.COMPLETE,
        started=started,
        ended=started + timedelta(seconds=20 + number % 7),
        exit_code=1 if failed else 0,
        parameters={
            "ingest_sources": {
                "rows": {"uri": f"s3://bucket/day-{number}.parquet", "types": {"a": "int", "b": "float"}}
            },
            "train_epochs": number % 9,
            "train_learning_rate": 0.001 * (1 + number % 3),
            "train_seed": number % 1000,
        },
        user="ann",
        host="laptop.example.com",
    )


def tasks(run: RunRecord, number: int, home: Path) -> Iterator[ExecutionRecord]:
    """The tasks of a run, each taking in what the one before put out."""
    before: tuple[ArtifactRecord, ...] = ()
    for position, (task, kind) in enumerate(zip(TASKS, KINDS, strict=True)):
        place = home / "runs" / run.run_id / task / "outputs" / kind
        digest = f"sha256:{number:032x}{position:032x}"
        metadata = {"rows": 1000 + number, "eval_auc": 0.5 + (number % 400) / 1000}
        output = ArtifactRecord(kind=kind, uri=str(place), digest=digest, name=kind, metadata=metadata)
        yield ExecutionRecord(
            run_id=run.run_id,
            pipeline=run.pipeline,
            task=task,
            component=task,
            state=State.COMPLETE,
            started=run.started + timedelta(seconds=2 * position),
            ended=run.started + timedelta(seconds=2 * position + 2),
            seconds=2.0,
            cpu_seconds=1.5,
            peak_memory_bytes=400_000_000,
            rows=1000 + number,
            parameters={"seed": number % 1000, "columns": ["a", "b", "c"]},
            inputs=before,
            outputs=(output,),
            code_digest=f"sha256:{position:064x}",
        )
        before = (output,)


@contextlib.contextmanager
def serving(home: Path) -> Iterator[tuple[str, float, psutil.Process]]:
    """A running server: its address, how long it took to answer for the first time [s], and its process."""
    began = time.monotonic()
    line = [PENSTOCK, "--home", str(home), "ui", "--port", "0"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        address = process.stdout.readline().split()[0]
        ask(address, "/")
        yield address, time.monotonic() - began, psutil.Process(process.pid)
        process.send_signal(signal.SIGINT)


def ask(address: str, path: str) -> float:
    """Ask for a page as a browser does, links followed; returns how long it took to have it whole [s]."""
    began = time.monotonic()
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status == 307:
        return ask(address, answer.headers["location"])
    if answer.status != 200 or b"</html>" not in body:
        raise SystemExit(f"{path}: {answer.status}")
    return time.monotonic() - began


def command(home: Path, *options: str) -> float:
    """How long the command takes, process start included [s]."""
    began = time.monotonic()
    subprocess.run([PENSTOCK, "--home", str(home), "runs", "list", *options], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
