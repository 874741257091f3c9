"""TFDV's statistics as views of columns, the splits side by side. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from penstock.artifacts.plots import Histogram
from penstock.reporting.views import FeatureView, SplitStatistics

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList as StatisticsList
    from tensorflow_metadata.proto.v0.statistics_pb2 import FeatureNameStatistics, NumericStatistics

_STANDARD = 0
"""HistogramType STANDARD: bins of equal width."""
_MOST_VALUES = 12


def split_rows(statistics: Mapping[str, StatisticsList]) -> tuple[tuple[str, int], ...]:
    """The splits and their rows, the training split first."""
    return tuple((s, statistics[s].datasets[0].num_examples) for s in _order(statistics) if statistics[s].datasets)


def feature_views(statistics: Mapping[str, StatisticsList]) -> list[FeatureView]:
    """Every column in every split that has it, in the order of their names."""
    found: dict[str, list[tuple[str, SplitStatistics]]] = {}
    for split in _order(statistics):
        for dataset in statistics[split].datasets[:1]:
            for feature in dataset.features:
                name = ".".join(feature.path.step) or feature.name
                kind = "number" if feature.HasField("num_stats") else "text"
                found.setdefault(name, []).append((kind, _of_split(split, feature, dataset.num_examples)))
    return [
        FeatureView(name=name, type=parts[0][0], splits=tuple(part for _, part in parts))
        for name, parts in sorted(found.items())
    ]


def _order(statistics: Mapping[str, StatisticsList]) -> list[str]:
    return sorted(statistics, key=lambda split: (split != "train", split))


def _of_split(split: str, feature: FeatureNameStatistics, rows: int) -> SplitStatistics:
    if not feature.HasField("num_stats"):
        words = feature.string_stats
        return SplitStatistics(
            split=split,
            rows=rows,
            missing=_missing(words.common_stats.num_non_missing, rows),
            distinct=int(words.unique),
            values=tuple((top.value, round(top.frequency)) for top in words.top_values[:_MOST_VALUES]),
        )
    numbers = feature.num_stats
    present = numbers.common_stats.num_non_missing > 0
    return SplitStatistics(
        split=split,
        rows=rows,
        missing=_missing(numbers.common_stats.num_non_missing, rows),
        least=_finite(numbers.min) if present else None,
        mean=_finite(numbers.mean) if present else None,
        deviation=_finite(numbers.std_dev) if present else None,
        median=_finite(numbers.median) if present else None,
        greatest=_finite(numbers.max) if present else None,
        histogram=_histogram(numbers) if present else None,
    )


def _missing(present: int, rows: int) -> float:
    return 1 - present / rows if rows else 0.0


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _histogram(numbers: NumericStatistics) -> Histogram | None:
    """The bins of equal width; None where they are not finite. A column with one value gets a bin around it."""
    standard = next((h for h in numbers.histograms if h.type == _STANDARD and h.buckets), None)
    if standard is None:
        return None
    edges = [standard.buckets[0].low_value, *(bucket.high_value for bucket in standard.buckets)]
    if not all(math.isfinite(edge) for edge in edges):
        return None
    if edges[0] == edges[-1]:
        total = sum(bucket.sample_count for bucket in standard.buckets)
        return Histogram(edges=(edges[0] - 0.5, edges[0] + 0.5), counts=(round(total),))
    return Histogram(edges=tuple(edges), counts=tuple(round(bucket.sample_count) for bucket in standard.buckets))
