"""What may be pushed, and what a release bundle says of itself: pure, no file and no clock.

A bundle's `model/` is what serving programs expect at a model's base path: a numbered folder with the SavedModel. The
number is always 1, because a release is named by its digest: a number that counts would need a memory, and one that
is a time would make equal bundles differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from penstock.artifacts import Decision, Verdict
from penstock.artifacts.bundle import MODEL_FOLDER, bundle_digest

FORMAT = 1
"""The version of the bundle's layout."""
THRESHOLDS = "thresholds.json"
SERVED = PurePosixPath(MODEL_FOLDER)
"""The folder to point a server at."""
_SAVED_MODEL = "saved_model"
_VERSION = "1"


@dataclass(frozen=True)
class Blessing:
    """One gate's word about one model."""

    gate: str
    """Which gate, for people."""
    verdict: Verdict
    model_digest: str
    """The model that it speaks of."""


@dataclass(frozen=True)
class FileEntry:
    """One file of a bundle."""

    path: str
    """Relative to the bundle, with slashes."""
    sha256: str
    size: int
    """[bytes]"""


def refusal(model_digest: str, blessings: Sequence[Blessing]) -> str:
    """Say why a model may not be pushed; empty when it may.

    Args:
        model_digest: The model at hand.
        blessings: Every gate's word; all of them must be Successful and speak of exactly this model.

    Example:
        >>> refusal("sha256:aa", [Blessing("the evaluator", Verdict.FAILED, "sha256:aa")])
        'not pushed: the verdict of the evaluator is Failed'
    """
    if not model_digest:
        return "not pushed: the model has no digest, so no blessing can be about it"
    if not blessings:
        return "not pushed: no gate has spoken"
    for blessing in blessings:
        if blessing.verdict is not Verdict.SUCCESSFUL:
            return f"not pushed: the verdict of {blessing.gate} is {blessing.verdict}"
        if blessing.model_digest != model_digest:
            other = short(blessing.model_digest) or "no model"
            return f"not pushed: {blessing.gate} blessed {other}, and the model is {short(model_digest)}"
    return ""


def place_of(model_file: str) -> str:
    """Where a file of the Model artifact lies in a bundle.

    Example:
        >>> place_of("saved_model/saved_model.pb"), place_of("features.json")
        ('model/1/saved_model.pb', 'model/features.json')
    """
    path = PurePosixPath(model_file)
    if path.parts[0] == _SAVED_MODEL:
        path = PurePosixPath(_VERSION, *path.parts[1:])
    return str(SERVED / path)


def thresholds(evaluation: Mapping[str, Any], eval_config: object, decision: Decision) -> dict[str, Any]:
    """What monitoring holds the model against once it serves.

    Args:
        evaluation: The content of `evaluation.json`.
        eval_config: TFMA's EvalConfig in JSON form, or None.
        decision: The evaluator's decision.

    Returns:
        The thresholds as they were asked for, the rules as they were applied with their figures, and the candidate's
        metrics at release by slice: value, lower and upper end of the interval, and rows.

    Raises:
        ValueError: The evaluation lacks the split that was judged (operator).
    """
    split = evaluation.get("judged_split")
    measured = (evaluation.get("splits") or {}).get(split)
    if not isinstance(measured, dict) or not measured.get("slices"):
        raise ValueError(f"it holds no metrics of the judged split {split!r}")
    return {
        "judged_split": split,
        "confidence": evaluation.get("confidence"),
        "eval_config": eval_config,
        "rules": [
            reason.model_dump(mode="json", include={"rule", "subject", "verdict", "evidence"})
            for reason in decision.reasons
        ],
        "slices": {
            found["slice"]: {
                "rows": found["rows"],
                "metrics": {
                    metric: dict(zip(("value", "lower", "upper"), roles["candidate"], strict=True))
                    for metric, roles in found["metrics"].items()
                },
            }
            for found in measured["slices"]
        },
    }


def manifest(name: str, files: Sequence[FileEntry], facts: Mapping[str, Any]) -> dict[str, Any]:
    """The bundle's table of contents, with one digest over all.

    Args:
        name: The release's name.
        files: Every file but the manifest.
        facts: Digests of what went in, and verdicts.

    Returns:
        The document. Its `digest` covers every other field, and so every byte of the bundle.
    """
    listed = sorted(files, key=lambda entry: entry.path)
    document = {
        "format": FORMAT,
        "name": name,
        "files": [{"path": entry.path, "sha256": entry.sha256, "bytes": entry.size} for entry in listed],
        **facts,
    }
    return {"digest": bundle_digest(document), **document}


def folder_name(digest: str) -> str:
    """The folder that a release is published as: the first 16 digits of its digest.

    Example:
        >>> folder_name("sha256:0123456789abcdef0123")
        '0123456789abcdef'
    """
    return digest.removeprefix("sha256:")[:16]


def short(digest: str) -> str:
    """A digest as people compare it."""
    return digest[:19]
