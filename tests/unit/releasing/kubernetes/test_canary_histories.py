"""Random histories of KServe's own canary: the real layout, over an API server in memory, with KServe by its own rules.

Two controllers interleave, calls are lost, controllers die between any two of them and are held up for long, Git
changes. Whatever happens, a rejected bundle whose traffic was taken gets none again, and everything comes to rest.
"""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from typing import Any

import pytest

from penstock.artifacts.verdict import Verdict
from penstock.releasing.kubernetes.api import INFERENCE_SERVICES, RELEASES, Kind, Thing
from penstock.releasing.kubernetes.cluster import KubernetesCluster
from penstock.releasing.kubernetes.twins import version_of
from penstock.releasing.planning.actions import Action, SetRoute
from penstock.releasing.planning.observed import Judged
from penstock.releasing.port import Conflict, Key, Look, Unavailable
from penstock.releasing.reconciling import reconcile
from penstock.releasing.resource.status import ModelReleaseStatus, Phase
from tests.contract.releasing.fake_knative import FakeKnative
from tests.unit.releasing.kubernetes.memory import MemoryApi
from tests.unit.releasing.releases import LADDER, at, bundle, reading, spec_of

KEY = Key("ml", "flights")
MODELS = ("one", "two", "three")
NEVER = float("inf")
RESTS = (Phase.STARTING, Phase.STABLE, Phase.ROLLED_BACK, Phase.PAUSED)


class Crash(Exception):
    """The controller dies, or is held up for long."""


class Knative(FakeKnative):
    """Knative over the memory: some bundles take their time, some never become ready."""

    def __init__(self, api: MemoryApi) -> None:
        super().__init__(api, KEY.namespace)
        self.broken_uris: set[str] = set()

    def tell(self, kind: Kind, thing: Thing, status: dict[str, Any]) -> None:
        self.api.put_status(kind, thing, status)

    def step(self) -> None:
        for (kind, _, _), thing in list(self.api.things.items()):
            if kind == INFERENCE_SERVICES:
                uri = thing["spec"]["predictor"]["model"]["storageUri"]
                self.ready_after = NEVER if uri in self.broken_uris else 2
                self.tell(kind, thing, self._status(thing))


class Interrupted:
    """A controller's view of the cluster, which dies now and then; what it was about to do may be done much later."""

    def __init__(self, history: History) -> None:
        self.history, self.look, self.save = history, history.cluster.look, history.cluster.save

    def perform(self, look: Look, action: Action) -> None:
        chance = self.history.rng.random() / (3 if isinstance(action, SetRoute) else 1)
        if self.history.disturbed and chance < 0.15:
            if chance < 0.1:
                self.history.held_up.append((look, action))
            if chance < 0.08:
                self.history.overtake()
            raise Crash
        self.history.perform(look, action)


class History:
    """One random history."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311
        self.api = MemoryApi(self.rng)
        self.knative = Knative(self.api)
        self.cluster = KubernetesCluster(self.api)
        self.held_up: list[tuple[Look, Action]] = []
        self.now, self.depth, self.disturbed = 0.0, 0, True
        self.verdicts = {bundle(name)["digest"]: self.rng.choice(list(Verdict)) for name in MODELS}
        self.knative.broken_uris = {bundle(name)["storageUri"] for name in MODELS[1:] if self.rng.random() < 0.15}
        self.samples: Counter[int] = Counter()
        self.newest = 0
        """The newest decision on traffic that was written."""
        self.zeroed: set[tuple[str, str]] = set()
        self.model, self.fields = "one", {"retryToken": "", "paused": False}
        self.api.written, self.api.between = self._check_write, self._between
        self.write_spec()

    def write_spec(self, **fields: object) -> None:
        self.model = str(fields.pop("model", self.model))
        self.fields.update(fields)
        self.spec = spec_of(self.model, route={"mode": "kserveCanary"}, ladder=LADDER[1:], **self.fields)
        there = self.api.things.get((RELEASES, KEY.namespace, KEY.name))
        metadata = {"name": KEY.name, "namespace": KEY.namespace, "uid": "release", "generation": 0}
        thing = there or {"kind": "ModelRelease", "metadata": metadata}
        metadata = {**thing["metadata"], "generation": thing["metadata"]["generation"] + 1}
        spec = self.spec.model_dump(mode="json", by_alias=True)
        self.api._keep(RELEASES, {**thing, "metadata": metadata, "spec": spec})

    def status(self) -> ModelReleaseStatus:
        thing = self.api.things[RELEASES, KEY.namespace, KEY.name]
        return ModelReleaseStatus.model_validate(thing.get("status") or {})

    def judge(self, look: Look) -> Judged | None:
        trial, candidate = look.status.trial, look.status.candidate
        if not trial or not trial.step or not candidate:
            return None
        self.samples[trial.number] = min(400, self.samples[trial.number] + 40)
        known = self.rng.random() < self.samples[trial.number] / 200
        verdict = self.verdicts[candidate.version.bundle.digest] if known else Verdict.INCONCLUSIVE
        return Judged(trial.number, trial.step, (reading(verdict, self.samples[trial.number]),))

    def perform(self, look: Look, action: Action) -> None:
        """Act, and hold the order of the decisions on traffic against what must always hold."""
        self.cluster.perform(look, action)
        if isinstance(action, SetRoute):
            assert action.revision >= self.newest, f"decision {action.revision} is written after {self.newest}"
            self.newest = action.revision

    def overtake(self) -> None:
        """Another controller works while one is held up, perhaps on another word of Git; then that one goes on."""
        if self.depth == 1:
            if self.rng.random() < 0.5:
                self.write_spec(model=self.rng.choice(MODELS))
            self.reconcile()
            self.go_on(self.held_up.pop())

    def go_on(self, held_up: tuple[Look, Action]) -> None:
        with contextlib.suppress(Conflict, Unavailable):
            self.perform(*held_up)

    def disturb(self) -> None:
        rng = self.rng
        match rng.randrange(8):
            case 0:
                self.write_spec(model=rng.choice(MODELS))
            case 1:
                self.write_spec(retryToken=rng.choice(("", "again", "and again")))
            case 2:
                self.write_spec(paused=rng.random() < 0.3)
            case 3:
                self.api.down = rng.random() < 0.5
            case 4:
                self.api.unreliable = rng.choice((0.0, 0.05, 0.3))
            case 5 | 6 | 7 if self.held_up:
                self.go_on(self.held_up.pop(rng.randrange(len(self.held_up))))

    def _between(self) -> None:
        if not self.disturbed or self.depth != 1:
            return
        chance = self.rng.random()
        self.now += self.rng.choice((0.0, 0.1, 1.0))
        if chance < 0.04:
            self.disturb()
        elif chance < 0.1:
            self.reconcile()
        elif chance < 0.2:
            self.step()

    def reconcile(self) -> None:
        self.depth += 1
        try:
            reconcile(Interrupted(self), self, KEY, lambda: at(round(self.now)))
        except (Conflict, Unavailable, Crash):
            pass
        finally:
            self.depth -= 1

    def step(self) -> None:
        self.knative.step()
        assert sum(self.knative.shares.values()) in (0, 100)

    def _check_write(self, kind: Kind, thing: Thing) -> None:
        """Hold a write against what must always hold."""
        status = self.status()
        wanted = status.route.wanted
        assert wanted is None or wanted.a_percent + wanted.b_percent == 100
        if kind != INFERENCE_SERVICES:
            return
        version, percent = version_of(thing), thing["spec"]["predictor"].get("canaryTrafficPercent")
        assert version
        rejected = {(each.version_id, each.retry_token) for each in status.rejected}
        token = (version.id, self.spec.retry_token)
        is_stable = status.stable is not None and status.stable.version.id == version.id
        if token in rejected and not is_stable:
            if percent == 0:
                self.zeroed.add(token)
            assert token not in self.zeroed or percent == 0, f"{version.bundle.digest} gets traffic again"

    def run(self) -> ModelReleaseStatus:
        for _ in range(self.rng.randrange(20, 100)):
            if self.rng.random() < 0.15:
                self.disturb()
            self.now += self.rng.choice((0.5, 2, 5, 20))
            self.step()
            self.reconcile()
        return self.settle()

    def settle(self) -> ModelReleaseStatus:
        """Everything works again: the release comes to rest where it belongs, and is then left alone."""
        self.disturbed, self.api.down, self.api.unreliable = False, False, 0.0
        self.write_spec(paused=False)
        quiet, before = 0, ""
        for _ in range(2000):
            self.now += 30
            self.step()
            self.reconcile()
            version = str(self.api._versions)
            quiet, before = (quiet + 1 if version == before else 0), version
            status = self.status()
            if quiet > 20 and status.phase in RESTS:
                break
        self.check_rest(status, quiet)
        return status

    def check_rest(self, status: ModelReleaseStatus, quiet: int) -> None:
        assert quiet > 20, f"no rest: {status.phase} {status.message}"
        shares = {uri: share for uri, share in self.knative.shares.items() if share}
        assert status.stable
        if status.phase is Phase.STARTING:
            assert status.stable.version.bundle.storage_uri in self.knative.broken_uris
        elif status.phase is not Phase.PAUSED:
            assert shares == {status.stable.version.bundle.storage_uri: 100}
        if status.phase is Phase.STABLE:
            assert status.stable.version.id == self.spec.target.id


def run(seeds: range) -> Counter[Phase]:
    ends: Counter[Phase] = Counter()
    for seed in seeds:
        history = History(seed)
        try:
            ends[history.run().phase] += 1
        except AssertionError as error:
            raise AssertionError(f"seed {seed} at {history.now:.1f} s: {error}") from error
    return ends


def test_what_must_always_hold_holds() -> None:
    assert {Phase.STABLE, Phase.ROLLED_BACK} <= set(run(range(24))), "histories end in more than one way"


@pytest.mark.slow
@pytest.mark.parametrize("block", range(6))
def test_what_must_always_hold_holds_in_hundreds_of_histories(block: int) -> None:
    run(range(1000 + block * 100, 1000 + block * 100 + 100))
