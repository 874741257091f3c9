"""All sources of a release at one look."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from penstock.artifacts.verdict import Verdict
from penstock.releasing.gates.evidence import Evidence
from penstock.releasing.gates.judging import judge
from penstock.releasing.gates.observations import Arm, Comparison
from penstock.releasing.gates.source_spec import Source as SourceSpec
from penstock.releasing.gates.spec import Gate, Gates
from penstock.releasing.sources.observing import name_of, observe
from penstock.releasing.sources.prediction_log import LogSource
from penstock.releasing.sources.source import Asked, Seen
from tests.unit.releasing.sources.logs import ASKED, record, write

GATES = Gates(
    gates=(
        Gate(name="errors", metric="errorRate", source={"kind": "predictionLog", "url": "one"}),
        Gate(name="p99", metric="latencyQuantile", source={"kind": "predictionLog", "url": "one"}),
        Gate(name="clicks", metric="business", source={"url": "http://other"}),
    )
)


class Counting:
    """A source that says how often it was asked."""

    def observe(self, asked: Asked, gates: Sequence[Gate], cursor: str) -> Seen:
        names = [gate.name for gate in gates]
        return Seen((Comparison(names[0], Arm.binary(9, 1), Arm.binary(9, 1)),), {}, f"{cursor}.{'+'.join(names)}")


class Broken:
    """A source that breaks."""

    def observe(self, asked: Asked, gates: Sequence[Gate], cursor: str) -> Seen:
        raise ZeroDivisionError("nobody thought of that")


def test_each_source_is_asked_once_with_its_own_cursor() -> None:
    evidence = Evidence()
    for _ in range(2):
        batch = observe(GATES, ASKED, "canary-5", evidence, lambda _: Counting())
        evidence, _ = judge(GATES, evidence, batch)
    one, other = (name_of(GATES.gates[index].source) for index in (0, 2))
    assert evidence.cursors == {one: ".errors+p99.errors+p99", other: ".clicks.clicks"}


def test_a_source_that_breaks_is_an_error_of_its_gates_and_its_cursor_stays() -> None:
    def opening(source: SourceSpec) -> Counting | Broken:
        return Broken() if source.url == "one" else Counting()

    evidence = Evidence(cursors={name_of(GATES.gates[0].source): "here"})
    batch = observe(GATES, ASKED, "canary-5", evidence, opening)
    assert set(batch.problems) == {"errors", "p99"} and "nobody thought of that" in batch.problems["errors"]
    after, readings = judge(GATES, evidence, batch)
    assert [reading.verdict for reading in readings] == [Verdict.ERROR, Verdict.ERROR, Verdict.INCONCLUSIVE]
    assert after.cursors[name_of(GATES.gates[0].source)] == "here"


def test_a_log_is_judged_to_the_end(tmp_path: Path) -> None:
    gates = Gates(gates=(GATES.gates[0],))
    evidence, verdicts = Evidence(), []
    evidence, _ = judge(gates, evidence, observe(gates, ASKED, "canary-5", evidence, lambda _: LogSource(tmp_path)))
    for look in range(10):
        records = [
            record(
                f"{look}-{number}", "canary" if number % 2 else "stable", status_code=500 if number % 24 == 1 else 200
            )
            for number in range(240)
        ]
        write(tmp_path, f"{look}", records)
        batch = observe(gates, ASKED, "canary-5", evidence, lambda _: LogSource(tmp_path))
        evidence, (reading,) = judge(gates, evidence, batch)
        verdicts.append(reading.verdict)
    assert verdicts[0] is Verdict.INCONCLUSIVE
    assert verdicts[-1] is Verdict.FAILED
