"""Every noun of a pipeline, with its files.

Add a noun here when two components exchange it. Its class says which files it holds; readers that need a heavy
library import it inside the method.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.artifacts.base import Artifact, Scalar
from penstock.artifacts.plots import CLASSIFICATION_FILE, PLOTS_FILE, ClassificationPlots, EvaluationPlots
from penstock.artifacts.tables import SplitTables
from penstock.artifacts.task import TASK_FILE, Task
from penstock.artifacts.tuning import STUDY_FILE, Study
from penstock.artifacts.verdict import Decision

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2


class RawData(Artifact):
    """The source files as they came, byte for byte, and `sources.json` that names and digests them."""

    kind = "raw_data"
    schema_title = "system.Dataset"
    summary = "Immutable copy of the source files."


class Examples(SplitTables):
    """Rows with their raw columns, one Parquet table per split."""

    kind = "examples"
    summary = "Rows per split, typed, without duplicates."


class Statistics(Artifact):
    """`Split-<name>/FeatureStats.pb`: TFDV's DatasetFeatureStatisticsList, binary."""

    kind = "statistics"
    summary = "TFDV statistics per split."

    def splits(self) -> list[str]:
        """The names of the splits, sorted."""
        return sorted(p.name.removeprefix("Split-") for p in self.path.glob("Split-*") if p.is_dir())

    def read(self, split: str) -> statistics_pb2.DatasetFeatureStatisticsList:
        """Read a split's statistics."""
        from tensorflow_metadata.proto.v0 import statistics_pb2

        data = (self.path / f"Split-{split}" / "FeatureStats.pb").read_bytes()
        return statistics_pb2.DatasetFeatureStatisticsList.FromString(data)

    def write(self, split: str, statistics: statistics_pb2.DatasetFeatureStatisticsList) -> None:
        """Write a split's statistics."""
        data = statistics.SerializeToString(deterministic=True)
        self.file(f"Split-{split}/FeatureStats.pb").write_bytes(data)


class Schema(Artifact):
    """`schema.pbtxt`: the TFMD schema that the data was held against."""

    kind = "schema"
    summary = "TensorFlow Metadata schema."
    file_name = "schema.pbtxt"

    def read(self) -> schema_pb2.Schema:
        """Read the schema."""
        from google.protobuf import text_format
        from tensorflow_metadata.proto.v0 import schema_pb2

        return text_format.Parse(self.read_text(self.file_name), schema_pb2.Schema())

    def write(self, schema: schema_pb2.Schema) -> None:
        """Write the schema."""
        from google.protobuf import text_format

        self.write_text(self.file_name, text_format.MessageToString(schema))


class _Decided(Artifact):
    """An artifact that carries a gate's decision in `decision.json`."""

    def read_decision(self) -> Decision:
        """Read the decision."""
        return Decision.model_validate_json(self.read_text("decision.json"))


class Anomalies(_Decided):
    """`anomalies.pbtxt` (TFMD), `anomalies.json` (feature, rule, count, example rows), `decision.json`."""

    kind = "anomalies"
    summary = "What is wrong with the data, and what follows."

    def write(self, split: str, anomalies: anomalies_pb2.Anomalies) -> None:
        """Write a split's TFMD anomalies as `Split-<name>/anomalies.pbtxt`."""
        from google.protobuf import text_format

        self.write_text(f"Split-{split}/anomalies.pbtxt", text_format.MessageToString(anomalies))


class TransformGraph(Artifact):
    """TFT's own output folder: `transform_fn/`, `transformed_metadata/`, `metadata/`."""

    kind = "transform_graph"
    summary = "Fitted TFT graph with its vocabularies."

    def open(self) -> Any:
        """Open it as `tft.TFTransformOutput`."""
        import tensorflow_transform as tft

        return tft.TFTransformOutput(str(self.path))


class TransformedExamples(SplitTables):
    """Rows as the model's layers see them, one Parquet table per split, in the order of the examples."""

    kind = "transformed_examples"
    summary = "Transformed rows per split."


class Model(Artifact):
    """A servable model and what is known of its making.

    `saved_model/`: three signatures. `serving_default`: serialized tf.Example, input `examples`, shape (n,).
    `serve_tensors`: one raw tensor a feature, each of shape (n,), missing values in band (see `features`).
    `transform_features`: serialized tf.Example to transformed features. The first two put out `score`, float32,
    shape (n, k): the probability of the positive class (binary, k = 1), of each class (multiclass, k classes, summing
    to 1), or the estimate (regression, k = 1).
    `history.json`: metrics per epoch. `features.json`: the feature spec of the graph inside. `task.json`: the task
    and the names of its classes.
    `golden.json`: `{"rows": [{feature: value or null}], "scores": [float or [float]]}`, real raw rows with the
    trainer's own scores for them, which serving must reproduce; for multiclass a list of k a row.
    """

    kind = "model"
    schema_title = "system.Model"
    summary = "SavedModel with the TFT graph inside."

    @property
    def saved_model(self) -> Path:
        """The SavedModel's folder."""
        return self.path / "saved_model"

    def read_task(self) -> Task:
        """Read what it answers."""
        return Task.model_validate_json(self.read_text(TASK_FILE))


class Tuning(Artifact):
    """`study.json`: what was tried, and the best parameters."""

    kind = "tuning"
    summary = "Best parameters of a search, with every trial."

    def read(self) -> Study:
        """Read the study."""
        return Study.model_validate_json(self.read_text(STUDY_FILE))

    def write(self, study: Study) -> None:
        """Write the study."""
        self.write_json(STUDY_FILE, study)


class ModelEvaluation(_Decided):
    """TFMA's result files, `metrics.parquet` (one row per model, slice and metric), `evaluation.json`, `plots.json`."""

    kind = "evaluation"
    summary = "Metrics per slice with intervals, candidate against baseline."

    def read_plots(self) -> EvaluationPlots:
        """Read the curves and all else that is drawn."""
        return EvaluationPlots.model_validate_json(self.read_text(PLOTS_FILE))


class Metrics(Artifact):
    """`metrics.json`: a number by name. Kubeflow's page of a run lists them, its comparison lays runs abreast."""

    kind = "metrics"
    schema_title = "system.Metrics"
    summary = "The candidate's overall metrics, by split and name."

    def write(self, metrics: Mapping[str, Scalar]) -> None:
        """Write the metrics, and put them into the metadata, where Kubeflow reads them."""
        self.write_json("metrics.json", dict(metrics))
        self.metadata.update(metrics)

    def for_kubeflow(self) -> dict[str, object]:
        """The numbers alone: the page has a row for whatever is in the metadata."""
        return {name: value for name, value in self.metadata.items() if name not in ("kind", "digest")}


class Classification(Artifact):
    """`classification.json`: `confidenceMetrics`, the ROC curve, and `confusionMatrix`; either may be missing.

    Source:
        kubeflow/pipelines, sdk/python/kfp/dsl/types/artifact_types.py, class ClassificationMetrics (what is in the
        metadata), frontend/src/components/viewers/MetricsVisualizations.tsx (what is drawn of it).
    """

    kind = "classification"
    schema_title = "system.ClassificationMetrics"
    summary = "ROC curve and confusion matrix of the candidate, as Kubeflow's pages draw them."
    drawn_from_files = True

    def write(self, drawn: ClassificationPlots) -> None:
        """Write what is to be drawn."""
        self.write_json(CLASSIFICATION_FILE, drawn.model_dump(mode="json", exclude_none=True))

    def for_kubeflow(self) -> dict[str, object]:
        """The metadata with what is drawn; without, where the files are not here."""
        try:
            drawn = ClassificationPlots.model_validate_json(self.read_text(CLASSIFICATION_FILE))
        except FileNotFoundError:
            return dict(self.metadata)
        return {**self.metadata, **drawn.model_dump(mode="json", exclude_none=True)}


class _Blessing(_Decided):
    """`decision.json`, and in metadata the digest of the model that it speaks of."""

    @property
    def model_digest(self) -> str:
        """The digest of the model judged."""
        return str(self.metadata.get("model_digest", ""))


class ModelBlessing(_Blessing):
    """Whether the candidate is good enough to serve."""

    kind = "model_blessing"
    summary = "The evaluator's verdict about one model."


class InfraBlessing(_Blessing):
    """Whether the candidate serves: loads, answers equally, within its budgets."""

    kind = "infra_blessing"
    summary = "The infra validator's verdict about one model."


class PushedModel(Artifact):
    """The release bundle: `model/`, `schema.pbtxt`, `transform_graph/`, `thresholds.json`, `manifest.json`."""

    kind = "pushed_model"
    schema_title = "system.Model"
    summary = "Release bundle with one digest over all."


class Report(Artifact):
    """`report.html`: one page that needs nothing else."""

    kind = "report"
    schema_title = "system.HTML"
    summary = "Everything known of a run, as one page."
    main_file = "report.html"


class Summary(Artifact):
    """`summary.md`: verdicts, metrics and data in a few tables, for pages that show Markdown."""

    kind = "summary"
    schema_title = "system.Markdown"
    summary = "The verdicts of a run and what stands behind them, in short."
    main_file = "summary.md"


NOUNS: dict[str, type[Artifact]] = {
    noun.kind: noun
    for noun in (
        RawData,
        Examples,
        Statistics,
        Schema,
        Anomalies,
        TransformGraph,
        TransformedExamples,
        Model,
        Tuning,
        ModelEvaluation,
        Metrics,
        Classification,
        ModelBlessing,
        InfraBlessing,
        PushedModel,
        Report,
        Summary,
    )
}
"""Every noun by its kind."""
