"""What the engine is told of a task, and what is made of a container's end: without an engine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from docker.types import Mount

from penstock.profiles.containers import ContainersProfile
from penstock.running.containers import ContainerOrder, container_options, hand_over, owner_of, why
from penstock.running.engine import Engine, Image, names_registry
from penstock.running.home import WorkFolder
from penstock.running.work import Container
from penstock.sdk import BadInput
from penstock.sdk.entry import LAUNCHER

IMAGE = Image("penstock/runtime:1", "sha256:1")


def order(
    folder: Path, *, readable: tuple[Path, ...] = (), scratch: Path | None = None, **limits: float
) -> ContainerOrder:
    return ContainerOrder(
        id="train",
        image=IMAGE,
        argv=("python", "-m", "components.trainer.main", "{}"),
        variables={LAUNCHER: "penstock.running.contained", "MODE": "fast"},
        folder=WorkFolder(folder),
        scratch=scratch or folder / "tmp" / "scratch",
        readable=readable,
        limits=Container("penstock/runtime:1", (), (), **limits),  # type: ignore[arg-type]
        network="bridge",
    )


def mounts(options: dict) -> dict[str, tuple[str, bool]]:
    """Target to source and whether it is read-only."""
    given: list[Mount] = options["mounts"]
    assert {mount["Type"] for mount in given} == {"bind"}
    return {mount["Target"]: (mount["Source"], bool(mount["ReadOnly"])) for mount in given}


def test_a_task_can_do_no_more_than_it_must() -> None:
    options = container_options(order(Path("/state/run/train")), user="1000:1000", cores=2)
    assert options["user"] == "1000:1000"
    assert options["read_only"] is True
    assert options["cap_drop"] == ["ALL"]
    assert options["security_opt"] == ["no-new-privileges:true"]
    assert options["pids_limit"] > 0
    assert "auto_remove" not in options and "privileged" not in options


def test_a_task_sees_its_inputs_read_only_and_its_own_folder() -> None:
    own, upstream, sources = Path("/state/run/train"), Path("/state/run/ingest/outputs/examples"), Path("/data")
    given = (upstream, sources, sources / "part", own / "inside")
    options = container_options(order(own, readable=given, scratch=Path("/state/scratch/1")), user="1:1", cores=2)
    assert mounts(options) == {
        "/data": ("/data", True),
        str(upstream): (str(upstream), True),
        str(own): (str(own), False),
        "/state/scratch/1": ("/state/scratch/1", False),
        "/tmp": (str(own / "tmp"), False),
    }


def test_limits_are_those_of_the_pipeline_and_never_above_the_machine() -> None:
    own = Path("/state/run/train")
    options = container_options(order(own, cpu_limit=1.5, memory_limit_bytes=10**9), user="1:1", cores=2)
    assert (options["nano_cpus"], options["mem_limit"], options["memswap_limit"]) == (1_500_000_000, 10**9, 10**9)
    assert container_options(order(own, cpu_limit=64), user="1:1", cores=2)["nano_cpus"] == 2_000_000_000
    unlimited = container_options(order(own), user="1:1", cores=2)
    assert unlimited.keys().isdisjoint(("nano_cpus", "mem_limit", "memswap_limit"))


def test_the_command_replaces_the_images_own() -> None:
    options = container_options(order(Path("/state/run/train")), user="1:1", cores=2)
    assert [*options["entrypoint"], *options["command"]] == ["python", "-m", "components.trainer.main", "{}"]
    assert options["image"] == IMAGE.id
    assert options["environment"]["MODE"] == "fast"
    assert options["environment"]["PENSTOCK_REPORT"] == "/state/run/train/tmp/.report"


@pytest.mark.parametrize(
    ("code", "out_of_memory", "said", "expected"),
    [
        (0, False, "", ""),
        (1, False, "", "ended with exit code 1"),
        (1, False, "the table is empty", "the table is empty"),
        (137, False, "", "was killed by SIGKILL"),
        (139, False, "", "was killed by SIGSEGV"),
        (255, False, "", "ended with exit code 255"),
        (137, True, "", "was killed: out of memory (OOMKilled); its limit is 64 MB"),
        (1, True, "MemoryError", "was killed: out of memory (OOMKilled); its limit is 64 MB"),
    ],
)
def test_the_end_of_a_container_in_one_line(code: int, out_of_memory: bool, said: str, expected: str) -> None:
    assert why(code, out_of_memory=out_of_memory, memory_limit_bytes=64_000_000, said=said) == expected


@pytest.mark.parametrize(
    ("reference", "remote"),
    [
        ("penstock/runtime:0.1.0", False),
        ("runtime", False),
        ("registry.example.com/penstock/runtime@sha256:12", True),
        ("localhost/penstock/runtime", True),
        ("localhost:5000/runtime:1", True),
    ],
)
def test_only_names_with_a_registry_are_pulled(reference: str, remote: bool) -> None:
    assert names_registry(reference) is remote


def test_an_image_without_labels_is_known_by_its_id() -> None:
    assert IMAGE.digest == "sha256:1"
    assert Image("penstock/runtime:1", "sha256:1", environment_digest="sha256:2").digest == "sha256:2"


def test_no_engine_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no Docker Engine answers at unix:///") as refused:
        Engine(f"unix://{tmp_path}/docker.sock")
    assert "docker_host" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_tasks_are_never_root(tmp_path: Path) -> None:
    uid, gid = owner_of(tmp_path)
    assert uid > 0 and gid > 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand files over")
def test_root_hands_a_tasks_folder_over(tmp_path: Path) -> None:
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "file").touch()
    hand_over([tmp_path, tmp_path / "new"], (65532, 65532))
    assert {path.stat().st_uid for path in [tmp_path, *tmp_path.rglob("*")]} == {65532}
    assert (tmp_path / "new").is_dir()


def test_the_profile_names_images_by_environment() -> None:
    profile = ContainersProfile(images={"runtime": "registry.example.com/penstock/runtime@sha256:1"})
    assert profile.pull == "missing"
