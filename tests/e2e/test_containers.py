"""The profile `containers` on a real Docker Engine: same digests, safe containers, every failure seen."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from penstock import __version__
from penstock.profiles.containers import ContainersProfile
from penstock.running.engine import HOME, RUN
from penstock.running.events import TaskProgress, TaskStarted
from penstock.running.home import Home
from penstock.running.report import report
from penstock.running.runner import run_pipeline
from penstock.sdk import BadInput
from tests.e2e import flights_sample
from tests.e2e.tiny_pipeline import HERE, digests, run, start, states, write_pipeline

pytestmark = [pytest.mark.docker, pytest.mark.slow]

RUNTIME = f"penstock/runtime:{__version__}"
PARTS = "penstock/runtime-parts:test"
"""The runtime with the small components of these tests: what a project with components of its own builds."""
DONE = dict.fromkeys(("numbers", "double", "judge", "publish"), "complete")


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(scope="module")
def parts(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("parts")
    shutil.copytree(HERE / "parts", folder / "parts", ignore=shutil.ignore_patterns("__pycache__"))
    site = "/opt/penstock/lib/python3.11/site-packages"
    (folder / "Dockerfile").write_text(f"FROM {RUNTIME}\nCOPY parts {site}/parts\n")
    engine.images.build(path=str(folder), tag=PARTS)
    yield PARTS
    engine.images.remove(PARTS, force=True)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def contain(
    compiled: Path, home: Path, code: int = 0, profile: ContainersProfile | None = None, **options: Any
) -> dict:
    """Run in containers; returns the report."""
    chosen = {name: options.pop(name) for name in ("use_cache", "on_event") if name in options}
    settings = {key: value if isinstance(value, str) else json.dumps(value) for key, value in options.items()}
    result = run_pipeline(
        compiled, home=home, settings=settings, profile=profile or ContainersProfile(pull="never"), **chosen
    )
    document = report(result)
    assert result.exit_code == code, document
    return document


def program(folder: Path, source: str, *, image: str = RUNTIME, **resources: object) -> Path:
    """A pipeline of one task: a Python program that gets the file of its output parameter `said` as argument."""
    container = {
        "image": image,
        "command": ["python", "-c", source],
        "args": ["{{$.outputs.parameters['said'].output_file}}"],
        **({"resources": resources} if resources else {}),
    }
    document = {
        "pipelineInfo": {"name": "one"},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.13.0",
        "components": {
            "comp-ask": {
                "executorLabel": "exec-ask",
                "outputDefinitions": {"parameters": {"said": {"parameterType": "STRING"}}},
            }
        },
        "deploymentSpec": {"executors": {"exec-ask": {"container": container}}},
        "root": {"dag": {"tasks": {"ask": {"taskInfo": {"name": "ask"}, "componentRef": {"name": "comp-ask"}}}}},
    }
    path = folder / "compiled.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def the_task(document: dict) -> dict:
    return next(task for task in document["tasks"] if task["state"] in ("failed", "complete"))


def left(engine: docker.DockerClient, home: Path) -> list[Any]:
    return engine.containers.list(all=True, filters={"label": f"{HOME}={home}"}, ignore_removed=True)


def running(engine: docker.DockerClient, home: Path) -> list[Any]:
    return [container for container in left(engine, home) if container.status == "running"]


def when_running(engine: docker.DockerClient, home: Path, act: Callable[[Any], object]) -> Callable[[object], None]:
    """A listener of a run that does something with its first container while that runs."""

    def soon() -> None:
        wait_for(lambda: running(engine, home))
        act(running(engine, home)[0])

    def listen(event: object) -> None:
        if isinstance(event, TaskStarted):
            threading.Thread(target=soon).start()

    return listen


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


# --- the same work


def test_containers_give_the_digests_of_processes(parts: str, home: Path, tmp_path: Path) -> None:
    compiled = write_pipeline(tmp_path, image=parts)
    inside = contain(compiled, home)
    assert states(inside) == DONE
    assert digests(inside) == digests(run(compiled, tmp_path / "other"))
    assert inside["verdicts"][0]["verdict"] == "Successful"
    numbers = next(task for task in inside["tasks"] if task["task"] == "numbers")
    assert numbers["rows"] == 3
    assert numbers["cpu_seconds"] > 0 and numbers["peak_memory_bytes"] > 1e7


def test_what_a_process_has_done_no_container_does_again(parts: str, home: Path, tmp_path: Path) -> None:
    """The environment of this machine and of the image, made from one lock, have one digest."""
    compiled = write_pipeline(tmp_path, image=parts)
    run(compiled, home)
    assert states(contain(compiled, home)) == dict.fromkeys(DONE, "cached")
    assert states(contain(compiled, home, factor=3))["double"] == "complete"
    assert states(run(compiled, home, factor=3)) == dict.fromkeys(DONE, "cached")


def test_nothing_is_left_of_a_finished_run(engine: docker.DockerClient, parts: str, home: Path, tmp_path: Path) -> None:
    contain(write_pipeline(tmp_path, image=parts), home)
    assert left(engine, home) == []
    assert list((home / "alive").iterdir()) == list((home / "scratch").iterdir()) == []
    assert [path for path in home.rglob("*") if ".partial-" in path.name or path.name in ("tmp", ".report")] == []


def test_progress_comes_through(parts: str, home: Path, tmp_path: Path) -> None:
    seen = []
    contain(write_pipeline(tmp_path, image=parts), home, seconds=1, on_event=seen.append)
    progress = [event for event in seen if isinstance(event, TaskProgress) and event.id == "double"]
    assert progress and progress[0].total == 3


# --- failures


def test_a_failed_container_is_seen_as_failed(parts: str, home: Path, tmp_path: Path) -> None:
    document = contain(write_pipeline(tmp_path, image=parts), home, code=1, crash=True)
    double = next(task for task in document["tasks"] if task["task"] == "double")
    assert double["state"] == "failed"
    assert double["why"] == "ZeroDivisionError: one over nothing"
    assert "Traceback" in Path(double["log"]).read_text()
    assert states(document)["judge"] == "skipped"


def test_any_exit_code_but_zero_is_a_failure(home: Path, tmp_path: Path) -> None:
    source = "import sys; print('before', flush=True); open(sys.argv[1], 'w').write('x'); sys.exit(3)"
    task = the_task(contain(program(tmp_path, source), home, code=1))
    assert task["why"] == "ended with exit code 3"
    assert "before" in Path(task["log"]).read_text()


def test_out_of_memory_is_named(engine: docker.DockerClient, home: Path, tmp_path: Path) -> None:
    source = "block = bytearray(400_000_000); block[::4096] = b'x' * len(block[::4096])"
    task = the_task(contain(program(tmp_path, source, resourceMemoryLimit="128Mi"), home, code=1))
    assert task["why"] == "was killed: out of memory (OOMKilled); its limit is 134 MB"
    assert left(engine, home) == []


def test_a_killed_container_is_a_failed_task(engine: docker.DockerClient, home: Path, tmp_path: Path) -> None:
    kill = when_running(engine, home, lambda container: container.kill())
    task = the_task(contain(program(tmp_path, "import time; time.sleep(60)"), home, code=1, on_event=kill))
    assert task["why"] == "was killed by SIGKILL"


def test_a_command_that_is_not_there(home: Path, tmp_path: Path) -> None:
    compiled = program(tmp_path, "")
    compiled.write_text(compiled.read_text().replace("- python\n", "- no-such-program\n"))
    assert "no-such-program" in the_task(contain(compiled, home, code=1))["why"]


def test_a_missing_image_stops_before_anything_starts(home: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"image 'penstock/absent:1' is not on this machine.*ci/build-images"):
        contain(program(tmp_path, "", image="penstock/absent:1"), home)
    assert not home.exists()


def test_an_image_that_cannot_be_pulled_stops_before_anything_starts(home: Path, tmp_path: Path) -> None:
    compiled = program(tmp_path, "", image="localhost:1/penstock/runtime:1")
    with pytest.raises(BadInput, match=r"image 'localhost:1/penstock/runtime:1' cannot be pulled: "):
        contain(compiled, home, profile=ContainersProfile())
    assert not home.exists()


def test_an_image_of_other_code_is_refused(parts: str, home: Path, tmp_path: Path) -> None:
    shutil.copytree(HERE / "parts", tmp_path / "parts")
    logic = tmp_path / "parts" / "double" / "main.py"
    logic.write_text(logic.read_text() + "\n# changed\n")
    process = start(write_pipeline(tmp_path, image=parts), home, parts=tmp_path, prelude=IN_CONTAINERS, until="double")
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 2, out
    assert (
        "the image holds other code of double"
        in next(t for t in json.loads(out)["tasks"] if t["task"] == "double")["why"]
    )


# --- being stopped

IN_CONTAINERS = """
import functools, penstock.running.runner as runner
from penstock.profiles.containers import ContainersProfile
runner.run_pipeline = functools.partial(runner.run_pipeline, profile=ContainersProfile(pull="never"))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_container_outlives_its_runner(
    engine: docker.DockerClient, parts: str, home: Path, tmp_path: Path, number: signal.Signals
) -> None:
    compiled = write_pipeline(tmp_path, image=parts)
    process = start(compiled, home, prelude=IN_CONTAINERS, seconds=300)
    wait_for(lambda: any("parts.double.main" in container.attrs["Args"] for container in running(engine, home)), 60)
    os.kill(process.pid, number)
    process.communicate(timeout=60)
    assert process.returncode == (130 if number != signal.SIGKILL else -9)
    wait_for(lambda: not left(engine, home))
    again = contain(compiled, home, seconds=0)
    assert states(again)["numbers"] == "cached"
    assert states(again)["publish"] == "complete"


def test_the_next_run_removes_what_was_left_running(engine: docker.DockerClient, home: Path, tmp_path: Path) -> None:
    Home(home)
    labels = {HOME: str(home), RUN: "one-20260101T000000-dead"}
    engine.containers.run(RUNTIME, ["python", "-c", "import time; time.sleep(600)"], labels=labels, detach=True)
    contain(program(tmp_path, "import sys; open(sys.argv[1], 'w').write('x')"), home)
    assert left(engine, home) == []


# --- what a task may do


ASK = """
import errno, json, os, sys
def error(path):
    try: open(path, "w")
    except OSError as failed: return errno.errorcode[failed.errno]
    return ""
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
open("/tmp/written", "w").close()
open(sys.argv[1], "w").write(json.dumps({
    "uid": os.getuid(), "gid": os.getgid(), "root": error("/written"), "opt": error("/opt/penstock/written"),
    "home": error(os.path.expanduser("~/written")), "capabilities": status["CapEff"], "bounding": status["CapBnd"],
    "no_new_privileges": status["NoNewPrivs"],
}))
"""


def test_a_task_is_nobody_and_can_write_nowhere_but_its_own(home: Path, tmp_path: Path) -> None:
    task = the_task(contain(program(tmp_path, ASK), home))
    said = json.loads(task["parameters"]["said"])
    assert said.pop("uid") > 0 and said.pop("gid") > 0
    assert said == {
        "root": "EROFS",
        "opt": "EROFS",
        "home": "",
        "capabilities": "0000000000000000",
        "bounding": "0000000000000000",
        "no_new_privileges": "1",
    }


def test_a_task_that_writes_to_the_root_fails(home: Path, tmp_path: Path) -> None:
    task = the_task(contain(program(tmp_path, "open('/usr/x', 'w')"), home, code=1))
    assert task["why"] == "ended with exit code 1"
    assert "Read-only file system" in Path(task["log"]).read_text()


def test_limits_reach_the_kernel(engine: docker.DockerClient, home: Path, tmp_path: Path) -> None:
    seen: list[dict] = []

    look = when_running(engine, home, lambda container: seen.append(container.attrs["HostConfig"]))
    source = "import sys, time; time.sleep(3); open(sys.argv[1], 'w').write('x')"
    contain(program(tmp_path, source, resourceMemoryLimit="256Mi", resourceCpuLimit="500m"), home, on_event=look)
    assert seen[0]["Memory"] == seen[0]["MemorySwap"] == 256 * 1024**2
    assert seen[0]["NanoCpus"] == 500_000_000
    assert seen[0]["AutoRemove"] is False


# --- the demonstration


@pytest.mark.timeout(1800)
def test_flights_give_the_same_digests_in_containers_and_here(tmp_path: Path) -> None:
    """Both images, all eight components, a real model server, on every 40th flight."""
    flights = tmp_path / "data" / "flights.csv"
    flights.parent.mkdir()
    flights_sample.sample(40).to_csv(flights, index=False)
    profile = tmp_path / "containers.yaml"
    profile.write_text(f"kind: containers\npull: never\nmounts: [{flights.parent}]\n")
    here = flights_sample.run(tmp_path / "here", flights)
    inside = flights_sample.run(tmp_path / "inside", flights, "--profile", str(profile), seconds=1200)
    assert inside.code == here.code, inside.stderr
    assert inside.digests == here.digests
    assert len(inside.digests) > 10
    assert inside.states == here.states
