"""The nouns: what passes between components, as files with a digest.

The lowest floor. No clock, no network, no randomness; heavy libraries are imported by the reader that needs them.
Each noun knows its KFP type, its file layout, and how to read and write it; nothing here decides anything.
"""

from penstock.artifacts.base import Artifact
from penstock.artifacts.digest import digest_bytes, digest_file, digest_tree
from penstock.artifacts.nouns import (
    NOUNS,
    Anomalies,
    Classification,
    Examples,
    InfraBlessing,
    Metrics,
    Model,
    ModelBlessing,
    ModelEvaluation,
    PushedModel,
    RawData,
    Report,
    Schema,
    Statistics,
    Summary,
    TransformedExamples,
    TransformGraph,
    Tuning,
)
from penstock.artifacts.task import Task
from penstock.artifacts.tuning import Study
from penstock.artifacts.verdict import Consequence, Decision, Reason, Verdict

__all__ = [
    "Artifact",
    "Anomalies",
    "Classification",
    "Consequence",
    "Decision",
    "Examples",
    "InfraBlessing",
    "Model",
    "ModelBlessing",
    "ModelEvaluation",
    "Metrics",
    "NOUNS",
    "PushedModel",
    "RawData",
    "Reason",
    "Report",
    "Schema",
    "Statistics",
    "Summary",
    "Study",
    "Task",
    "TransformGraph",
    "TransformedExamples",
    "Tuning",
    "Verdict",
    "digest_bytes",
    "digest_file",
    "digest_tree",
]
