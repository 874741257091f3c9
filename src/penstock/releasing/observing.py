"""From a release to its sources: who is asked for what was seen of the two models."""

from __future__ import annotations

from pathlib import Path

from penstock.releasing.gates.evidence import Evidence
from penstock.releasing.gates.observations import Batch
from penstock.releasing.gates.source_spec import Source as SourceSpec
from penstock.releasing.gates.source_spec import SourceKind
from penstock.releasing.port import Look
from penstock.releasing.resource.status import Deployed
from penstock.releasing.sources.labels import LabelsSource
from penstock.releasing.sources.observing import observe
from penstock.releasing.sources.prediction_log import PredictionLogSource
from penstock.releasing.sources.prometheus import PrometheusSource
from penstock.releasing.sources.source import Asked, Served, Source, Unmeasurable


class SourcesObserver:
    """Asks the sources that the gates name; where they name none, those that the process was started with."""

    def __init__(self, prometheus: str = "", prediction_log: Path | None = None) -> None:
        """Say where the sources are that gates do not name.

        Args:
            prometheus: Address of a Prometheus server; empty for none.
            prediction_log: Folder of a prediction log; None for none.
        """
        self._prometheus, self._prediction_log = prometheus, prediction_log
        self._servers: dict[str, PrometheusSource] = {}

    def batch(self, look: Look, evidence: Evidence) -> Batch:
        """Everything seen since the evidence's cursors; what could not be measured is a problem in it."""
        trial, stable, candidate = look.status.trial, look.status.stable, look.status.candidate
        if trial is None or stable is None or candidate is None:
            return Batch(cursors=evidence.cursors)
        asked = Asked(
            stable=_served(look, stable),
            candidate=_served(look, candidate),
            namespace=look.key.namespace,
            shadow=trial.mirror_percent > 0,
            stable_idle=trial.weight_percent >= 100,
        )
        return observe(look.spec.analysis, asked, trial.step, evidence, self._open)

    def _open(self, source: SourceSpec) -> Source:
        if source.kind is SourceKind.PROMETHEUS:
            url = source.url or self._prometheus
            if not url:
                raise Unmeasurable("no Prometheus is named, neither by the gate nor to the controller")
            return self._servers.setdefault(url, PrometheusSource(url))
        folder = Path(source.url) if source.url else self._prediction_log
        if folder is None:
            raise Unmeasurable("no prediction log is named, neither by the gate nor to the controller")
        return LabelsSource(source.labels, folder) if source.kind is SourceKind.LABELS else PredictionLogSource(folder)


def _served(look: Look, deployed: Deployed) -> Served:
    seen = look.observed.twins.get(deployed.twin)
    return Served(workload=seen.workload if seen else "", digest=deployed.version.bundle.digest)
