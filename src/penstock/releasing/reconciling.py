"""One reconcile: look, judge, plan, save, act. The only order in which anything is ever done to a release."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from penstock.releasing.planning.actions import Plan
from penstock.releasing.planning.plan import plan
from penstock.releasing.port import Cluster, Judge, Key


def reconcile(cluster: Cluster, judge: Judge, key: Key, clock: Callable[[], datetime]) -> Plan | None:
    """Bring a release one transition further, and the world to what that says.

    The status is written before anything is done: what is done follows from it alone. So a crash in between is made up
    for by the next reconcile, and a controller whose look is no longer true is stopped by a conflict before it acts.

    Returns:
        What was planned, and done; None where there is no such release.

    Raises:
        Conflict: Something was written since the look: look again at once.
        Unavailable: Something did not answer: look again later.
        BadInput: The release cannot be read (its author).
    """
    look = cluster.look(key)
    if look is None:
        return None
    look = replace(look, observed=replace(look.observed, judged=judge.judge(look)))
    made = plan(look.spec, look.status, look.observed, clock())
    if made.status != look.status:
        look = cluster.save(look, made.status)
    for action in made.actions:
        cluster.perform(look, action)
    return made
