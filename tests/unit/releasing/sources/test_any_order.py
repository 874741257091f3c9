"""Whatever comes first, and whenever another process goes on: each request counts once, and the sums are the same."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from penstock.releasing.gates.observations import Arm, Comparison
from penstock.releasing.gates.spec import Gate
from penstock.releasing.sources.prediction_log import LogSource
from penstock.serving.prediction_log import Prediction
from tests.unit.releasing.sources.logs import Looking, copied, record

Event = Prediction | str
"""An answer, or a line of labels."""


def events(rng: random.Random) -> tuple[list[Event], Counter[str]]:
    """A hundred requests in any order, some without a label or without the other half; and what they come to."""
    found: list[Event] = []
    truth: Counter[str] = Counter()
    for number in range(100):
        name = f"r{number}"
        kind = rng.choice(["stable", "canary", "pair", "pair"])
        said = {role: float(rng.random() < 0.4) for role in ("stable", "shadow", "canary")}
        label = rng.choice([None, 0.0, 1.0, 1.0])
        if kind == "pair":
            found += [copied(name, scores=((said["stable"],),)), record(name, "shadow", scores=((said["shadow"],),))]
            truth["pairs"] += 1
        else:
            found.append(record(name, kind, scores=((said[kind],),)))
            truth[kind] += 1
        if label is not None:
            found += [f"{name},{label}\n"] * rng.choice([1, 1, 2])
            if kind == "pair":
                truth["labelled pairs"] += 1
                truth["worse"] += said["shadow"] != label and said["stable"] == label
                truth["better"] += said["shadow"] == label and said["stable"] != label
            else:
                truth[f"labelled {kind}"] += 1
                truth[f"wrong {kind}"] += said[kind] != label
    rng.shuffle(found)
    return found, truth


def counted(comparisons: list[Comparison]) -> Counter[str]:
    """What was seen, in the same words."""
    found: Counter[str] = Counter()
    for each in comparisons:
        assert isinstance(each.stable, Arm) and isinstance(each.candidate, Arm)
        labelled = "labelled " if each.gate == "accuracy" else ""
        arms = {"stable": each.stable.count, "canary": each.candidate.count, "pairs": each.paired.count}
        found.update({f"{labelled}{name}": count for name, count in arms.items()})
        if labelled:
            wrong = {"wrong stable": int(each.stable.total), "wrong canary": int(each.candidate.total)}
            found.update({**wrong, "worse": int(each.paired.worse), "better": int(each.paired.better)})
    return found


@pytest.mark.parametrize("seed", range(8))
def test_each_request_counts_once_whatever_comes_first_and_whoever_goes_on(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    labels = tmp_path / "labels"
    labels.mkdir()
    (labels / "0.csv").write_text("request_id,label\n")
    source = {"kind": "labels", "labels": str(labels), "loss": "zeroOne"}
    gates = (
        Gate(name="errors", metric="errorRate", source={"kind": "predictionLog"}),
        Gate(name="accuracy", metric="quality", source=source),
    )
    looking = Looking(tmp_path / "log", *gates)
    todo, truth = events(rng)
    seen: list[Comparison] = []
    text = ""
    while todo or text:
        some, todo = todo[: (size := rng.randrange(1, 30))], todo[size:]
        looking.write(*(each for each in some if isinstance(each, Prediction)))
        text += "".join(each for each in some if isinstance(each, str))
        # Whoever writes labels may be in the middle of a line.
        upto = rng.randrange(len(text) + 1) if todo else len(text)
        with (labels / "1.csv").open("a") as file:
            file.write(("request_id,label\n" if file.tell() == 0 else "") + text[:upto])
        text = text[upto:]
        before = looking.cursor
        found = looking.look()
        if rng.random() < 0.3:
            looking.source = LogSource(looking.folder)
        if rng.random() < 0.3:
            looking.cursor = before  # it could not be kept
        else:
            seen += found
    assert counted([*seen, *looking.look()]) == truth
