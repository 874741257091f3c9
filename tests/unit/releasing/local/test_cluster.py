"""The port over local model servers: a whole release, a restart in the middle of one, and what can go wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.artifacts.verdict import Verdict
from penstock.releasing.local.cluster import LocalCluster, route_of
from penstock.releasing.local.progress import Outcome, outcome
from penstock.releasing.local.store import ReleaseStore
from penstock.releasing.planning.actions import SetRoute
from penstock.releasing.planning.observed import Judged, Room
from penstock.releasing.port import Conflict, Key, Look
from penstock.releasing.reconciling import reconcile
from penstock.releasing.resource.bundle import Bundle, Version
from penstock.releasing.resource.status import ModelReleaseStatus, Phase, Split, Twin
from penstock.serving.bundle import open_bundle
from penstock.serving.gateway.routing import Route
from tests.unit.releasing.local.bundles import write_bundle
from tests.unit.releasing.local.fake_servers import FakeServers
from tests.unit.releasing.releases import at, reading, spec_of

KEY = Key("local", "flights")


class Gates:
    """A judge that says one thing, on more samples each time."""

    def __init__(self) -> None:
        self.verdict, self.samples = Verdict.SUCCESSFUL, 0

    def judge(self, look: Look) -> Judged | None:
        trial = look.status.trial
        if look.status.candidate is None or trial is None or not trial.step:
            return None
        self.samples += 50
        return Judged(trial.number, trial.step, (reading(self.verdict, self.samples),))


class Story:
    """A laptop on which bundle `one` is served, and a clock that the test turns."""

    def __init__(self, folder: Path, **fields: object) -> None:
        self.bundles = {name: write_bundle(folder / name, name) for name in ("one", "two")}
        self.fields = fields
        self.store, self.gates, self.now = ReleaseStore(folder / "releases"), Gates(), 0.0
        self.told: list[str] = []
        self.servers = FakeServers()
        self.served = open_bundle(folder / "one")
        self.servers.start("a", self.served)
        self.servers.ready["a"] = True
        self.servers.set_route(Route(stable="a"))
        self.begin()

    def begin(self, room: Callable[[Version], Room] = lambda _: Room()) -> None:
        self.cluster = LocalCluster(
            self.store,
            self.servers,
            clock=lambda: at(self.now),
            served=self.served if self.servers.route else None,
            room=room,
            tell=self.told.append,
        )

    def restart(self) -> None:
        """Everything but the files is gone."""
        self.servers = FakeServers()
        self.begin()

    def apply(self, name: str, **fields: object) -> None:
        self.fields |= fields
        plain = spec_of(name, **self.fields)
        model = Bundle.model_validate(self.bundles[name])
        self.store.apply("flights", plain.model_copy(update={"model": model}))

    def look(self, seconds: float = 2.0, *, ready: bool = True) -> ModelReleaseStatus:
        self.now += seconds
        reconcile(self.cluster, self.gates, KEY, lambda: at(self.now))
        if ready:
            self.servers.ready = dict.fromkeys(self.servers.ready, True)
        return self.store.get("flights").status

    def until(self, holds: Callable[[ModelReleaseStatus], bool], looks: int = 400) -> ModelReleaseStatus:
        for _ in range(looks):
            status = self.look()
            if holds(status):
                return status
            time.sleep(0.001)  # a twin that ends does so in a thread
        raise AssertionError(f"never: {status.phase} {status.message}")

    def on(self, step: str) -> ModelReleaseStatus:
        return self.until(lambda status: bool(status.trial and status.trial.step == step and status.trial.step_since))


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def test_a_good_bundle_climbs_every_step_and_takes_over_what_served(story: Story) -> None:
    story.apply("two")
    status = story.until(lambda status: outcome(story.store.get("flights")) is Outcome.PROMOTED)
    assert status.stable
    assert (status.stable.twin, status.stable.version.bundle.digest) == (Twin.B, story.bundles["two"]["digest"])
    shares = [(route.step, route.shadow_percent, route.canary_percent) for route in story.servers.routes]
    assert shares == [
        ("", 0, 0),
        ("", 5, 0),
        ("shadow", 20, 0),
        ("canary-5", 0, 5),
        ("canary-50", 0, 50),
        ("canary-100", 0, 100),
        ("bake", 0, 100),
        ("", 0, 0),
    ]
    story.until(lambda _: list(story.servers.running) == ["b"])
    events = [entry.event for entry in status.history]
    assert events[:2] == ["Adopted", "Started"]
    assert events[-1] == "Promoted"
    assert [seen.phase for seen in story.store.timeline("flights").read()][-1] is Phase.STABLE


def test_a_harmful_bundle_loses_its_traffic_at_the_next_look_and_stays_rejected(story: Story) -> None:
    story.apply("two")
    story.on("canary-50")
    assert story.servers.route
    assert story.servers.route.canary_percent == 50
    story.gates.verdict = Verdict.FAILED
    story.look()
    assert story.servers.route.canary_percent == 0
    story.until(lambda status: status.phase is Phase.ROLLED_BACK)
    assert outcome(story.store.get("flights")) is Outcome.REJECTED
    routes = len(story.servers.routes)
    for _ in range(30):
        story.look()
    assert [route for route in story.servers.routes[routes:] if route.candidate] == []
    assert list(story.servers.running) == ["a"]


@pytest.mark.parametrize("step", ["shadow", "canary-5", "canary-50", "bake"])
def test_after_a_restart_the_stable_serves_first_and_the_release_goes_on(story: Story, step: str) -> None:
    story.apply("two")
    before = story.on(step)
    story.restart()
    story.until(lambda _: story.servers.route is not None)
    assert before.stable
    assert story.servers.routes[0].stable == before.stable.twin
    assert not story.servers.routes[0].candidate
    status = story.until(lambda status: outcome(story.store.get("flights")) is Outcome.PROMOTED)
    assert status.stable
    assert status.stable.version.bundle.digest == story.bundles["two"]["digest"]


def test_a_bundle_that_is_gone_is_never_given_traffic(story: Story, tmp_path: Path) -> None:
    (tmp_path / "two" / "model" / "model.txt").unlink()
    story.apply("two", guardrails={"startupSeconds": 30, "drainSeconds": 1})
    status = story.until(lambda status: status.phase is Phase.ROLLED_BACK)
    assert "model.txt is missing" in status.message
    assert [route.candidate for route in story.servers.routes] == [""]


def test_a_model_that_cannot_be_served_is_rejected_with_its_own_words(story: Story) -> None:
    story.servers.broken.add(story.bundles["two"]["digest"])
    story.apply("two", guardrails={"startupSeconds": 30, "drainSeconds": 1})
    status = story.until(lambda status: status.phase is Phase.ROLLED_BACK)
    assert "cannot serve" in status.message


def test_an_address_of_elsewhere_is_refused_in_a_sentence(story: Story) -> None:
    story.bundles["two"]["storageUri"] = "s3://models/two"
    story.apply("two")
    story.look()
    stored = story.store.get("flights")
    assert outcome(stored) is Outcome.REFUSED
    assert "s3://models/two is not on this machine" in stored.status.message


def test_without_memory_the_candidate_waits(story: Story) -> None:
    story.begin(lambda _: Room(enough=False, text="2.0 GB are asked for, and 0.5 GB are free"))
    story.apply("two")
    for _ in range(20):
        status = story.look()
    assert list(story.servers.running) == ["a"]
    assert "0.5 GB are free" in status.message


def test_a_gateway_that_forgot_the_route_is_told_it_again(story: Story) -> None:
    story.apply("two")
    story.on("canary-50")
    story.servers.shown = Route(stable="b")
    story.look()
    assert story.servers.shown == story.servers.route
    assert story.servers.shown.canary_percent == 50


def test_a_route_that_was_written_since_is_not_written_over(story: Story) -> None:
    story.apply("two")
    look = story.cluster.look(KEY)
    assert look
    story.cluster.perform(look, SetRoute(Split.of(Twin.A), 1))
    with pytest.raises(Conflict):
        story.cluster.perform(look, SetRoute(Split.of(Twin.A), 2))


def test_while_only_the_candidate_is_there_it_answers_and_nothing_is_mirrored() -> None:
    split = Split.of(Twin.A, candidate_percent=25)
    assert route_of(split, ModelReleaseStatus(), frozenset({Twin.B})) == Route(stable="b")
    assert route_of(split, ModelReleaseStatus(), frozenset({Twin.A})) == Route(stable="a")
    assert route_of(Split.of(Twin.A, mirror_percent=20), ModelReleaseStatus(), frozenset({Twin.B})) is None
