from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from penstock.profiles.local import LocalProfile
from penstock.running.environments import Interpreter, environment_for
from penstock.sdk import BadInput

ME = Path(sys.executable)


@pytest.mark.parametrize(
    "image",
    ["penstock/runtime:0.1.0", "example.com/a/penstock-runtime@sha256:12", "runtime", "example.com:5000/x/runtime"],
)
def test_the_image_names_its_environment(image: str) -> None:
    assert environment_for(image, LocalProfile()) == Interpreter("runtime", ME)


@pytest.mark.parametrize("image", ["python:3.11", "example.com/runtime/other:1", "other:runtime"])
def test_an_unknown_image_is_refused_by_name(image: str) -> None:
    with pytest.raises(BadInput, match=f"'{image}'.*runtime, serving"):
        environment_for(image, LocalProfile())


def test_a_missing_environment_says_how_to_make_it(tmp_path: Path) -> None:
    profile = LocalProfile(environments={"serving": tmp_path / "python"})
    with pytest.raises(BadInput, match="make setup"):
        environment_for("penstock/serving:1", profile)


def test_the_serving_environment_is_beside_ours() -> None:
    expected = Path(sys.prefix).parent / ".venv-serving" / "bin" / "python"
    assert LocalProfile().environments["serving"] == expected


def test_the_profile_is_closed() -> None:
    with pytest.raises(ValidationError):
        LocalProfile.model_validate({"core": 2})


def environment(folder: Path, *packages: str) -> Interpreter:
    for package in packages:
        (folder / "lib" / "python3.11" / "site-packages" / package).mkdir(parents=True)
    return Interpreter("x", folder / "bin" / "python")


def test_the_digest_is_of_names_and_versions(tmp_path: Path) -> None:
    one = environment(tmp_path / "1", "a-1.0.dist-info", "b-2.0.dist-info", "b").digest
    same = environment(tmp_path / "2", "b-2.0.dist-info", "a-1.0.dist-info", "penstock-9.dist-info").digest
    other = environment(tmp_path / "3", "a-1.1.dist-info", "b-2.0.dist-info").digest
    assert one == same
    assert one != other
    assert Interpreter("runtime", ME).digest not in (one, other, environment(tmp_path / "4").digest)
