"""What TFDV says of statistics, as findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.data_validator.logic import KINDS, Distance, Finding, Kind
from components.data_validator.statistics import validate

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

    StatisticsList = statistics_pb2.DatasetFeatureStatisticsList


@dataclass(frozen=True)
class Judged:
    """What TFDV says of one split."""

    anomalies: anomalies_pb2.Anomalies
    findings: tuple[Finding, ...]
    distances: tuple[Distance, ...]
    """Whatever a comparator of the schema measured, above its threshold or not."""


def judge(
    split: str,
    statistics: Mapping[str, StatisticsList],
    schema: schema_pb2.Schema,
    *,
    environment: str = "",
    train_split: str = "train",
    previous: StatisticsList | None = None,
    structure_only: bool = False,
) -> Judged:
    """Hold one split's statistics against the schema, the last run, and the training split.

    Args:
        split: The split.
        statistics: Statistics of all splits.
        schema: The schema, with its thresholds for drift and skew.
        environment: One of the schema's environments, or empty.
        train_split: What the other splits are compared with.
        previous: The last statistics of this split, for drift.
        structure_only: Leave out what speaks of values: an inferred schema knows the training split's values only.
    """
    anomalies = validate(
        statistics[split], schema, environment, **({"previous_statistics": previous} if previous else {})
    )
    if split != train_split:
        skew = validate(statistics[train_split], schema, environment, serving_statistics=statistics[split])
        _merge_comparisons(skew, into=anomalies)
    rows = statistics[split].datasets[0].num_examples
    findings = [f for f in _findings(split, anomalies, rows) if not structure_only or f.kind is Kind.STRUCTURE]
    return Judged(anomalies, tuple(findings), tuple(_distances(anomalies)))


def _findings(split: str, anomalies: anomalies_pb2.Anomalies, rows: int) -> list[Finding]:
    """What TFDV found, one finding for each of its reasons."""
    from tensorflow_metadata.proto.v0.anomalies_pb2 import AnomalyInfo

    infos = list(anomalies.anomaly_info.items())
    if anomalies.HasField("dataset_anomaly_info"):
        infos.append(("", anomalies.dataset_anomaly_info))
    findings = []
    for feature, info in sorted(infos, key=lambda item: item[0]):
        for reason in info.reason:
            rule = AnomalyInfo.Type.Name(reason.type)
            kind = KINDS.get(rule, Kind.STRUCTURE)
            everywhere = {"rows": rows, "fraction": 1.0} if kind is Kind.STRUCTURE else {}
            text = " ".join((reason.description or reason.short_description).split()).rstrip(".")
            findings.append(
                Finding(split=split, feature=feature, rule=rule.lower(), kind=kind, text=text, **everywhere)
            )
    return findings


def _merge_comparisons(skew: anomalies_pb2.Anomalies, *, into: anomalies_pb2.Anomalies) -> None:
    """Add what a comparison of two splits found; the rest of what it says is about the training split itself."""
    from tensorflow_metadata.proto.v0.anomalies_pb2 import AnomalyInfo

    for feature, info in skew.anomaly_info.items():
        reasons = [r for r in info.reason if KINDS.get(AnomalyInfo.Type.Name(r.type)) is Kind.VALUES]
        if reasons:
            own = into.anomaly_info[feature]
            if not own.reason:
                own.CopyFrom(info)
                del own.reason[:]
            own.reason.extend(reasons)
    into.drift_skew_info.extend(skew.drift_skew_info)


def _distances(anomalies: anomalies_pb2.Anomalies) -> list[Distance]:
    from tensorflow_metadata.proto.v0.anomalies_pb2 import DriftSkewInfo

    name = DriftSkewInfo.Measurement.Type.Name
    measured = [
        Distance(
            feature=".".join(info.path.step), of=what, type=name(m.type).lower(), value=m.value, threshold=m.threshold
        )
        for info in anomalies.drift_skew_info
        for what, measurements in (("drift", info.drift_measurements), ("skew", info.skew_measurements))
        for m in measurements
    ]
    return sorted(measured, key=lambda d: (d.of, d.feature))
