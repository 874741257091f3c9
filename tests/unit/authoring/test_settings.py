from pathlib import Path

import pytest

from penstock.authoring.settings import read_settings
from penstock.sdk import BadInput


def read(tmp_path: Path, text: str) -> dict[str, str]:
    (tmp_path / "run.yaml").write_text(text)
    return read_settings(tmp_path / "run.yaml").texts


def test_settings_are_what_would_be_typed(tmp_path: Path) -> None:
    text = "train: {epochs: 2, rate: 1e-3, units: [8, 4], name: abc, digits: '7', on: true}\npush:\n  destination: ''\n"
    assert read(tmp_path, text) == {
        "train.epochs": "2",
        "train.rate": "0.001",
        "train.units": "[8, 4]",
        "train.name": "abc",
        "train.digits": "7",
        "train.on": "true",
        "push.destination": "",
    }
    assert read(tmp_path, "") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", r"run.yaml:1: a run: must be tasks with their parameters"),
        ("train.epochs: 2\n", r"run.yaml:1: train.epochs: must be a mapping of parameters to values"),
        ("train:\n  epochs: null\n", r"run.yaml:2: train.epochs: null sets nothing"),
        ("train:\n  a: 1\n  rate: .inf\n", r"run.yaml:3: train.rate: infinity and NaN are not numbers"),
        ("train:\n  units: [1, .nan]\n", r"run.yaml:2: train.units: infinity and NaN are not numbers"),
        ("train: {epochs: 2}\ntrain: {epochs: 3}\n", r"run.yaml:2: train: this key is there twice"),
    ],
)
def test_anything_else_is_told_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read(tmp_path, text)


def test_every_setting_knows_its_line(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("train:\n  epochs: 2\n  rate: 0.1\n")
    places = read_settings(tmp_path / "run.yaml").places
    assert {name: place.rpartition("/")[2] for name, place in places.items()} == {
        "train.epochs": "run.yaml:2: train.epochs",
        "train.rate": "run.yaml:3: train.rate",
    }
