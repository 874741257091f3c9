"""From the profile of a table to the values of a pipeline, each with its reason. Pure.

The values are those of the components that every pipeline has: they are checked against the components' own
declarations when the pipeline is compiled, so nothing here can drift away from them unseen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from penstock.profiling.choices import Because
from penstock.profiling.choosing_evaluation import choose_evaluation
from penstock.profiling.choosing_ingest import choose_ingest
from penstock.profiling.choosing_model import choose_features, choose_training
from penstock.profiling.columns_used import Use, uses_of
from penstock.profiling.profile import Profile
from penstock.sdk import BadInput
from penstock.tables.source import Source


@dataclass(frozen=True)
class Choices:
    """All that a pipeline is made from."""

    description: str
    run_may_set: tuple[str, ...]
    uses: dict[str, Use]
    """What becomes of every column but the label, by name."""
    tasks: dict[str, dict[str, Any]]
    """The parameters by task; a `Because` stands wherever a reason does."""


def choose(profile: Profile, source: Source, name: str) -> Choices:
    """Choose all values of a pipeline.

    Args:
        profile: What was seen.
        source: Where the table is and how it is read; its columns have the names of the profile.
        name: The pipeline's name.

    Raises:
        BadInput: No column is left to learn from (whoever chose table and label).
    """
    uses = uses_of(profile)
    if not any(use.feature for use in uses.values()):
        reasons = "; ".join(f"{column}: {use.reason}" for column, use in list(uses.items())[:5])
        why = f"Left out are {reasons}" if reasons else "The table has no other"
        raise BadInput(f"no column is left to predict {profile.label.column!r} from", why)
    described = {"binary": "which of two", "multiclass": "which of several", "regression": "how much"}
    return Choices(
        description=f"Predict {profile.label.column} ({described[profile.label.task]}) from {profile.rows:,} rows.",
        run_may_set=(
            "ingest.sources",
            "ingest.split",
            "validate.max_quarantine_fraction",
            "train.epochs",
            "train.learning_rate",
            "train.batch_size",
            "train.hidden_units",
            "train.seed",
            "push.destination",
        ),
        uses=uses,
        tasks={
            "ingest": choose_ingest(profile, source, uses),
            "validate": _choose_validation(profile),
            "transform": {"label": profile.label.column, "features": choose_features(profile, uses)},
            "train": choose_training(profile),
            "evaluate": choose_evaluation(profile, uses),
            "prove": _choose_serving(),
            "report": {"title": name},
            "push": {
                "name": name.replace("_", "-")[:50].strip("-"),
                "destination": Because(
                    "", "Empty: the bundle is the task's output. A folder or a bucket gets <destination>/<digest>/."
                ),
            },
        },
    )


def _choose_validation(profile: Profile) -> dict[str, Any]:
    missing = profile.column(profile.label.column).missing_share
    schema = Because({"file": "schema.pbtxt"}, "The schema to review, kept in Git beside this file.")
    if not missing:
        share = Because(0.01, "The table shows no bad row at all; one in a hundred is borne and set aside.")
    else:
        most = round(min(1.0, missing + 3 * (missing * (1 - missing) / (0.2 * profile.rows)) ** 0.5 + 0.01), 3)
        share = Because(
            most, f"{missing:.1%} of the rows have no label and are set aside; so many are borne, and not many more."
        )
    return {"reviewed_schema": schema, "max_quarantine_fraction": share}


def _choose_serving() -> dict[str, Any]:
    return {
        "max_p99_ms": Because(
            250, "Wide on purpose: they catch a model that cannot serve, not a laptop that was busy."
        ),
        "min_qps": 20,
        "max_memory_bytes": 2147483648,
    }
