"""From a release to its sources: who is asked for what was seen of the two models."""

from __future__ import annotations

import threading
from pathlib import Path

from penstock.releasing.gates.evidence import Evidence
from penstock.releasing.gates.observations import Batch
from penstock.releasing.gates.source_spec import Source as SourceSpec
from penstock.releasing.gates.source_spec import SourceKind
from penstock.releasing.gates.spec import Gates
from penstock.releasing.port import Key, Look
from penstock.releasing.resource.status import Deployed
from penstock.releasing.sources.observing import name_of, observe
from penstock.releasing.sources.prediction_log import LogSource
from penstock.releasing.sources.prometheus import PrometheusSource
from penstock.releasing.sources.source import Asked, Served, Source, Unmeasurable

MOST_LOGS = 64
"""Of so many releases is remembered what was read of the log; of more, it is read again at each look."""


class SourcesObserver:
    """Asks the sources that the gates name; where they name none, those that the process was started with."""

    def __init__(self, prometheus: str | None = "", prediction_log: Path | None = None) -> None:
        """Say where the sources are that gates do not name.

        Args:
            prometheus: Address of a Prometheus server; empty for none. None where there can be none: errors and
                latencies, which a gate would ask it for, are in the log as well.
            prediction_log: Folder of a prediction log; None for none.
        """
        self._prometheus, self._prediction_log = prometheus, prediction_log
        self._servers: dict[str, PrometheusSource] = {}
        self._logs: dict[tuple[Key, str], LogSource] = {}
        self._lock = threading.Lock()

    def batch(self, look: Look, evidence: Evidence) -> Batch:
        """Everything seen since the evidence's cursors; what could not be measured is a problem in it."""
        trial, stable, candidate = look.status.trial, look.status.stable, look.status.candidate
        if trial is None or stable is None or candidate is None:
            return Batch(cursors=evidence.cursors)
        asked = Asked(
            stable=_served(look, stable),
            candidate=_served(look, candidate),
            since=trial.started,
            steps={step.name: step.is_shadow for step in look.spec.steps},
            namespace=look.key.namespace,
            shadow=trial.mirror_percent > 0,
            stable_idle=trial.weight_percent >= 100,
        )
        gates = _from_log(look.spec.analysis) if self._prometheus is None else look.spec.analysis
        return observe(gates, asked, trial.step, evidence, lambda source: self._open(look.key, source))

    def _open(self, key: Key, source: SourceSpec) -> Source:
        if source.kind is SourceKind.PROMETHEUS:
            url = source.url or self._prometheus
            if not url:
                raise Unmeasurable("no Prometheus is named, neither by the gate nor to the controller")
            return self._servers.setdefault(url, PrometheusSource(url))
        folder = Path(source.url) if source.url else self._prediction_log
        if folder is None:
            raise Unmeasurable("no prediction log is named, neither by the gate nor to the controller")
        name = (key, name_of(source))
        with self._lock:
            found = self._logs.pop(name, None) or LogSource(folder)
            self._logs[name] = found
            if len(self._logs) > MOST_LOGS:
                del self._logs[next(iter(self._logs))]
        return found


def _from_log(gates: Gates) -> Gates:
    """The gates with the log in Prometheus's place."""
    log = SourceSpec(kind=SourceKind.PREDICTION_LOG)
    changed = (
        gate.model_copy(update={"source": log}) if gate.source.kind is SourceKind.PROMETHEUS else gate
        for gate in gates.gates
    )
    return gates.model_copy(update={"gates": tuple(changed)})


def _served(look: Look, deployed: Deployed) -> Served:
    seen = look.observed.twins.get(deployed.twin)
    return Served(workload=seen.workload if seen else "", digest=deployed.version.bundle.digest)
