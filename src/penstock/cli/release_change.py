"""`penstock release approve`, `pause`, `resume`, `retry`: a person's word on a release."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from penstock.releasing.local.store import Stored


@click.command(name="approve", short_help="Say yes to the step that a release waits before.")
@click.argument("name")
@click.option("--step", help="The step; else the one that the release waits before.")
@click.pass_obj
def approve(home: Path, name: str, step: str | None) -> None:
    """Say yes to one step, for the bundle that is being tried and no other.

    \b
    Examples:
      penstock release approve flights
      penstock release approve flights --step canary-100
    """
    from penstock.releasing.local.hosting import releases_below
    from penstock.releasing.resource.ladder import Approval
    from penstock.sdk import BadInput

    stored = releases_below(home).get(name)
    names = [each.name for each in stored.spec.steps]
    chosen = step or _next_step(stored)
    if chosen not in names:
        raise BadInput(f"release {name} has no step {chosen!r}", f"Its steps: {', '.join(names)}")
    approval = Approval(step=chosen, digest=stored.spec.model.digest)
    promotion = stored.spec.promotion
    if approval not in promotion.approvals:
        promotion = promotion.model_copy(update={"approvals": (*promotion.approvals, approval)})
        _change(home, name, promotion=promotion)
    click.echo(f"step {chosen} is approved for {approval.digest}")


@click.command(name="pause", short_help="Hold a release where it is.")
@click.argument("name")
@click.pass_obj
def pause(home: Path, name: str) -> None:
    """Hold a release where it is: no further step. Harm still rolls it back.

    \b
    Example:
      penstock release pause flights
    """
    _change(home, name, paused=True)
    click.echo(f"release {name} holds where it is; penstock release resume {name} lets it go on")


@click.command(name="resume", short_help="Let a paused release go on.")
@click.argument("name")
@click.pass_obj
def resume(home: Path, name: str) -> None:
    """Let a paused release go on; its step begins again.

    \b
    Example:
      penstock release resume flights
    """
    from penstock.releasing.local.hosting import releases_below

    stored = releases_below(home).get(name)
    if stored.spec.paused:
        _change(home, name, paused=False)
        click.echo(f"release {name} goes on")
    else:
        click.echo(f"release {name} was not paused by anyone: it is {stored.status.phase}. {stored.status.message}")


@click.command(name="retry", short_help="Try a rejected bundle again, or go on with an inconclusive step.")
@click.argument("name")
@click.pass_obj
def retry(home: Path, name: str) -> None:
    """Try a rejected bundle again from the beginning, or begin a step again that was not decided in time.

    \b
    Example:
      penstock release retry flights
    """
    from penstock.releasing.local.hosting import releases_below
    from penstock.releasing.local.progress import Outcome, outcome
    from penstock.sdk import BadInput

    stored = releases_below(home).get(name)
    if outcome(stored) not in (Outcome.REJECTED, Outcome.INCONCLUSIVE):
        raise BadInput(f"release {name} is neither rolled back nor undecided: it is {stored.status.phase}")
    _change(home, name, retry_token=f"{time.time_ns():x}")
    click.echo(f"release {name} is tried again")


def _next_step(stored: Stored) -> str:
    """The step that a release waits before.

    Raises:
        BadInput: It waits before none (caller).
    """
    from penstock.releasing.resource.status import Phase
    from penstock.sdk import BadInput

    trial, names = stored.status.trial, [each.name for each in stored.spec.steps]
    if stored.status.phase is not Phase.AWAITING_APPROVAL or trial is None or trial.step not in names[:-1]:
        raise BadInput(f"release {stored.name} waits for no approval: it is {stored.status.phase}", "Name one: --step")
    return names[names.index(trial.step) + 1]


def _change(home: Path, name: str, **fields: Any) -> None:
    from penstock.releasing.local.hosting import releases_below

    releases = releases_below(home)
    releases.apply(name, releases.get(name).spec.model_copy(update=fields))
