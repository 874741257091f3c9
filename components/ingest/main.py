"""Copies the sources and puts out typed rows per split: the only place of `ingest` that reads and writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from components.ingest.logic import assemble, put_out
from components.ingest.spec import SPEC, IngestParams
from penstock.artifacts import Examples, RawData
from penstock.artifacts.digest import digest_json
from penstock.sdk import Context, main
from penstock.tables.files import SourceFile, copy_file, find_files, fingerprint

_LISTED = 20
"""Up to so many files, metadata names each; beyond, each source as a whole."""


def observe(params: IngestParams) -> dict[str, str]:
    """Digest what the sources hold now: one digest a source, equal as long as names and bytes are."""
    return {
        name: digest_json([[file.name, fingerprint(file)] for file in find_files(name, source)])
        for name, source in params.sources.items()
    }


def run(context: Context[IngestParams]) -> None:
    """Copy, assemble, split, write."""
    params = context.params
    raw = context.output("raw", RawData)
    examples = context.output("examples", Examples)

    files = [file for name, source in params.sources.items() for file in find_files(name, source)]
    entries = [_copy(file, raw.path) for file in files]
    raw.write_json("sources.json", entries)
    raw.metadata["sources"] = _summary(entries)

    copies = {
        name: [(file.uri, raw.path / name / file.name) for file in files if file.source == name]
        for name in params.sources
    }
    rows = assemble(params, copies, context.progress)
    for split, table in put_out(params, rows.table):
        examples.write(split, table)
        examples.metadata[f"rows_{split}"] = table.num_rows
    examples.metadata.update(
        columns=", ".join(params.outputs),
        label=params.label,
        rows=rows.table.num_rows,
        duplicates_removed=rows.duplicates,
        **_span(files, params),
    )
    context.progress(rows.read, rows.read)
    context.processed(rows.read)


def _copy(file: SourceFile, folder: Path) -> dict[str, Any]:
    size, sha256 = copy_file(file, folder / file.source / file.name)
    span = {key: value for key, value in (("span", file.span), ("version", file.version)) if value}
    return {"name": file.source, "file": file.name, "uri": file.uri, "bytes": size, "sha256": sha256, **span}


def _summary(entries: list[dict[str, Any]]) -> str:
    """The sources in one short JSON text, so that lineage can name the raw files."""
    listed: list[dict[str, Any]] = [{key: e[key] for key in ("name", "uri", "bytes", "sha256")} for e in entries]
    if len(listed) > _LISTED:
        names = dict.fromkeys(entry["name"] for entry in entries)
        groups = {name: [e for e in entries if e["name"] == name] for name in names}
        listed = [
            {
                "name": name,
                "uri": f"{group[0]['uri']} ... {group[-1]['uri']}",
                "files": len(group),
                "bytes": sum(e["bytes"] for e in group),
                "sha256": digest_json([[e["file"], e["sha256"]] for e in group]).removeprefix("sha256:"),
            }
            for name, group in groups.items()
        ]
    return json.dumps(listed, separators=(",", ":"))


def _span(files: list[SourceFile], params: IngestParams) -> dict[str, str]:
    """The spans that the base's rows come from, `first..last`, and the versions of the last."""
    base = [file for file in files if file.source == params.base_name and file.span]
    if not base:
        return {}
    first, last = base[0].span, base[-1].span
    return {"span": first if first == last else f"{first}..{last}", "version": base[-1].version or "0"}


if __name__ == "__main__":
    main(SPEC, run)
