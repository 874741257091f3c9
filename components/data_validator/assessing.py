"""From tables and a schema to a decision: TFDV judges, the bad rows are located, what is left is judged again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.data_validator.bad_rows import BadRows, example_rows, rows_against_rule, rows_against_schema
from components.data_validator.judging import Judged, judge
from components.data_validator.logic import Finding, Kind, SplitCount, decide
from components.data_validator.spec import DataValidatorParams, RowRule
from components.data_validator.statistics import compute_statistics, infer_schema
from penstock.artifacts import Decision

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
    from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

    StatisticsList = statistics_pb2.DatasetFeatureStatisticsList

_SHOWN = 5
"""Example rows of a finding."""


@dataclass(frozen=True)
class Located:
    """The bad rows of one split."""

    findings: tuple[Finding, ...]
    mask: npt.NDArray[np.bool_]
    """True for a row that is bad, for whatever reason."""
    reasons: npt.NDArray[np.object_]
    """For each row, why: `feature:rule`, joined by a semicolon; empty for good rows."""


@dataclass(frozen=True)
class Assessment:
    """All that is known of the data in the end."""

    decision: Decision
    findings: tuple[Finding, ...]
    judged: Mapping[str, Judged]
    """What TFDV says of each split as it came."""
    located: Mapping[str, Located]
    statistics: Mapping[str, StatisticsList]
    """Of the rows that are accepted; of all rows where nothing is."""
    schema: schema_pb2.Schema


def assess(
    tables: Mapping[str, pa.Table],
    reviewed: schema_pb2.Schema | None,
    previous: Mapping[str, StatisticsList],
    params: DataValidatorParams,
    progress: Callable[[int, int], None],
) -> Assessment:
    """Judge all splits.

    Args:
        tables: The rows of each split; the training split is one of them.
        reviewed: The schema that holds; None to infer one.
        previous: The last statistics, by split; may lack any.
        params: How much is borne.
        progress: Told the rows done and in all.
    """
    total = sum(table.num_rows for table in tables.values())
    statistics: dict[str, StatisticsList] = {}
    done = 0
    for split, table in tables.items():
        statistics[split] = compute_statistics(table, reviewed)
        progress(done := done + table.num_rows, total)
    schema = reviewed or infer_schema(statistics[params.train_split])

    def judge_all() -> dict[str, Judged]:
        return {
            split: judge(
                split,
                statistics,
                schema,
                environment=params.environment,
                train_split=params.train_split,
                previous=previous.get(split),
                structure_only=reviewed is None,
            )
            for split in tables
        }

    def conclude(findings: Sequence[Finding], judged: Mapping[str, Judged]) -> Decision:
        limit = params.max_quarantine_fraction
        measured = {split: judged[split].distances for split in judged}
        return decide(findings, counts, measured, max_quarantine_fraction=limit, reviewed=reviewed is not None)

    judged = judge_all()
    located = {s: locate(s, tables[s], schema, judged[s].findings, params.rules) for s in tables}
    counts = {s: SplitCount(rows=tables[s].num_rows, bad=int(located[s].mask.sum())) for s in tables}
    rows = [finding for split in tables for finding in located[split].findings]
    others = [f for s in tables for f in with_examples(judged[s].findings, tables[s]) if f.kind is not Kind.ROWS]
    decision = conclude([*rows, *others], judged)
    bad = [split for split, count in counts.items() if count.bad]
    if decision.gate == "open" and bad:
        # Again without the bad rows: what they hid comes to light, what they caused goes away.
        for split in bad:
            statistics[split] = compute_statistics(tables[split].filter(~located[split].mask), reviewed)
        again = judge_all()
        others = [_beyond_rows(finding) for split in again for finding in again[split].findings]
        decision = conclude([*rows, *others], again)
    return Assessment(decision, (*rows, *others), judged, located, statistics, schema)


def _beyond_rows(finding: Finding) -> Finding:
    """A finding about rows that is still there when the bad rows are gone is about more than rows."""
    return finding.model_copy(update={"kind": Kind.STRUCTURE}) if finding.kind is Kind.ROWS else finding


def locate(
    split: str,
    table: pa.Table,
    schema: schema_pb2.Schema,
    judged: Sequence[Finding],
    rules: Mapping[str, RowRule],
) -> Located:
    """Find the rows behind the findings about rows, and those that break the rules of the configuration.

    Returns:
        The findings with their rows counted and shown. One that no row could be found for counts as a finding about
        the structure, because nothing could be set aside for it.
    """
    import numpy as np

    flagged = {finding.feature: finding for finding in judged if finding.kind is Kind.ROWS}
    bad: list[BadRows] = []
    lost: list[Finding] = []
    for feature in schema.feature:
        if feature.name in flagged:
            found = rows_against_schema(table, feature, schema)
            bad += found
            if not found:
                lost.append(_unlocated(flagged[feature.name], table))
    # Of a column that is gone, or of another type, the schema has spoken already.
    amiss = {finding.feature for finding in judged if finding.kind is Kind.STRUCTURE}
    fit = {name: rule for name, rule in rules.items() if not amiss & {rule.column, rule.other}}
    broken = [rows_against_rule(table, name, rule) for name, rule in fit.items()]
    bad += [rows for rows in broken if rows.count]

    mask = np.zeros(table.num_rows, dtype=bool)
    reasons = np.full(table.num_rows, "", dtype=object)
    for rows in bad:
        mask |= rows.mask
        reasons[rows.mask] = [
            f"{r}; {rows.feature}:{rows.rule}" if r else f"{rows.feature}:{rows.rule}" for r in reasons[rows.mask]
        ]
    return Located((*(_row_finding(split, table, rows) for rows in bad), *lost), mask, reasons)


def _row_finding(split: str, table: pa.Table, bad: BadRows) -> Finding:
    fraction = bad.count / table.num_rows
    return Finding(
        split=split,
        feature=bad.feature,
        rule=bad.rule,
        kind=Kind.ROWS,
        text=f"{bad.count:,} of {table.num_rows:,} rows ({fraction:.3%}): {bad.text}",
        rows=bad.count,
        fraction=fraction,
        examples=example_rows(table, bad.mask),
    )


def _unlocated(finding: Finding, table: pa.Table) -> Finding:
    """A finding that is about no row in particular: too many rows lack a value that each of them may lack."""
    missing = table.column(finding.feature).is_null().to_numpy()
    count = int(missing.sum())
    figures = {"rows": count, "fraction": count / table.num_rows, "examples": example_rows(table, missing)}
    return finding.model_copy(update={"kind": Kind.STRUCTURE, **(figures if count else {})})


def with_examples(findings: Sequence[Finding], table: pa.Table) -> tuple[Finding, ...]:
    """Show what a column holds whose structure is not as it should be: its first rows."""
    import numpy as np

    first = np.arange(table.num_rows) < _SHOWN
    return tuple(
        finding.model_copy(update={"examples": example_rows(table.select([finding.feature]), first)})
        if finding.kind is Kind.STRUCTURE and finding.feature in table.column_names and not finding.examples
        else finding
        for finding in findings
    )
