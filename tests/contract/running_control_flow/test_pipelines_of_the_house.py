"""Every compiled pipeline of this repository can be planned from its first task to its last."""

from pathlib import Path

import pytest

from penstock.running.binding import run_parameters, settable
from penstock.running.planner import Planner
from penstock.running.spec_reader import parse_pipeline
from penstock.running.work import Ended, Fate, Outputs, Work
from penstock.sdk.executor import RuntimeArtifact

COMPILED = sorted((Path(__file__).parents[3] / "pipelines").glob("*/compiled.yaml"))


def run(planner: Planner, gates: str) -> dict[str, Ended]:
    """Run it with every gate at `gates` and an artifact for every output."""
    ended: dict[str, Ended] = {}
    while not planner.done:
        for work in planner.ready():
            planner.finished(work.id, _outputs(work, gates))
        ended |= {end.id: end for end in planner.ended()}
    return ended


def _outputs(work: Work, gates: str) -> Outputs:
    artifacts = {name: (RuntimeArtifact(name=name, uri=f"/{work.id}/{name}"),) for name in work.output_artifacts}
    return Outputs(dict.fromkeys(work.output_parameters, gates), artifacts)


@pytest.mark.parametrize("path", COMPILED, ids=lambda path: path.parent.name)
def test_open_gates_lead_to_the_end_and_closed_ones_stop_with_the_reason(path: Path):
    spec = parse_pipeline(path.read_text(), str(path))
    opened = run(Planner(spec), "open")
    assert {end.fate for end in opened.values()} == {Fate.SUCCEEDED}

    closed = run(Planner(spec), "closed")
    assert closed.keys() == opened.keys()
    skipped = {end.id for end in closed.values() if end.fate is Fate.SKIPPED}
    assert len(skipped) > len(opened) / 2
    assert any("is 'closed')" in closed[name].why for name in skipped)


@pytest.mark.parametrize("path", COMPILED, ids=lambda path: path.parent.name)
def test_every_run_parameter_reaches_a_task_and_has_a_value(path: Path):
    spec = parse_pipeline(path.read_text(), str(path))
    assert set(settable(spec).values()) == set(spec.parameters)
    assert run_parameters(spec, {}).keys() == spec.parameters.keys()
