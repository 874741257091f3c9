"""Traces over a store that holds two runs of a small pipeline."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock.artifacts.digest import digest_bytes
from penstock.lineage.address import sqlite_url
from penstock.lineage.errors import UnknownArtifact
from penstock.lineage.open import open_store
from penstock.lineage.port import LineageStore
from penstock.lineage.questions import Node, trace
from penstock.lineage.records import ArtifactRecord, ExecutionRecord, State
from penstock.lineage.tracing import DEEPEST

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> LineageStore:
    return open_store(sqlite_url(tmp_path / "lineage.sqlite"))


def artifact(kind: str, content: str, at: str = "", **metadata: Any) -> ArtifactRecord:
    digest = digest_bytes(f"{kind} {content}".encode())
    return ArtifactRecord(kind=kind, uri=f"/{kind}/{content}{at}", digest=digest, name=kind, metadata=metadata)


def execution(
    run: str, task: str, takes: list[ArtifactRecord], makes: list[ArtifactRecord], second: int = 0, **fields: Any
) -> ExecutionRecord:
    known: dict[str, Any] = {
        "state": State.COMPLETE,
        "started": BEGIN + timedelta(seconds=second),
        "code_digest": f"sha256:code of {task}",
        "image_digest": "sha256:image",
        "parameters": {"seed": 7},
    }
    return ExecutionRecord(
        run_id=run, pipeline="p", task=task, component=task, inputs=tuple(takes), outputs=tuple(makes), **known | fields
    )


SOURCES = json.dumps([{"name": "flights", "uri": "/raw/flights.csv", "bytes": 9, "sha256": "ab"}])
RAW = artifact("raw_data", "march", sources=SOURCES)
EXAMPLES = artifact("examples", "march")
SCHEMA = artifact("schema", "march")
MODEL = artifact("model", "m")
EVALUATION = artifact("evaluation", "m")


def pipeline(run: str, second: int = 0, **fields: Any) -> list[ExecutionRecord]:
    return [
        execution(run, "ingest", [], [RAW, EXAMPLES], second, **fields),
        execution(run, "validate", [EXAMPLES], [SCHEMA], second + 1, **fields),
        execution(run, "train", [EXAMPLES, SCHEMA], [MODEL], second + 2, **fields),
        execution(run, "evaluate", [EXAMPLES, MODEL], [EVALUATION], second + 3, **fields),
    ]


def outline(node: Node) -> Any:
    steps = {f"{s.run_id}/{s.task}": [outline(n) for n in s.artifacts] for s in node.steps}
    return {node.artifact.kind + ("*" if node.shown_elsewhere else ""): steps}


def test_back_to_the_raw_files_and_the_code(store: LineageStore) -> None:
    store.record(pipeline("1"))
    found = trace(store, MODEL.digest)
    assert outline(found.root) == {
        "model": {
            "1/train": [
                {"examples": {"1/ingest": []}},
                {"schema": {"1/validate": [{"examples*": {}}]}},
            ]
        }
    }
    (train,) = found.root.steps
    assert (train.code_digest, train.image_digest, train.parameters) == (
        "sha256:code of train",
        "sha256:image",
        {"seed": 7},
    )
    assert found.run_ids == ("1",)
    assert found.raw_files == ("/raw/flights.csv (sha256:ab)",)
    assert trace(store, RAW.uri).raw_files == found.raw_files


def test_raw_files_are_found_from_far_downstream(store: LineageStore) -> None:
    examples = artifact("examples", "other")
    raw_in = execution("1", "convert", [RAW], [examples], 1)
    store.record([execution("1", "fetch", [], [RAW]), raw_in, execution("1", "train", [examples], [MODEL], 2)])
    assert trace(store, MODEL.digest[:20]).raw_files == ("/raw/flights.csv (sha256:ab)",)


def test_rows_handed_on_unchanged_still_lead_back_to_their_files(store: LineageStore) -> None:
    accepted = artifact("examples", "march", at="/accepted")
    store.record([execution("1", "ingest", [], [RAW, EXAMPLES]), execution("1", "validate", [EXAMPLES], [accepted], 1)])
    store.record([execution("1", "train", [accepted], [MODEL], 2)])
    found = trace(store, MODEL.digest)
    assert outline(found.root) == {
        "model": {"1/train": [{"examples": {"1/validate": [{"examples": {"1/ingest": []}}]}}]}
    }
    assert found.raw_files == ("/raw/flights.csv (sha256:ab)",)


def test_the_blast_radius(store: LineageStore) -> None:
    store.record(pipeline("1"))
    found = trace(store, EXAMPLES.uri, forward=True)
    assert outline(found.root) == {
        "examples": {
            "1/validate": [{"schema": {"1/train": [{"model*": {}}]}}],
            "1/train": [{"model": {"1/evaluate": [{"evaluation*": {}}]}}],
            "1/evaluate": [{"evaluation": {}}],
        }
    }
    assert {n.artifact.kind for n in found.nodes} == {"examples", "schema", "model", "evaluation"}
    assert [s.task for s in found.steps].count("train") == 1


def test_raw_files_reach_what_was_made_beside_their_copy(store: LineageStore) -> None:
    store.record(pipeline("1"))
    found = trace(store, RAW.uri, forward=True)
    assert {n.artifact.kind for n in found.nodes} == {"raw_data", "examples", "schema", "model", "evaluation"}


def test_what_came_from_the_cache_adds_nothing(store: LineageStore) -> None:
    store.record(pipeline("1"))
    before = [trace(store, MODEL.digest), trace(store, EXAMPLES.uri, forward=True)]
    store.record(pipeline("2", 100, state=State.CACHED))
    assert [trace(store, MODEL.digest), trace(store, EXAMPLES.uri, forward=True)] == before


def test_where_only_the_cache_remembers_it_is_still_a_past(store: LineageStore) -> None:
    store.record(pipeline("2", state=State.CACHED))
    assert [s.task for s in trace(store, MODEL.digest).steps] == ["train", "ingest", "validate"]


def test_a_copy_has_the_past_of_its_original(store: LineageStore) -> None:
    store.record(pipeline("1"))
    copy = artifact("model", "m", at="/copy")
    store.record([execution("2", "push", [copy], [artifact("pushed_model", "m")], 9)])
    assert trace(store, copy.uri).root.steps[0].task == "train"


def test_of_two_makers_the_one_at_this_address_counts(store: LineageStore) -> None:
    elsewhere = artifact("model", "m", at="/again")
    store.record([execution("1", "train", [], [MODEL]), execution("2", "train", [], [elsewhere], 5)])
    assert [trace(store, uri).root.steps[0].run_id for uri in (MODEL.uri, elsewhere.uri)] == ["1", "2"]


@pytest.mark.parametrize(("forward", "contents"), [(False, 1), (True, 2)])
def test_a_cycle_ends(store: LineageStore, forward: bool, contents: int) -> None:
    one, two = artifact("schema", "one"), artifact("schema", "two")
    store.record([execution("1", "a", [one], [two, one]), execution("1", "b", [two], [one], 1)])
    found = trace(store, one.uri, forward=forward)
    assert len(found.nodes) == contents
    assert any(n.shown_elsewhere for s in found.steps for n in s.artifacts)


def test_a_long_chain_is_cut_and_says_so(store: LineageStore) -> None:
    chain = [artifact("model", str(n)) for n in range(DEEPEST + 10)]
    store.record([execution("1", f"t{n}", [chain[n]], [chain[n + 1]], n) for n in range(len(chain) - 1)])
    found = trace(store, chain[0].uri, forward=True)
    assert len(found.steps) == DEEPEST
    assert [n.artifact.uri for n in found.nodes if n.cut] == [chain[DEEPEST].uri]
    assert type(found).model_validate_json(found.model_dump_json()) == found


def test_an_unknown_reference_is_refused(store: LineageStore) -> None:
    with pytest.raises(UnknownArtifact):
        trace(store, "sha256:" + "0" * 64)
