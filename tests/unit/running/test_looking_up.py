"""What is looked up and is not there any more: fatal for a comparison, nothing for a warm start."""

from pathlib import Path
from typing import Any

import pytest

from penstock.artifacts import digest_tree
from penstock.lineage.records import ArtifactRecord
from penstock.profiles.local import LocalProfile
from penstock.running.environments import environment_for
from penstock.running.jobs import Preparer
from penstock.running.work import Container, Work
from penstock.sdk import PenstockError
from penstock.sdk.executor import RuntimeArtifact

ROOT = Path(__file__).parents[3]


class Past:
    """A lineage that knows one artifact of each kind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def previous(self, pipeline: str, kind: str, *, unless: tuple[str, str]) -> ArtifactRecord:
        self.asked = (pipeline, kind, unless)
        return ArtifactRecord(kind=kind, uri=str(self.folder), digest=digest_tree(self.folder), metadata={"x": 1})


def prepare(past: Past, component: str, **inputs: Path) -> Any:
    image = "example.com/penstock/runtime:1"
    work = Work(
        id=component,
        task=component,
        component=component,
        container=Container(image, ("python", "-m", f"components.{component}.main"), ("{{$}}",)),
        parameters={},
        artifacts={
            name: (RuntimeArtifact(name=name, uri=str(path), metadata={"digest": f"sha256:{name}"}),)
            for name, path in inputs.items()
        },
        output_artifacts={},
        output_parameters={},
    )
    return Preparer("flights", [ROOT], lambda image: environment_for(image, LocalProfile()), past).prepare(work)  # type: ignore[arg-type]


@pytest.fixture
def past(tmp_path: Path) -> Past:
    (tmp_path / "earlier").mkdir()
    (tmp_path / "earlier" / "study.json").write_text("{}")
    return Past(tmp_path / "earlier")


class Gone(Past):
    """The same, after its files were changed."""

    def previous(self, pipeline: str, kind: str, *, unless: tuple[str, str]) -> ArtifactRecord:
        record = super().previous(pipeline, kind, unless=unless)
        return record.model_copy(update={"digest": "sha256:other"})


def test_an_earlier_study_is_an_input_and_part_of_the_key(past: Past, tmp_path: Path) -> None:
    job = prepare(past, "tuner", transformed_examples=tmp_path, transform_graph=tmp_path)
    assert past.asked == ("flights", "tuning", ("transformed_examples_digest", "sha256:transformed_examples"))
    assert [record.name for record in job.input_records()] == ["transformed_examples", "transform_graph", "previous"]
    without = prepare(Gone(past.folder), "tuner", transformed_examples=tmp_path, transform_graph=tmp_path)
    assert "previous" not in without.inputs
    assert without.key != job.key


def test_a_comparison_is_never_left_out_without_a_word(past: Past, tmp_path: Path) -> None:
    assert "previous" in prepare(past, "data_validator", examples=tmp_path).inputs
    with pytest.raises(PenstockError, match=r"previous of task data_validator at .* was changed or removed"):
        prepare(Gone(past.folder), "data_validator", examples=tmp_path)
