"""A state folder with runs and artifacts of every sort, some of them hostile, and a `penstock ui` that shows it."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.artifacts import Consequence, Decision, Reason, Verdict
from penstock.lineage.address import sqlite_url
from penstock.lineage.open import open_store
from penstock.lineage.records import ArtifactRecord, ExecutionRecord, RunRecord, State

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HOSTILE = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
RUNS = 120
PENSTOCK = "from penstock.cli.main import main; main()"


def png() -> bytes:
    """One red pixel."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\0\0")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def write_files(folder: Path) -> None:
    """The files of one artifact: each sort that is shown, and each that must not be."""
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "notes.txt").write_text(f"plain {HOSTILE}\n")
    (folder / "deep" / "er" / "task.json").write_text('{"b": [1, 2], "a": "ü"}')
    page = "<title>made by a run</title><p id='p'>before</p><script>document.getElementById('p').textContent='after';"
    page += "fetch('/').then(() => document.body.append('reached')).catch(() => 0);"
    page += "try { top.document.title = 'taken' } catch { }</script>"
    (folder / "view.html").write_text(page)
    (folder / "dot.png").write_bytes(png())
    (folder / "weights.bin").write_bytes(bytes(range(256)) * 4)
    (folder / "large.txt").write_text("0123456789" * 40_000)
    (folder / "broken.parquet").write_bytes(b"PAR1 nonsense")
    table = pa.table({"carrier": ["UA", HOSTILE, None] * 10, "delay": list(range(30))})
    pq.write_table(table, folder / "rows.parquet")
    (folder / "password").symlink_to("/etc/passwd")
    (folder / "up").symlink_to("..")
    (folder.parent / "beside.txt").write_text("root: of something else")
    os.mkfifo(folder / "pipe")


def make_home(home: Path) -> dict[str, int]:
    """Fill a state folder; returns the numbers of some artifacts by name."""
    for name in ("runs", "cache", "scratch", "alive"):
        (home / name).mkdir(parents=True)
    (home / "lock").touch()
    store = open_store(sqlite_url(home / "lineage.sqlite"))
    numbers = {}
    for number in range(RUNS):
        run_id, pipeline = f"run-{number:04d}", "churn" if number % 3 == 0 else "flights"
        started = BEGIN + timedelta(minutes=number)
        run = RunRecord(
            run_id=run_id,
            pipeline=pipeline,
            pipeline_digest="sha256:" + "ab" * 32,
            penstock_version="0.1.0",
            state=State.FAILED if number == 7 else State.COMPLETE,
            started=started,
            ended=started + timedelta(seconds=90),
            exit_code={7: 1, 8: 3}.get(number, 0),
            parameters={"train_epochs": number % 5, "note": HOSTILE if number == RUNS - 1 else ""},
            user="ann",
            host="laptop",
        )
        store.start_run(run)
        if number >= RUNS - 2:
            numbers = record_tasks(home, run, store.record, numbers)
    return numbers


def record_tasks(home: Path, run: RunRecord, record: object, known: dict[str, int]) -> dict[str, int]:
    """Three tasks in a row: data, model, verdict."""
    files = home / "runs" / run.run_id / "train" / "outputs" / "model"
    write_files(files)
    same = {"kind": "examples", "digest": "sha256:" + "1" * 64}
    examples = ArtifactRecord(uri=str(home / "runs" / run.run_id / "gone"), name="examples", **same)
    digest = f"sha256:{int(run.run_id[-4:]):064x}"
    model = ArtifactRecord(
        kind="model", uri=str(files), digest=digest, name="model", metadata={"eval_auc": 0.75, "text": HOSTILE}
    )
    outside = ArtifactRecord(kind="pushed_model", uri="/etc", digest="sha256:" + "2" * 64, name="pushed")
    remote = ArtifactRecord(kind="raw_data", uri="s3://bucket/rows", digest="sha256:" + "3" * 64, name="raw")
    blessing = ArtifactRecord(
        kind="model_blessing", uri=str(home / "runs" / run.run_id / "b"), digest="sha256:" + "4" * 64, name="blessing"
    )
    reason = Reason(rule="auc", subject=HOSTILE, verdict=Verdict.FAILED, text="0.75 is below 0.9")
    decision = Decision(verdict=Verdict.FAILED, consequence=Consequence.STOP, reasons=(reason,))
    common = {"run_id": run.run_id, "pipeline": run.pipeline, "state": State.COMPLETE, "started": run.started}
    steps = [
        ExecutionRecord(task="ingest", component="ingest", outputs=(examples, remote), **common),
        ExecutionRecord(task="train", component="trainer", inputs=(examples,), outputs=(model, outside), **common),
        ExecutionRecord(
            task="evaluate", component="evaluator", inputs=(model,), outputs=(blessing,), decision=decision, **common
        ),
    ]
    stored = record(steps)  # type: ignore[operator]
    return known | {output.name: output.id for step in stored for output in step.outputs}


@contextlib.contextmanager
def serving(home: Path, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A running `penstock ui` and its address, ended by Ctrl-C."""
    line = [sys.executable, "-c", PENSTOCK, "--home", str(home), "ui", "--port", "0", *arguments]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = process.stdout.readline()
        assert told.startswith("http://127.0.0.1:"), process.communicate()
        yield told.split()[0].rstrip("/"), process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
