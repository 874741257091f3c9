"""Changing a run that is there: stopping it, and going on with one that failed."""

from __future__ import annotations

from penstock.kubeflow.api import Kubeflow
from penstock.kubeflow.records import RunState
from penstock.sdk import BadInput


def terminate(kubeflow: Kubeflow, run_id: str) -> None:
    """Stop a run.

    Raises:
        NotFound: There is none of that id (caller).
        BadInput: It has ended already (caller).
    """
    run = kubeflow.run(run_id)
    if run.state.ended:
        raise BadInput(f"the run {run_id} has ended: {run.state.word}")
    kubeflow.terminate(run_id)


def retry(kubeflow: Kubeflow, run_id: str) -> None:
    """Go on with a run from the tasks that failed.

    Raises:
        NotFound: There is none of that id (caller).
        BadInput: It has not failed (caller).
    """
    run = kubeflow.run(run_id)
    if run.state not in (RunState.FAILED, RunState.CANCELED):
        way = "Submit it again" if run.state.ended else "Wait until it has ended: penstock runs follow"
        raise BadInput(f"the run {run_id} is {run.state.word}, and only what failed can go on", way)
    kubeflow.retry(run_id)
