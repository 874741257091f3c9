"""The images as `ci/build-images` made them: what is in them, what is not, and what they say of themselves."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

import docker
import pytest

from penstock import __version__
from penstock.provenance.labels import CODE_DIGESTS, ENVIRONMENT_DIGEST

pytestmark = [pytest.mark.docker, pytest.mark.slow]

CONTROL_BYTES = 300_000_000
"""The largest that the control image may be [bytes]."""


@pytest.fixture(scope="module", params=["runtime", "serving", "control"])
def image(request: pytest.FixtureRequest) -> Any:
    client = docker.from_env()
    try:
        yield client.images.get(f"penstock/{request.param}:{__version__}")
    except docker.errors.ImageNotFound:
        pytest.skip(f"there is no image penstock/{request.param}:{__version__}: ci/build-images --demo")
    finally:
        client.close()


LIST = """
import json, os
found = []
for folder, subfolders, files in os.walk("/"):
    subfolders[:] = [name for name in subfolders if f"{folder}/{name}" not in ("//proc", "//sys", "//dev")]
    found += [os.path.join(folder, name) for name in files]
print(json.dumps(found))
"""


def inside(image: Any, *command: str, tmp: bool = True) -> tuple[int, str]:
    """Run in a container as a cluster would: read-only, no network, no rights; returns exit code and output."""
    client = image.client
    container = client.containers.run(
        image.id,
        list(command),
        detach=True,
        read_only=True,
        network_mode="none",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        tmpfs={"/tmp": "rw"} if tmp else {},
    )
    try:
        return container.wait()["StatusCode"], container.logs().decode()
    finally:
        container.remove(force=True)


def test_labels_say_what_is_inside(image: Any) -> None:
    code, said = inside(image, "python", "-m", "penstock.provenance.labels")
    assert code == 0, said
    found = dict(line.split("=", 1) for line in said.splitlines())
    assert found.keys() == {CODE_DIGESTS, ENVIRONMENT_DIGEST}
    assert found.items() <= image.labels.items()
    assert image.labels["org.opencontainers.image.version"] == __version__
    assert image.labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert image.labels["org.opencontainers.image.base.name"]
    assert image.labels["org.opencontainers.image.revision"]


def test_it_is_nobody_without_being_told(image: Any) -> None:
    assert image.attrs["Config"]["User"] == "65532:65532"
    assert inside(image, "id", "-u") == (0, "65532\n")


def test_the_health_command_tells_well_from_ill(image: Any) -> None:
    command = image.attrs["Config"]["Healthcheck"]["Test"]
    assert command[0] == "CMD"
    assert inside(image, *command[1:]) == (0, "")
    code, said = inside(image, *command[1:], tmp=False)
    assert code == 1
    assert "mount a folder at /tmp" in said


def test_the_bill_of_materials_is_of_what_is_installed(image: Any) -> None:
    code, said = inside(image, "cat", image.labels["io.penstock.sbom"])
    assert code == 0
    bill = json.loads(said)
    assert bill["bomFormat"] == "CycloneDX"
    listed = {(part["name"].lower(), part["version"]) for part in bill["components"]}
    program = "from importlib import metadata as m; print([(d.name.lower(), d.version) for d in m.distributions()])"
    code, said = inside(image, "python", "-c", program)
    assert code == 0
    assert set(ast.literal_eval(said)) <= listed
    assert any(part.get("purl", "").startswith("pkg:deb/debian/") for part in bill["components"])


def test_nothing_that_only_builds_is_in_it(image: Any) -> None:
    code, said = inside(image, "python", "-c", LIST)
    assert code == 0
    files = json.loads(said)
    assert len(files) > 1000
    compilers = re.compile(r"/(?:\w+-linux-gnu-)?(gcc|g\+\+|cc|c\+\+|clang|ld|make|cc1\w*)(-[0-9.]+)?$")
    caches = re.compile(r"/\.cache/|^/var/lib/apt/lists/.|^/var/cache/apt/.|^/root/.")
    ours = re.compile(r"^/(build|source|wheel|locks|run/secrets)/")
    assert [file for file in files if compilers.search(file) or caches.search(file) or ours.search(file)] == []


def test_no_secret_of_the_build_is_in_it(image: Any) -> None:
    assert "secret" not in json.dumps(image.history())


def test_no_mirror_of_the_build_is_in_it(image: Any) -> None:
    base = image.labels["org.opencontainers.image.base.name"]
    try:
        before = sources(image.client.images.get(base))
    except docker.errors.ImageNotFound:
        pytest.skip(f"{base} is not here, to compare with")
    assert sources(image) == before


def sources(image: Any) -> str:
    """What pip and apt would ask inside."""
    return inside(image, "sh", "-c", "cat /etc/pip.conf /etc/apt/sources.list* /etc/apt/*.d/* 2>/dev/null; true")[1]


def test_the_command_works(image: Any) -> None:
    code, said = inside(image, "penstock", "--version")
    assert code == 0 and __version__ in said


def test_doctor_finds_it_well(image: Any) -> None:
    _, said = inside(image, "penstock", "doctor", "--json")
    found = {finding["what"]: finding for finding in json.loads(said)}
    assert found["image"]["text"] == image.labels["io.penstock.environment"]
    # How much room there is says nothing of the image.
    assert [name for name, finding in found.items() if not finding["ok"] and name != "room"] == []


def test_control_is_small(image: Any) -> None:
    if image.labels["io.penstock.environment"] != "control":
        pytest.skip("only control is to be small")
    assert image.attrs["Size"] < CONTROL_BYTES
