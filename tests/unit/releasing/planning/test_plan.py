"""A release step by step, in a simulated cluster where nothing fails but what the test makes fail."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from penstock.artifacts.verdict import Verdict
from penstock.releasing.planning.actions import SetRoute
from penstock.releasing.planning.observed import Judged, Observed
from penstock.releasing.planning.plan import plan
from penstock.releasing.port import Conflict
from penstock.releasing.reconciling import reconcile
from penstock.releasing.resource.spec import ModelReleaseSpec
from penstock.releasing.resource.status import ModelReleaseStatus, Phase, Split, Twin
from tests.unit.releasing.releases import LADDER, at, bundle, reading, spec_of
from tests.unit.releasing.simulated import KEY, Nature, SimulatedCluster, SimulatedJudge, World

NEVER = float("inf")
GOOD = Nature(startup_seconds=20, harm_after=NEVER, good_after=30)


class Story:
    """A world whose first model serves, and a controller."""

    def __init__(self, candidate: Nature = GOOD, **fields: object) -> None:
        natures = {bundle("two")["digest"]: candidate}
        self.fields = fields
        self.world = World(spec_of("one", **fields), lambda digest: natures.get(digest, GOOD), random.Random(7))  # noqa: S311
        self.cluster, self.judge = SimulatedCluster(self.world), SimulatedJudge(self.world)
        self.until(lambda status: status.phase is Phase.STABLE and status.route.seen is not None)

    def name(self, model: str, **fields: object) -> None:
        self.fields = {**self.fields, **fields}
        self.world.spec, self.world.generation = spec_of(model, **self.fields), self.world.generation + 1

    def look(self, seconds: float = 2) -> ModelReleaseStatus:
        self.world.advance(seconds)
        reconcile(self.cluster, self.judge, KEY, lambda: at(self.world.now))
        return self.world.status

    def until(self, holds: Callable[[ModelReleaseStatus], bool], looks: int = 1000) -> ModelReleaseStatus:
        for _ in range(looks):
            if holds(self.look()):
                return self.world.status
        raise AssertionError(f"never: {self.world.status.phase} {self.world.status.message}")

    def on(self, step: str) -> Callable[[ModelReleaseStatus], bool]:
        return lambda status: bool(status.trial and status.trial.step == step and status.trial.step_since)

    @property
    def events(self) -> list[str]:
        return [entry.event for entry in self.world.status.history]

    def conditions(self) -> dict[str, str]:
        return {each.type: each.status for each in self.world.status.conditions}


def test_the_first_model_serves_as_soon_as_it_is_ready() -> None:
    story = Story()
    assert story.world.status.stable.version.bundle.digest == bundle("one")["digest"]
    assert story.world.route.split == Split(a_percent=100, b_percent=0)
    assert story.conditions() == {"Ready": "True", "Progressing": "False", "Degraded": "False", "Stalled": "False"}
    assert list(story.world.twins) == [Twin.A]


def test_a_good_candidate_climbs_every_step_bakes_and_is_promoted_and_the_old_one_goes() -> None:
    story = Story()
    story.name("two")
    splits = []
    for _ in range(200):
        story.look()
        if story.world.route.split not in splits[-1:]:
            splits.append(story.world.route.split)
    assert [(one.b_percent, one.mirror_percent) for one in splits] == [
        (0, 0), (0, 5), (0, 20), (5, 0), (50, 0), (100, 0),
    ]  # fmt: skip
    status = story.world.status
    assert (status.phase, status.stable.twin, status.candidate) == (Phase.STABLE, Twin.B, None)
    assert status.previous.bundle.digest == bundle("one")["digest"]
    assert list(story.world.twins) == [Twin.B], "drained, then removed"
    assert story.events[-1] == "Promoted"
    assert story.conditions()["Ready"] == "True"


@pytest.mark.parametrize("step", ["shadow", "canary-5", "canary-50", "canary-100", "bake"])
def test_harm_takes_all_traffic_away_in_the_same_reconcile_on_every_step(step: str) -> None:
    story = Story()
    story.name("two")
    story.until(story.on(step))
    trial = story.world.status.trial.number
    harm = Judged(trial, step, (reading(Verdict.FAILED, 100),))
    story.judge.judge = lambda look: harm
    status = story.look(0)
    assert status.phase is Phase.ROLLING_BACK
    assert story.world.route.split == Split(a_percent=100, b_percent=0)
    assert story.world.route.revision == status.route.revision
    story.until(lambda status: status.phase is Phase.ROLLED_BACK and len(story.world.twins) == 1)
    assert story.conditions()["Degraded"] == "True"
    assert "Inconclusive" not in story.world.status.message
    for _ in range(50):
        assert story.look(60).phase is Phase.ROLLED_BACK, "it is not tried again"
    assert list(story.world.twins) == [Twin.A]


def test_a_rejected_bundle_is_tried_again_with_another_retry_token_only() -> None:
    story = Story(Nature(5, 20, NEVER))
    story.name("two")
    story.until(lambda status: status.phase is Phase.ROLLED_BACK)
    assert story.world.status.trial.number == 1
    story.name("two", retryToken="again")
    story.until(lambda status: status.phase is Phase.RELEASING)
    story.until(lambda status: status.phase is Phase.ROLLED_BACK)
    assert story.world.status.trial.number == 2
    story.name("two", retryToken="")
    for _ in range(20):
        assert story.look().phase is Phase.ROLLED_BACK, "the first token's rejection is not forgotten"


def test_an_unclear_step_is_paused_at_its_deadline_and_begins_again_with_another_token() -> None:
    story = Story(Nature(5, NEVER, NEVER))
    story.name("two")
    status = story.until(lambda status: status.phase is Phase.PAUSED)
    assert status.trial.held == "Inconclusive"
    assert story.world.route.split.mirror_percent == 20, "it stays where it is"
    assert story.conditions()["Stalled"] == "True"
    for _ in range(200):
        assert story.look(60).phase is Phase.PAUSED, "it is never promoted"
    story.name("two", retryToken="go on")
    assert story.until(lambda status: status.phase is Phase.RELEASING).trial.number == 1


def test_harm_is_heard_during_a_pause() -> None:
    story = Story(Nature(5, 8000, NEVER))
    story.name("two")
    story.until(story.on("shadow"))
    story.name("two", paused=True)
    story.until(lambda status: status.phase is Phase.PAUSED)
    story.until(lambda status: status.phase is Phase.ROLLED_BACK)


def test_a_gate_that_cannot_be_measured_holds_then_rolls_back() -> None:
    story = Story()
    story.name("two")
    story.until(story.on("canary-5"))
    story.world.unmeasured_until = story.world.now + 40
    status = story.look()
    assert (status.phase, status.trial.step) == (Phase.RELEASING, "canary-5")
    assert status.trial.unmeasured_since is not None
    story.until(story.on("canary-50"))
    story.world.unmeasured_until = NEVER
    story.until(lambda status: status.phase is Phase.ROLLED_BACK)
    assert story.world.status.rejected[-1].reason == "GateError"


def test_a_named_step_waits_for_an_approval_of_this_bundle() -> None:
    waits = {"promotion": {"approveBefore": ["canary-50"]}}
    story = Story(**waits)
    story.name("two")
    story.until(lambda status: status.phase is Phase.AWAITING_APPROVAL)
    assert story.world.route.split.b_percent == 5
    other = {"approveBefore": ["canary-50"], "approvals": [{"step": "canary-50", "digest": bundle("one")["digest"]}]}
    story.name("two", promotion=other)
    for _ in range(20):
        assert story.look().phase is Phase.AWAITING_APPROVAL, "a yes to another bundle is none to this one"
    mine = {"approveBefore": ["canary-50"], "approvals": [{"step": "canary-50", "digest": bundle("two")["digest"]}]}
    story.name("two", promotion=mine)
    story.until(lambda status: status.phase is Phase.STABLE and status.stable.twin is Twin.B)


def test_another_bundle_in_git_gives_the_candidate_up_before_the_new_one_is_made() -> None:
    story = Story()
    story.name("two")
    story.until(story.on("canary-50"))
    story.name("three")
    story.look(0)
    assert story.world.route.split == Split(a_percent=100, b_percent=0)
    assert story.world.twins[Twin.B].version.bundle.digest == bundle("two")["digest"], "it drains first"
    status = story.until(lambda status: status.phase is Phase.STABLE and status.stable.twin is Twin.B)
    assert status.stable.version.bundle.digest == bundle("three")["digest"]
    assert status.rejected == (), "what was given up was not rejected"


def test_a_candidate_that_stops_being_ready_loses_its_traffic_and_returns_to_its_step() -> None:
    story = Story()
    story.name("two")
    story.until(story.on("canary-50"))
    story.world.twins[Twin.B].broken_until = story.world.now + 10
    story.look(0)
    assert story.world.route.split == Split(a_percent=100, b_percent=0)
    status = story.until(lambda status: status.phase is Phase.RELEASING)
    assert (status.trial.step, status.trial.interruptions) == ("canary-50", 1)
    assert story.events[-2:] == ["Interrupted", "Resumed"]


def test_a_candidate_that_never_becomes_ready_is_rejected_without_ever_having_had_traffic() -> None:
    story = Story(Nature(NEVER, NEVER, 30))
    story.name("two")
    story.until(lambda status: status.phase is Phase.ROLLED_BACK)
    assert story.world.status.rejected[0].reason == "NeverReady"
    assert story.world.raised == {}


def test_no_twin_is_made_while_there_is_no_room_for_it() -> None:
    story = Story()
    story.world.room = False
    story.name("two")
    for _ in range(200):
        status = story.look()
        assert list(story.world.twins) == [Twin.A]
    assert status.phase is Phase.PREPARING
    assert story.conditions()["Stalled"] == "True"
    assert "GPU" in status.message
    story.world.room = True
    story.until(story.on("shadow"))


def test_a_hand_edited_route_and_a_deleted_one_are_put_right() -> None:
    story = Story()
    story.name("two")
    story.until(story.on("canary-5"))
    story.world.write_route(Split(a_percent=0, b_percent=100), story.world.route.revision)
    story.look(0)
    assert story.world.route.split == Split(a_percent=95, b_percent=5)
    story.world.route = None
    story.look(0)
    assert story.world.route.split == Split(a_percent=95, b_percent=5)


def test_the_fallback_serves_first_and_the_model_is_compared_with_it() -> None:
    story = Story(fallback=bundle("safe"))
    assert [(each.event, each.digest) for each in story.world.status.history[:3]] == [
        ("Started", bundle("safe")["digest"]),
        ("Promoted", bundle("safe")["digest"]),
        ("Started", bundle("one")["digest"]),
    ]
    story.until(lambda status: status.stable.twin is Twin.B)
    assert "Advanced" in story.events


def test_a_lost_status_takes_over_what_serves() -> None:
    story = Story()
    story.name("two")
    story.until(story.on("canary-5"))
    revision = story.world.route.revision
    story.world.status = ModelReleaseStatus()
    story.look()
    assert story.world.status.stable.version.bundle.digest == bundle("one")["digest"]
    assert story.world.status.route.revision > revision
    story.until(lambda status: status.phase is Phase.STABLE and status.stable.twin is Twin.B)


def test_a_ladder_changed_on_the_way_never_gives_more_without_its_gates() -> None:
    story = Story()
    story.name("two")
    story.until(story.on("canary-5"))
    raised = [{**step, "weightPercent": 60} if step["name"] == "canary-5" else step for step in LADDER[:2]]
    story.name("two", ladder=[*raised, LADDER[3]])
    story.look(0)
    assert story.world.route.split.b_percent in (0, 5)


def test_stable_that_is_not_ready_holds_the_release_and_says_so() -> None:
    story = Story()
    story.name("two")
    story.until(story.on("canary-5"))
    story.world.twins[Twin.A].broken_until = story.world.now + 100
    for _ in range(20):
        assert story.look().trial.step == "canary-5"
    assert story.conditions()["Degraded"] == "True"


def test_traffic_is_not_taken_to_a_stable_model_that_cannot_answer() -> None:
    story = Story()
    story.name("two")
    story.until(story.on("canary-100"))
    story.world.twins[Twin.A].broken_until = story.world.now + 60
    harm = Judged(story.world.status.trial.number, "canary-100", (reading(Verdict.FAILED, 100),))
    story.judge.judge = lambda look: harm
    story.look(0)
    assert story.world.status.phase is Phase.ROLLING_BACK
    assert story.world.route.split.b_percent == 100
    story.until(lambda status: status.phase is Phase.ROLLED_BACK)
    assert story.world.route.split.b_percent == 0


def test_a_release_that_cannot_be_carried_out_here_changes_nothing_and_says_why() -> None:
    spec: ModelReleaseSpec = spec_of("one")
    made = plan(spec, ModelReleaseStatus(), Observed(3, refused="there is no Gateway API here"), at(0))
    assert made.actions == ()
    stalled = next(each for each in made.status.conditions if each.type == "Stalled")
    assert (stalled.status, stalled.message) == ("True", "there is no Gateway API here")


def test_the_status_shows_so_many_readings_and_the_worst_of_the_slices_among_them() -> None:
    story = Story()
    story.name("two")
    status = story.until(story.on("canary-5"))
    fine = [reading(Verdict.INCONCLUSIVE, 1).model_copy(update={"slice": f"carrier={n}"}) for n in range(1000)]
    worst = reading(Verdict.ERROR, 1).model_copy(update={"slice": "carrier=HA"})
    said = Judged(status.trial.number, "canary-5", (*fine, worst, reading(Verdict.INCONCLUSIVE, 1)))
    story.judge.judge = lambda look: said
    shown = story.look().gates
    assert len(shown) == 200
    assert [one.slice for one in shown[:2]] == ["overall", "carrier=HA"]


def test_what_is_waited_for_long_is_asked_for_ever_more_rarely_and_what_rests_hardly_ever() -> None:
    story = Story(Nature(NEVER, NEVER, NEVER))

    def again() -> float:
        look = story.cluster.look(KEY)
        return plan(look.spec, look.status, look.observed, at(story.world.now)).again_in_seconds

    assert again() == 300
    story.name("two")
    assert again() == 1
    story.look()
    assert again() == 1
    story.world.advance(50)
    assert again() == 10
    story.world.advance(60)
    assert again() == 15


def test_a_route_with_traffic_and_no_memory_of_what_has_it_is_left_alone() -> None:
    story = Story()
    look = story.cluster.look(KEY)
    unknown = {Twin.A: look.observed.twins[Twin.A].__class__(version=None, ready=True)}
    observed = Observed(1, unknown, look.observed.route)
    made = plan(look.spec, ModelReleaseStatus(), observed, at(0))
    assert not [each for each in made.actions if isinstance(each, SetRoute)]
    assert made.actions == ()


def test_a_controller_that_was_held_up_cannot_give_traffic_to_what_another_has_rejected_since() -> None:
    story = Story(ladder=LADDER[1:], warmUp={"seconds": 0, "mirrorPercent": 0})
    story.name("two")
    story.until(lambda status: status.phase is Phase.WARMING_UP)
    # One controller decides that the candidate gets its first share, and is held up before it writes the route.
    look = story.cluster.look(KEY)
    made = plan(look.spec, look.status, look.observed, at(story.world.now))
    raises = next(each for each in made.actions if isinstance(each, SetRoute))
    assert raises.split.b_percent == 5
    look = story.cluster.save(look, made.status)
    # Another leads meanwhile and rolls back; the route already says what that wants.
    harm = Judged(made.status.trial.number, "canary-5", (reading(Verdict.FAILED, 100),))
    story.judge.judge = lambda look: harm
    story.look(0)
    assert story.world.status.phase is Phase.ROLLING_BACK
    with pytest.raises(Conflict):
        story.cluster.perform(look, raises)
    assert story.world.route.split.b_percent == 0
