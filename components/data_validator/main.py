"""Reads examples and the schema, writes the accepted rows, statistics, schema and anomalies with the decision."""

from __future__ import annotations

import shutil

from components.data_validator.assessing import Assessment, assess
from components.data_validator.spec import SPEC, DataValidatorParams
from components.data_validator.statistics import parse_schema
from penstock.artifacts import Anomalies, Examples, Schema, Statistics
from penstock.sdk import BadInput, Context, main

QUARANTINE = "quarantine"
"""The split of the rows that were set aside."""


def run(context: Context[DataValidatorParams]) -> None:
    """Judge every split; accept, set aside or stop."""
    params = context.params
    reviewed = parse_schema(params.reviewed_schema, params.environment) if params.reviewed_schema.strip() else None
    examples = context.input("examples", Examples)
    splits = [split for split in examples.splits() if split != QUARANTINE]
    if params.train_split not in splits:
        raise BadInput(f"train_split: the examples have no split {params.train_split!r}", f"They have {splits}")
    last = context.optional("previous", Statistics)
    previous = {split: last.read(split) for split in last.splits()} if last else {}

    tables = {split: examples.read(split) for split in splits}
    found = assess(tables, reviewed, previous, params, context.progress)

    _write_accepted(context, examples, found)
    statistics = context.output("statistics", Statistics)
    for split, value in found.statistics.items():
        statistics.write(split, value)
    statistics.metadata.update(examples_digest=examples.digest, verdict=found.decision.verdict)
    schema = context.output("schema", Schema)
    schema.write(found.schema)
    schema.metadata["origin"] = "reviewed" if reviewed else "inferred"
    _write_anomalies(context, found)
    context.processed(sum(table.num_rows for table in tables.values()))


def _write_accepted(context: Context[DataValidatorParams], examples: Examples, found: Assessment) -> None:
    """Write the good rows of each split and, apart, the bad ones; when the gate is closed, no row is accepted."""
    import pyarrow as pa

    accepted = context.output("accepted", Examples)
    accepted.metadata.update({k: v for k, v in examples.metadata.items() if k not in ("kind", "digest")})
    aside = []
    for split, bad in found.located.items():
        untouched = found.decision.gate == "open" and not bad.mask.any()
        if untouched:  # the same bytes, so the same digest
            shutil.copytree(examples.path / f"Split-{split}", accepted.path / f"Split-{split}")
            continue
        table = examples.read(split)
        if bad.mask.any():
            rows = table.filter(bad.mask)
            rows = rows.append_column("_split", pa.array([split] * rows.num_rows, pa.string()))
            aside.append(rows.append_column("_reasons", pa.array(bad.reasons[bad.mask], pa.string())))
        good = table.filter(~bad.mask) if found.decision.gate == "open" else table.slice(0, 0)
        accepted.write(split, good)
        accepted.metadata[f"rows_{split}"] = good.num_rows
    if aside:
        quarantined = pa.concat_tables(aside, promote=True)
        accepted.write(QUARANTINE, quarantined)
        accepted.metadata[f"rows_{QUARANTINE}"] = quarantined.num_rows


def _write_anomalies(context: Context[DataValidatorParams], found: Assessment) -> None:
    anomalies = context.output("anomalies", Anomalies)
    for split, judged in found.judged.items():
        anomalies.write(split, judged.anomalies)
    anomalies.write_json(
        "anomalies.json",
        {
            "findings": [
                finding.model_dump(mode="json") | {"kind": finding.kind.name.lower()} for finding in found.findings
            ],
            "distances": {s: [d.model_dump() for d in judged.distances] for s, judged in found.judged.items()},
        },
    )
    context.decide(found.decision, anomalies, findings=len(found.findings))


if __name__ == "__main__":
    main(SPEC, run)
