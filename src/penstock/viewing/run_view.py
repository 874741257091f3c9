"""A run of the lineage as a view: its tasks, what their artifacts say, and where it all came from.

Reads the files of the run's artifacts. What was removed since then is told as such; the lineage still knows the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from penstock.artifacts import NOUNS, Artifact
from penstock.lineage.records import ArtifactRecord, ExecutionRecord, RunRecord, State
from penstock.lineage.tracing import raw_files
from penstock.reporting.reading import read_findings
from penstock.reporting.views import ArtifactView, Baseline, Findings, RunView, TaskView
from penstock.sdk.executor import RuntimeArtifact

if TYPE_CHECKING:
    from penstock.lineage.port import LineageStore


def report_page(store: LineageStore, run: RunRecord) -> str:
    """Write a run's report: one HTML page that needs nothing else.

    Args:
        store: The lineage that the run is from.
        run: The run, with its executions.
    """
    from penstock.reporting.page import render

    return render(run_view(run, store))


def run_view(run: RunRecord, store: LineageStore | None = None) -> RunView:
    """See a run with everything that is known of it.

    Args:
        run: The run, with its executions.
        store: Where to ask who made the baseline; None to leave that open.
    """
    executions = list({execution.task: execution for execution in run.executions}.values())
    made = {output.uri: e.task for e in executions for output in e.outputs}
    stopped_by = tuple(execution.task for execution in executions if _stops(execution))
    findings, gone = _findings(executions)
    sources = dict.fromkeys(name for e in executions for output in e.outputs for name in raw_files(output))
    return RunView(
        title=run.pipeline,
        run_id=run.run_id,
        pipeline=run.pipeline,
        pipeline_digest=run.pipeline_digest,
        state=str(run.state),
        exit_code=run.exit_code,
        started=run.started,
        seconds=(run.ended - run.started).total_seconds() if run.ended else None,
        user=run.user,
        host=run.host,
        penstock_version=run.penstock_version,
        parameters=run.parameters,
        tasks=tuple(_task(run, execution, made, stopped_by) for execution in executions),
        sources=tuple(sources),
        baselines=tuple(_baselines(executions, store)),
        findings=replace(findings, problems=(*gone, *findings.problems)),
    )


def _findings(executions: Iterable[ExecutionRecord]) -> tuple[Findings, list[str]]:
    """What the artifacts say; a task whose files are not there any more is named."""
    made, gone, decided = [], [], {}
    for execution in executions:
        if execution.decision:
            decided[execution.task] = execution.decision
        artifacts = [_bind(output) for output in execution.outputs if output.kind in NOUNS]
        if artifacts and not any(artifact.path.exists() for artifact in artifacts):
            gone.append(f"{execution.task}: its outputs are not at {artifacts[0].path.parent} any more")
        made.append((execution.task, [artifact for artifact in artifacts if artifact.path.exists()]))
    return read_findings(made, decided), gone


def _bind(record: ArtifactRecord) -> Artifact:
    runtime = RuntimeArtifact(name=record.name, uri=record.uri, metadata=record.metadata)
    return runtime.bind(NOUNS[record.kind])


def _stops(execution: ExecutionRecord) -> bool:
    """Whether tasks after it are skipped because of it."""
    closed = execution.decision is not None and execution.decision.gate == "closed"
    return closed or execution.state in (State.FAILED, State.INTERRUPTED)


def _task(run: RunRecord, execution: ExecutionRecord, made: dict[str, str], stopped_by: tuple[str, ...]) -> TaskView:
    """One task; what was skipped took nothing, and stands behind what stopped the run."""
    known = (State.CACHED, State.SKIPPED)
    begun = (execution.started - run.started).total_seconds()
    before = dict.fromkeys(made[a.uri] for a in execution.inputs if a.uri in made and made[a.uri] != execution.task)
    return TaskView(
        name=execution.task,
        component=execution.component,
        state=str(execution.state),
        after=stopped_by if execution.state is State.SKIPPED and not before else tuple(before),
        started_after=None if execution.state in known else max(0.0, begun),
        seconds=None if execution.state is State.SKIPPED else execution.seconds,
        cpu_seconds=execution.cpu_seconds,
        peak_memory_bytes=execution.peak_memory_bytes,
        rows=execution.rows,
        decision=execution.decision,
        error=execution.error,
        parameters=execution.parameters,
        component_version=execution.component_version,
        code_digest=execution.code_digest,
        environment_digest=execution.image_digest,
        inputs=tuple(_artifact(a, made.get(a.uri, "")) for a in execution.inputs),
        outputs=tuple(_artifact(a) for a in execution.outputs),
    )


def _artifact(record: ArtifactRecord, from_task: str = "") -> ArtifactView:
    return ArtifactView(
        name=record.name or record.kind, kind=record.kind, digest=record.digest, uri=record.uri, from_task=from_task
    )


def _baselines(executions: Iterable[ExecutionRecord], store: LineageStore | None) -> list[Baseline]:
    """Each blessed model that a task looked up, with the run that made it."""
    found: dict[str, Baseline] = {}
    for execution in executions:
        digest = execution.baseline_digest
        if not digest or digest in found:
            continue
        taken = next((a for a in execution.inputs if a.digest == digest), None)
        makers = store.producers(taken) if store and taken else []
        found[digest] = Baseline(
            digest=digest, run_id=makers[0].run_id if makers else "", uri=taken.uri if taken else ""
        )
    return list(found.values())
