"""A simulated cluster: the port's promises kept, everything else as unreliable as a real one.

Model servers take their time, stop being ready, never become ready. The gateway follows the route later. Calls are lost
before or after they took effect; people change and delete things; a second controller works between any two calls of
the first. Every write is held against what must always hold.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from penstock.artifacts.verdict import Verdict
from penstock.releasing.planning.actions import Action, ApplyTwin, DeleteTwin, SetRoute
from penstock.releasing.planning.observed import Judged, Observed, Room, RouteSeen, TwinSeen
from penstock.releasing.port import Conflict, Key, Look, Unavailable
from penstock.releasing.resource.bundle import Version
from penstock.releasing.resource.spec import ModelReleaseSpec
from penstock.releasing.resource.status import ModelReleaseStatus, Phase, Split, Twin
from tests.unit.releasing.releases import reading

KEY = Key("ml", "flights")


@dataclass
class Server:
    """An InferenceService."""

    version: Version
    serial: int
    ready_at: float
    """When it becomes ready; infinite where it never does."""
    broken_until: float = 0.0
    gone_at: float = float("inf")
    label: Version | None = None
    """What it says of itself, where somebody has changed that."""


@dataclass
class RouteStored:
    """The route as it is stored."""

    split: Split
    revision: int
    serial: int
    edited: bool = False


@dataclass
class Nature:
    """How a bundle turns out once it is tried."""

    startup_seconds: float
    harm_after: float
    """Samples until harm is proven; infinite for a good one."""
    good_after: float
    """Samples until it is proven good; infinite where that never happens."""


@dataclass
class World:
    """Everything that is there, and what happens by itself."""

    spec: ModelReleaseSpec
    natures: Callable[[str], Nature]
    rng: random.Random
    now: float = 0.0
    generation: int = 1
    serial: int = 0
    status: ModelReleaseStatus = field(default_factory=ModelReleaseStatus)
    status_serial: int = 0
    twins: dict[Twin, Server] = field(default_factory=dict)
    route: RouteStored | None = None
    live: Split | None = None
    """What the gateway does: the route, some time ago."""
    live_at: float = 0.0
    samples: Counter[tuple[int, str]] = field(default_factory=Counter)
    unmeasured_until: float = 0.0
    outage_until: float = 0.0
    unreliable: float = 0.0
    room: bool = True
    writes: int = 0
    zeroed: set[tuple[str, str]] = field(default_factory=set)
    """Rejected versions, with their token, that a route has been written for without them."""
    raised: Counter[int] = field(default_factory=Counter)
    """How often each trial's candidate got traffic after having none."""
    edits: int = 0
    between: Callable[[], None] | None = None
    """What may happen between any two calls of a controller."""

    def next_serial(self) -> int:
        self.serial += 1
        return self.serial

    def advance(self, seconds: float) -> None:
        """Let time pass: servers come and go, the gateway catches up, requests are answered and counted."""
        self.now += seconds
        self.twins = {twin: one for twin, one in self.twins.items() if one.gone_at > self.now}
        if self.route and self.now >= self.live_at:
            self.live = self.route.split
        elif not self.route:
            self.live = None
        candidate, trial = self.status.candidate, self.status.trial
        if candidate and trial and self.live:
            share = self.live.weight_of(candidate.twin) or (
                self.live.mirror_percent if self.live.mirror_to is candidate.twin else 0
            )
            if self.is_ready(candidate.twin):
                self.samples[trial.number, candidate.version.bundle.digest] += round(share * seconds)

    def is_ready(self, twin: Twin) -> bool:
        one = self.twins.get(twin)
        return bool(one and one.ready_at <= self.now and one.broken_until <= self.now and one.gone_at == float("inf"))

    def write_route(self, split: Split, revision: int, *, edited: bool = False) -> None:
        self.route = RouteStored(split, revision, self.next_serial(), edited)
        self.live_at = self.now + self.rng.uniform(0, 4)


class SimulatedCluster:
    """The port, over a world that may fail any call, before or after it took effect."""

    def __init__(self, world: World) -> None:
        self.world = world

    def look(self, key: Key) -> Look | None:
        self._happens()
        world = self.world
        seen = {
            twin: TwinSeen(
                version=one.label or one.version,
                ready=world.is_ready(twin) and one.label is None,
                drifted=one.label is not None,
                going=one.gone_at != float("inf"),
            )
            for twin, one in world.twins.items()
        }
        route = world.route and RouteSeen(
            split=world.route.split,
            revision=world.route.revision,
            drifted=world.route.edited,
            live=world.live == world.route.split,
        )
        room = Room(world.room, "" if world.room else "no node has a GPU to spare")
        token = (world.status_serial, world.generation, route and world.route and world.route.serial)
        token = (*token, {twin: one.serial for twin, one in world.twins.items()})
        return Look(
            key, world.spec, world.status, Observed(world.generation, seen, route, "gatewayAPI", room=room), token
        )

    def save(self, look: Look, status: ModelReleaseStatus) -> Look:
        self._happens()
        world = self.world
        seen, generation, *rest = look.token
        if (seen, generation) != (world.status_serial, world.generation):
            raise Conflict("the status was written since")
        world.status, world.status_serial = status, world.next_serial()
        world.writes += 1
        check_status(world)
        self._answers()
        return replace(look, status=status, token=(world.status_serial, generation, *rest))

    def perform(self, look: Look, action: Action) -> None:
        self._happens()
        world = self.world
        _, _, route, servers = look.token
        match action:
            case SetRoute(split, revision):
                if (world.route and world.route.serial) != route:
                    raise Conflict("the route was written since")
                check_route(world, look, split)
                world.write_route(split, revision)
                world.writes += 1
            case ApplyTwin(twin, version):
                there = world.twins.get(twin)
                if (there and there.serial) != servers.get(twin):
                    raise Conflict("the twin was written since")
                check_apply(world, look, twin, version)
                startup = world.natures(version.bundle.digest).startup_seconds
                kept = there.ready_at if there and there.version.id == version.id else world.now + startup
                world.twins[twin] = Server(version, world.next_serial(), kept)
                world.writes += 1
            case DeleteTwin(twin):
                there = world.twins.get(twin)
                if (there and there.serial) != servers.get(twin):
                    raise Conflict("the twin was written since")
                stored = world.route.split if world.route else None
                if stored and (stored.weight_of(twin) or stored.mirror_to is twin):
                    raise Conflict("the twin has traffic again")
                check_delete(world, twin)
                if there:
                    there.gone_at = world.now + world.rng.uniform(0, 5)
                world.writes += 1
        self._answers()

    def _happens(self) -> None:
        if self.world.between:
            self.world.between()
        if self.world.now < self.world.outage_until or self.world.rng.random() < self.world.unreliable:
            raise Unavailable("no answer; nothing was done")

    def _answers(self) -> None:
        if self.world.rng.random() < self.world.unreliable:
            raise Unavailable("no answer; it was done")


class SimulatedJudge:
    """Gates that find what is the matter with a bundle, after so many samples, if they are measured at all."""

    def __init__(self, world: World) -> None:
        self.world = world

    def judge(self, look: Look) -> Judged | None:
        candidate, trial, world = look.status.candidate, look.status.trial, self.world
        if not candidate or not trial or not trial.step:
            return None
        digest = candidate.version.bundle.digest
        samples, nature = world.samples[trial.number, digest], world.natures(digest)
        verdict = Verdict.INCONCLUSIVE
        if samples >= nature.harm_after:
            verdict = Verdict.FAILED
        elif world.now < world.unmeasured_until:
            verdict = Verdict.ERROR
        elif samples >= nature.good_after:
            verdict = Verdict.SUCCESSFUL
        return Judged(trial.number, trial.step, (reading(verdict, samples),))


def check_status(world: World) -> None:
    """Hold a status that was written against what must always hold."""
    status = world.status
    if status.candidate:
        assert status.stable, "a candidate has something to be compared with"
        assert status.candidate.twin is not status.stable.twin
    wanted = status.route.wanted
    if wanted:
        assert wanted.a_percent + wanted.b_percent == 100
        assert wanted.mirror_to is None or wanted.weight_of(wanted.mirror_to) == 0, "shadow answers reach nobody"
        if (
            status.candidate
            and status.trial
            and status.trial.weight_percent == 0
            and status.phase != Phase.ROLLING_BACK
        ):
            assert wanted.weight_of(status.candidate.twin) == 0, "shadow answers reach nobody"


def check_route(world: World, look: Look, split: Split) -> None:
    """Hold a write of the route against what must always hold."""
    assert split.a_percent + split.b_percent == 100
    status, before = look.status, world.route.split if world.route else None
    tokens = {(each.version_id, each.retry_token) for each in world.status.rejected}
    for twin in Twin:
        share, had = split.weight_of(twin), before.weight_of(twin) if before else 0
        there = world.twins.get(twin)
        version = (there.label or there.version) if there else None
        is_stable = world.status.stable is not None and world.status.stable.twin is twin
        if version and not is_stable:
            rejected = (version.id, world.spec.retry_token)
            if rejected in tokens and not share and split.mirror_to is not twin:
                world.zeroed.add(rejected)
            if rejected in world.zeroed:
                assert not share, f"{version.bundle.digest} was rejected, and gets traffic again"
        if share > had and status.candidate and status.candidate.twin is twin:
            seen = look.observed.twins.get(twin)
            assert seen and seen.ready, "a model that is not ready gets more traffic"
            assert seen.version and seen.version.id == status.candidate.version.id
            if not had and status.trial:
                world.raised[status.trial.number] += 1
                limit = world.spec.guardrails.max_interruptions + 1 + world.edits
                assert world.raised[status.trial.number] <= limit, "it oscillates"


def check_delete(world: World, twin: Twin) -> None:
    """A model that has traffic is never removed."""
    for split in (world.route.split if world.route else None, world.live):
        assert not split or not split.weight_of(twin), "a model is removed that has traffic"
        assert not split or split.mirror_to is not twin, "a model is removed that gets a copy of the traffic"


def check_apply(world: World, look: Look, twin: Twin, version: Version) -> None:
    """A model that has traffic is never changed into another, except into what is stable by what was decided."""
    there = world.twins.get(twin)
    is_stable = look.status.stable is not None and look.status.stable.version.id == version.id
    if there and there.version.id != version.id and not is_stable:
        check_delete(world, twin)
