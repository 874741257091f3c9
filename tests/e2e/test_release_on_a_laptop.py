"""Whole releases on this machine, by the command line: real model servers, traffic, labels that come late, a kill."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.releasing.local.replaying import Replay, Row, Sent
from penstock.serving.bundle import Bundle
from penstock.serving.load_test.target import target_of
from tests.servers.bundles import push
from tests.servers.gateway import PYTHON
from tests.unit.serving.small_model import score_by_hand

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PYTHON.exists(), reason="no serving environment (make setup)")]
WAIT_SECONDS = 400
RATE = 20.0


def penstock(home: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-c", "from penstock.cli.main import main; main()", "--home", str(home), *arguments]


@pytest.fixture(scope="module")
def bundles(small_models: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    """Two bundles of one model, and one whose model hardly ever says late."""
    folder = tmp_path_factory.mktemp("bundles")
    models = {"flights": "good", "better": "good", "worse": "worse"}
    return {name: push(small_models / model, folder, name) for name, model in models.items()}


def rows() -> list[Row]:
    """Rows with labels that come true as often as the good model says."""
    rng = random.Random(7)  # noqa: S311
    found = []
    for _ in range(500):
        features = {
            "carrier": rng.choice(["AA", "UA", "B6"]),
            "temp": round(rng.uniform(-8, 6), 2),
            "distance": rng.randrange(100, 2500),
        }
        found.append(Row(features, int(rng.random() < score_by_hand(features))))
    return found


@dataclass
class Laptop:
    """A state folder, and what runs on it."""

    home: Path
    url: str = ""
    serving: subprocess.Popen[str] | None = None
    failures: dict[str, int] = field(default_factory=dict)

    def serve(self, bundle: Bundle) -> None:
        line = penstock(self.home, "serve", "--bundle", str(bundle.path), "--port", "0")
        log = (self.home.parent / "serve.log").open("a")
        self.serving = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.serving.stdout
        self.url = self.serving.stdout.readline().split()[0]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.serving
        self.serving.send_signal(number)
        return self.serving.wait(90)

    def release(self, bundle: Bundle) -> Path:
        """The file of a release with times that a test can wait for."""
        step = {"minSeconds": 2, "deadlineSeconds": 600}
        spec = {
            "model": {"digest": bundle.digest, "storageUri": bundle.path.as_uri()},
            "serving": {"runtime": "penstock", "resources": {"requests": {"memory": "100Mi"}}},
            "route": {"host": "flights.example.com", "gateway": {"name": "gateway", "namespace": "default"}},
            "ladder": [
                {"name": "shadow", "mirrorPercent": 50, "minSamples": 50, **step},
                {"name": "canary-50", "weightPercent": 50, "minSamples": 50, **step},
                {"name": "canary-100", "weightPercent": 100, "minSamples": 0, **step},
            ],
            "analysis": {
                "gates": [
                    {"name": "errors", "metric": "errorRate", "margin": 0.2, "minimumSamples": 50},
                    {
                        "name": "quality",
                        "metric": "quality",
                        "margin": 0.2,
                        "minimumSamples": 50,
                        "source": {"kind": "labels", "labels": str(self.home / "labels")},
                    },
                ]
            },
            "warmUp": {"seconds": 1},
            "bake": {"seconds": 2, "deadlineSeconds": 600},
            "guardrails": {"startupSeconds": WAIT_SECONDS, "drainSeconds": 1},
        }
        file = self.home.parent / "release.yaml"
        document = {"apiVersion": "penstock.io/v1alpha1", "kind": "ModelRelease", "metadata": {"name": "flights"}}
        file.write_text(yaml.safe_dump({**document, "spec": spec}))
        return file

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        line = penstock(self.home, "release", *arguments)
        return subprocess.run(line, capture_output=True, text=True, timeout=WAIT_SECONDS + 60, check=False)

    def wait(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.ask(*arguments, "--timeout-seconds", str(WAIT_SECONDS))

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ask("show", "flights", "--json").stdout)["status"]
        return found


class Traffic:
    """Requests at an even rate, from a thread, until told to end."""

    def __init__(self, laptop: Laptop, name: str, sent: Sequence[Row]) -> None:
        labels = laptop.home / "labels" / f"{name}.csv"
        self._replay = Replay(sent, target_of(laptop.url), labels, label_delay_seconds=1.0, prefix=name)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()

    async def _run(self) -> None:
        stop = asyncio.Event()
        await self._replay.run(RATE, None, stop, lambda _: stop.set() if self._stop.is_set() else None)

    def end(self) -> Sent:
        self._stop.set()
        self._thread.join()
        return self._replay.counts


@pytest.fixture(scope="module")
def laptop(bundles: dict[str, Bundle], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    found = Laptop(tmp_path_factory.mktemp("laptop") / "home")
    found.serve(bundles["flights"])
    yield found
    if found.serving and found.serving.poll() is None:
        found.end()


def test_a_good_bundle_is_promoted_and_a_bad_one_rolled_back_and_nobody_is_failed(
    laptop: Laptop, bundles: dict[str, Bundle]
) -> None:
    traffic = Traffic(laptop, "first", rows())
    try:
        good = laptop.wait("apply", "-f", str(laptop.release(bundles["better"])), "--wait")
        promoted = laptop.status()
        bad = laptop.wait("apply", "-f", str(laptop.release(bundles["worse"])), "--wait")
        rejected = laptop.status()
    finally:
        counts = traffic.end()
    assert good.returncode == 0, good.stderr
    assert "promoted" in good.stdout
    assert promoted["stable"]["version"]["bundle"]["digest"] == bundles["better"].digest
    assert [entry["event"] for entry in promoted["history"]] == ["Adopted", "Started", *["Advanced"] * 4, "Promoted"]
    assert bad.returncode == 3, bad.stderr
    assert "gate quality: worse: squaredError" in bad.stdout
    assert rejected["phase"] == "RolledBack"
    assert rejected["stable"] == promoted["stable"]
    assert rejected["route"]["seen"] == {"aPercent": 0, "bPercent": 100, "mirrorPercent": 0, "mirrorTo": None}
    assert (counts.failed, counts.failures) == (0, {})
    assert set(counts.bundles) >= {bundles["flights"].digest, bundles["better"].digest}


def test_the_release_is_on_one_page(laptop: Laptop) -> None:
    made = json.loads(laptop.ask("report", "flights", "--json").stdout)
    page = Path(made["report"]).read_text()
    assert made["bytes"] < 3_000_000
    assert "Attempt 2" in page
    assert "quality: evidence of harm" in page


def test_a_killed_release_goes_on_where_it_was(laptop: Laptop, bundles: dict[str, Bundle]) -> None:
    """Killed in shadow and started again: the stable serves first, and what the gates have seen counts on."""
    traffic = Traffic(laptop, "second", rows())
    assert laptop.ask("apply", "-f", str(laptop.release(bundles["flights"]))).returncode == 0
    lines = penstock(laptop.home, "release", "watch", "flights", "--json")
    with subprocess.Popen(lines, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout
        for line in watching.stdout:
            before = json.loads(line)
            if before["step"] == "shadow" and any(gate["samples"] for gate in before["gates"]):
                break
        laptop.end(signal.SIGKILL)
        watching.terminate()
    traffic.end()
    laptop.serve(bundles["flights"])
    assert json.loads((laptop.home / "releases/flights/evidence.json").read_text())["trial"] == before["trial"]
    traffic = Traffic(laptop, "third", rows())
    ended = laptop.wait("watch", "flights")
    counts = traffic.end()
    assert ended.returncode == 0, ended.stderr
    status = laptop.status()
    assert status["stable"]["version"]["bundle"]["digest"] == bundles["flights"].digest
    events = [entry["event"] for entry in status["history"] if entry["trial"] == before["trial"]]
    assert events.count("Started") == 1
    assert "Interrupted" in events
    assert (counts.failed, counts.failures) == (0, {})
    assert laptop.end() == 0


def test_without_a_server_a_release_is_kept_and_said_to_wait(laptop: Laptop, bundles: dict[str, Bundle]) -> None:
    file = str(laptop.release(bundles["better"]))
    waiting = laptop.ask("apply", "-f", file, "--wait")
    assert (waiting.returncode, waiting.stdout) == (2, "")
    assert "penstock serve flights" in waiting.stderr
    kept = laptop.ask("apply", "-f", file)
    assert (kept.returncode, kept.stdout.split(":")[0]) == (0, "release flights changed")
    assert "penstock serve flights" in kept.stderr
