"""Thousands of random histories of a release in a simulated cluster: what must always hold, holds; and it converges."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest

from penstock.releasing.planning.actions import Tell
from penstock.releasing.planning.plan import plan
from penstock.releasing.port import Conflict, Unavailable
from penstock.releasing.reconciling import reconcile
from penstock.releasing.resource.spec import ModelReleaseSpec
from penstock.releasing.resource.status import Phase, Split, Twin
from tests.unit.releasing.releases import LADDER, at, bundle, spec_of
from tests.unit.releasing.simulated import KEY, Nature, SimulatedCluster, SimulatedJudge, World

MODELS = ("one", "two", "three", "four")
NEVER = float("inf")


class Crash(Exception):
    """The controller dies."""


class History:
    """One random history."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311
        self.natures = {bundle(name)["digest"]: self._nature() for name in MODELS}
        fallback = {"fallback": bundle("fallback")} if self.rng.random() < 0.3 else {}
        self.natures[bundle("fallback")["digest"]] = Nature(5, NEVER, 100)
        self.fields = {"retryToken": "", "paused": False, "promotion": {}, **fallback}
        self.fields["warmUp"] = self.rng.choice(({"seconds": 5}, {"seconds": 0, "mirrorPercent": 0}))
        self.model, self.ladder = "one", LADDER
        self.world = World(self._spec(), lambda digest: self.natures[digest], self.rng)
        self.world.between = self._between
        self.cluster, self.judge = SimulatedCluster(self.world), SimulatedJudge(self.world)
        self.depth, self.disturbed = 0, True

    def _nature(self) -> Nature:
        kind = self.rng.choice(("good", "good", "harmful", "harmful", "unclear", "broken"))
        startup = NEVER if kind == "broken" else self.rng.uniform(0, 60)
        harm = self.rng.uniform(50, 20000) if kind == "harmful" else NEVER
        return Nature(startup, harm, NEVER if kind == "unclear" else self.rng.uniform(10, 1500))

    def _spec(self) -> ModelReleaseSpec:
        return spec_of(self.model, **self.fields, ladder=self.ladder)

    def disturb(self) -> None:  # noqa: PLR0912
        """Something happens that nobody planned."""
        world, rng = self.world, self.rng
        what = rng.randrange(14)
        if what == 0:
            self._write_spec(model=rng.choice(MODELS))
        elif what == 1:
            self._write_spec(retryToken=rng.choice(("", "again", "and again")))
        elif what == 2:
            self._write_spec(paused=rng.random() < 0.3)
        elif what == 3:
            self._write_spec(ladder=rng.choice((LADDER, LADDER[1:], LADDER[2:], [LADDER[0], LADDER[3]])))
        elif what == 4:
            steps = rng.choice(([], ["canary-100"], ["bake"]))
            approvals = [{"step": step, "digest": bundle(self.model)["digest"]} for step in steps if rng.random() < 0.5]
            self._write_spec(promotion={"approveBefore": steps, "approvals": approvals})
        elif what == 5 and world.route:
            percent = rng.randrange(101)
            world.edits += 1
            world.write_route(
                Split.of(rng.choice(list(Twin)), percent), world.route.revision, edited=rng.random() < 0.3
            )
        elif what == 6:
            world.edits += world.route is not None
            world.route = None
        elif what == 7 and world.twins:
            world.edits += 1
            world.twins.pop(rng.choice(sorted(world.twins)))
        elif what == 8 and world.twins:
            one = world.twins[rng.choice(sorted(world.twins))]
            one.broken_until = world.now + rng.uniform(1, 40)
        elif what == 9 and world.twins:
            one = world.twins[rng.choice(sorted(world.twins))]
            one.label, one.serial = spec_of("three").target, world.next_serial()
            world.edits += 1
        elif what == 10:
            world.outage_until = world.now + rng.uniform(1, 60)
        elif what == 11:
            world.unreliable = rng.choice((0.0, 0.05, 0.3))
        elif what == 12:
            world.unmeasured_until = world.now + rng.uniform(1, 100)
        elif what == 13:
            world.room = rng.random() < 0.7

    def _write_spec(self, **fields: object) -> None:
        self.model = fields.pop("model", self.model)
        self.ladder = fields.pop("ladder", self.ladder)
        self.fields.update(fields)
        names = {step["name"] for step in self.ladder} | {"bake"}
        wanted = self.fields["promotion"].get("approveBefore", [])
        if not set(wanted) <= names:
            self.fields["promotion"] = {}
        self.world.spec = self._spec()
        self.world.generation += 1

    def _between(self) -> None:
        """Between two calls of a controller: time passes, another controller works, somebody interferes, it dies."""
        if not self.disturbed or self.depth >= 2:
            return
        chance = self.rng.random()
        self.world.advance(self.rng.choice((0.0, 0.1, 1.0)))
        if chance < 0.03:
            self.disturb()
        elif chance < 0.06:
            raise Crash
        elif chance < 0.12:
            self.reconcile()

    def reconcile(self) -> None:
        self.depth += 1
        try:
            reconcile(self.cluster, self.judge, KEY, lambda: at(self.world.now))
        except (Conflict, Unavailable, Crash):
            pass
        finally:
            self.depth -= 1

    def run(self) -> None:
        for _ in range(self.rng.randrange(20, 120)):
            if self.rng.random() < 0.1:
                self.disturb()
            self.world.advance(self.rng.choice((0.5, 2, 5, 20)))
            self.reconcile()
        self.settle()

    def settle(self) -> None:
        """Everything works again, and nobody interferes: the release comes to rest where it belongs."""
        world = self.world
        self.disturbed = False
        world.unreliable, world.outage_until, world.unmeasured_until, world.room = 0.0, 0.0, 0.0, True
        self._write_spec(paused=False, ladder=LADDER, promotion={})
        quiet, before = 0, self._standing()
        for _ in range(3000):
            # What rests for minutes rests for hours: nothing runs out, and more samples change no mind.
            world.advance(3 if quiet < 3 else 10 if quiet < 12 else 1000)
            self.reconcile()
            quiet, before = (quiet + 1 if self._standing() == before else 0), self._standing()
            if quiet > 24 and world.status.phase in (Phase.STABLE, Phase.ROLLED_BACK, Phase.PAUSED, Phase.STARTING):
                break
        self.check_rest()

    def _standing(self) -> tuple[object, ...]:
        """Where the release stands, whatever its gates read: that changes with every look as long as it has traffic."""
        status = self.world.status
        return status.phase, status.route, status.history, self.world.route, {**self.world.twins}

    def check_rest(self) -> None:
        world, status = self.world, self.world.status
        target = world.spec.target
        rejected = {(each.version_id, each.retry_token) for each in status.rejected}
        if status.phase is Phase.STARTING:
            assert self.natures[status.stable.version.bundle.digest].startup_seconds == NEVER
            return
        assert world.route and world.route.split == status.route.wanted == world.live
        if status.phase is Phase.STABLE:
            assert status.stable.version.id == target.id
            assert list(world.twins) == [status.stable.twin]
            assert world.route.split == Split.of(status.stable.twin)
        elif status.phase is Phase.ROLLED_BACK:
            assert (target.id, world.spec.retry_token) in rejected or any(
                each.digest == target.bundle.digest and each.retry_token == world.spec.retry_token
                for each in status.rejected
            )
            assert world.route.split == Split.of(status.stable.twin)
            assert list(world.twins) == [status.stable.twin]
            assert {each.type: each.status for each in status.conditions}["Degraded"] == "True"
        else:
            assert status.phase is Phase.PAUSED
            assert self.natures[target.bundle.digest].good_after == NEVER or status.trial.held
        assert world.is_ready(status.stable.twin)
        # At rest, the plan asks for nothing, however often it is asked.
        look = self.cluster.look(KEY)
        observed = replace(look.observed, judged=self.judge.judge(look))
        made = plan(look.spec, look.status, observed, at(world.now))
        assert [each for each in made.actions if not isinstance(each, Tell)] == []


def run(seeds: range) -> dict[Phase, int]:
    ends: dict[Phase, int] = {}
    for seed in seeds:
        history = History(seed)
        try:
            history.run()
        except AssertionError as error:
            raise AssertionError(f"seed {seed} at {history.world.now:.1f} s: {error}") from error
        times = [entry.at for entry in history.world.status.history]
        assert all(a <= b for a, b in pairwise(times))
        phase = history.world.status.phase
        ends[phase] = ends.get(phase, 0) + 1
    return ends


@pytest.mark.parametrize("block", range(2))
def test_what_must_always_hold_holds(block: int) -> None:
    ends = run(range(block * 40, block * 40 + 40))
    assert {Phase.STABLE, Phase.ROLLED_BACK} <= set(ends), "histories end in more than one way"


@pytest.mark.slow
@pytest.mark.parametrize("block", range(16))
def test_what_must_always_hold_holds_in_thousands_of_histories(block: int) -> None:
    run(range(1000 + block * 300, 1000 + block * 300 + 300))
