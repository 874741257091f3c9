"""A cluster's runs in its lineage: how they ended, where nobody could record it.

On a cluster no process of ours lives as long as a run does. A task whose pod died and was not tried again says
`running` in the lineage until somebody who may ask Kubeflow Pipelines says that its run is over.
"""

from __future__ import annotations

from datetime import UTC, datetime

from penstock.kubeflow.api import Kubeflow
from penstock.kubeflow.following import Ending, ending_of
from penstock.kubeflow.package import Package
from penstock.kubeflow.records import Run, RunState
from penstock.kubeflow.sending import NotFound
from penstock.lineage.errors import UnknownRun
from penstock.lineage.port import LineageStore
from penstock.lineage.records import State
from penstock.sdk import PenstockError

_STATES = {
    RunState.SUCCEEDED: State.COMPLETE,
    RunState.SKIPPED: State.COMPLETE,
    RunState.FAILED: State.FAILED,
    RunState.CANCELED: State.INTERRUPTED,
}


def close_ended(store: LineageStore, kubeflow: Kubeflow) -> list[str]:
    """Record as failed what still says `running` in runs that are over; returns the ids of those runs.

    A run that the API server does not know may be another cluster's, and is left as it is; so are all where it cannot
    be asked.

    Args:
        store: The cluster's lineage.
        kubeflow: Its API server; asked only of runs that the lineage believes to go on.
    """
    away = False

    def goes_on(run_id: str) -> bool:
        nonlocal away
        if away:
            return True
        try:
            return not kubeflow.run(run_id).state.ended
        except NotFound:
            return True
        except PenstockError:
            away = True
            return True

    return store.close_abandoned(goes_on)


def settle(store: LineageStore, run: Run, package: Package | None) -> Ending:
    """Record how a run ended, and tell what it came to by the verdicts that its gates have recorded.

    Args:
        store: The cluster's lineage.
        run: The run as the API server has it; it has ended.
        package: What it ran, to tell closed gates by where the lineage knows nothing of the run.
    """
    store.close_abandoned(lambda run_id: run_id != run.run_id)
    try:
        recorded = store.run(run.run_id)
    except UnknownRun:
        return ending_of(run, package)
    ending = ending_of(run, package, recorded)
    ended = run.finished_at or recorded.ended or datetime.now(UTC)
    known = {"state": _STATES[run.state], "ended": ended, "exit_code": int(ending.code), "executions": ()}
    store.finish_run(recorded.model_copy(update=known))
    return ending
