"""The controller's process on a real kube-apiserver: leading, following, its rights, its pages, a thousand releases."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from penstock.releasing.controller.leading import DURATION_SECONDS, GIVE_UP_SECONDS, Elector
from penstock.releasing.kubernetes.api import CONFIG_MAPS, INFERENCE_SERVICES, RELEASES, Api, Gone, Kind, Refused
from penstock.releasing.kubernetes.leases import LeaseObject
from penstock.releasing.kubernetes.running import Built, Settings, build
from penstock.releasing.kubernetes.watching import Follower
from penstock.releasing.observing import SourcesObserver
from penstock.releasing.port import Key, Unavailable
from penstock.releasing.resource.status import Phase
from tests.contract.releasing.conftest import OnCluster, api_of, release
from tests.contract.releasing.fake_kserve import FakeKServe
from tests.contract.releasing.processes import Process, eventually, holder
from tests.manifests import ROOT
from tests.servers.kubernetes import Cluster

pytestmark = pytest.mark.cluster


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_one_leads_and_another_takes_over_when_the_lease_is_not_renewed(cluster: Cluster, namespace: str) -> None:
    api, clock = api_of(cluster), Clock()
    one, other = (Elector(LeaseObject(api, namespace), name, clock) for name in ("one", "other"))
    assert one.renew() is True
    assert other.renew() is False
    clock.now += GIVE_UP_SECONDS - 0.5
    assert (one.leads(), other.renew()) == (True, False)
    clock.now += 1
    assert one.leads() is False, "it stops acting before another may begin"
    assert other.renew() is False
    clock.now += DURATION_SECONDS - GIVE_UP_SECONDS
    assert other.renew() is True
    assert one.renew() is False
    lease = json.loads(cluster.kubectl("get", "lease/penstock-controller", "-n", namespace, "-o", "json"))
    assert lease["spec"]["holderIdentity"] == "other"
    assert lease["spec"]["leaseTransitions"] == 2


def test_a_lease_lasts_as_long_as_its_holder_says(cluster: Cluster, namespace: str) -> None:
    api, clock = api_of(cluster), Clock()
    # As an older version of the controller has it, which still believes that it leads.
    spec = {"holderIdentity": "older", "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.000000Z"}
    LeaseObject(api, namespace).write(spec, None)
    newer = Elector(LeaseObject(api, namespace), "newer", clock)
    assert newer.renew() is False
    clock.now += 14
    assert newer.renew() is False
    clock.now += 2
    assert newer.renew() is True


def test_who_had_the_lease_before_it_died_has_it_at_once(cluster: Cluster, namespace: str) -> None:
    api, clock = api_of(cluster), Clock()
    assert Elector(LeaseObject(api, namespace), "pod", clock).renew() is True
    again = Elector(LeaseObject(api, namespace), "pod", clock)
    assert again.leads() is False, "not before it has renewed it"
    assert again.renew() is True
    assert Elector(LeaseObject(api, namespace), "other", clock).renew() is False


def test_who_steps_down_is_followed_at_once(cluster: Cluster, namespace: str) -> None:
    api, clock = api_of(cluster), Clock()
    one, other = (Elector(LeaseObject(api, namespace), name, clock) for name in ("one", "other"))
    assert one.renew() is True
    one.step_down()
    assert one.leads() is False
    assert other.renew() is True


def test_two_that_renew_at_once_never_both_lead(cluster: Cluster, namespace: str) -> None:
    electors = [Elector(LeaseObject(api_of(cluster), namespace), f"c-{number}") for number in range(4)]
    threads = [threading.Thread(target=each.renew) for each in electors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(each.leads() for each in electors) == 1


def test_a_watch_goes_on_from_where_it_was_and_lists_anew_only_when_that_is_gone(
    with_releases: Cluster, namespace: str
) -> None:
    api, seen = api_of(with_releases), list[Key]()
    with_releases.apply(release("first", namespace))
    follower = Follower(api, RELEASES, seen.append, namespace)
    stop = threading.Event()
    thread = threading.Thread(target=follower.run, args=(stop,), daemon=True)
    thread.start()
    eventually(lambda: Key(namespace, "first") in seen)
    with_releases.apply(release("second", namespace))
    eventually(lambda: Key(namespace, "second") in seen)
    assert follower.lists == 1
    # What the controller itself writes, the status, wakes nobody: it would look without end.
    seen.clear()
    patch = json.dumps({"status": {"message": "looked"}})
    with_releases.kubectl("patch", "mr/first", "-n", namespace, "--subresource=status", "--type=merge", "-p", patch)
    stop.set()
    with_releases.apply(release("last", namespace))
    eventually(lambda: Key(namespace, "last") in seen)
    assert Key(namespace, "first") not in seen
    thread.join(30)
    # Taken up again from the last version seen, by a connection of its own.
    again = Follower(api_of(with_releases), RELEASES, seen.append, namespace, version=follower.version)
    stop = threading.Event()
    threading.Thread(target=again.run, args=(stop,), daemon=True).start()
    with_releases.apply(release("third", namespace))
    eventually(lambda: Key(namespace, "third") in seen)
    assert again.lists == 0
    stop.set()
    # A version from before the server's memory is gone.
    with pytest.raises(Gone):
        list(api.watch(RELEASES, "1", namespace))
    late = Follower(api_of(with_releases), RELEASES, seen.append, namespace, version="1")
    stop = threading.Event()
    threading.Thread(target=late.run, args=(stop,), daemon=True).start()
    seen.clear()
    eventually(lambda: len(set(seen)) == 4)
    assert late.lists == 1
    stop.set()


def test_what_the_server_does_not_serve_is_not_taken_for_absent(cluster: Cluster, namespace: str) -> None:
    api = api_of(cluster)
    assert api.get(CONFIG_MAPS, namespace, "nothing") is None
    with pytest.raises(Unavailable, match="does not serve"):
        api.get(Kind("nothing.example.com", "v1", "things"), namespace, "nothing")


@pytest.fixture
def account(with_kserve: Cluster, namespace: str) -> str:
    """The token of the controller's service account, with the rights that kustomize/base gives it."""
    parts = [ROOT / "kustomize" / "base" / name for name in ("releases/role.yaml", "controller/role.yaml")]
    things = [thing for part in parts for thing in yaml.safe_load_all(part.read_text())]
    for thing in things:
        thing["metadata"]["namespace"] = namespace
        for subject in thing.get("subjects", []):
            subject["namespace"] = namespace
    owner = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "controller", "namespace": namespace}}
    with_kserve.apply(owner, *things)
    return with_kserve.token_of("controller", namespace)


def test_the_rights_that_it_has_are_enough_for_a_whole_release_and_no_more(
    with_kserve: Cluster, namespace: str, account: str
) -> None:
    api = api_of(with_kserve, account)
    story = OnCluster(with_kserve, namespace, api=api)
    story.git("one")
    story.until(lambda status: status.phase is Phase.STABLE and status.route.seen == status.route.wanted)
    story.git("two")
    story.until(lambda status: status.phase is Phase.STABLE and story.twins() == ["flights-b"])
    assert Elector(LeaseObject(api, namespace), "me").renew() is True
    with pytest.raises(Refused, match="cannot"):
        api.apply(RELEASES, release("flights", namespace, "three"))
    with pytest.raises(Refused, match="cannot"):
        api.delete(RELEASES, namespace, "flights", "")


@pytest.fixture
def running(with_kserve: Cluster, namespace: str) -> Iterator[tuple[Built, Api]]:
    """A controller with its threads, for one namespace."""
    from lightkube import KubeConfig

    config = KubeConfig.from_file(with_kserve.kubeconfig).get()
    assert config is not None
    built = build(Settings(namespace=namespace, lease_namespace=namespace), config, SourcesObserver())
    built.controller.start(built.followers)
    yield built, api_of(with_kserve)
    built.controller.stop()
    for api in built.apis:
        api.close()


def test_it_hears_of_a_release_and_carries_it_out(
    with_kserve: Cluster, namespace: str, running: tuple[Built, Api]
) -> None:
    built, api = running
    with_kserve.apply(release("flights", namespace))
    kserve = FakeKServe(api, namespace)

    def is_stable() -> bool:
        kserve.step()
        found = api.get(RELEASES, namespace, "flights") or {}
        told = {each["type"]: each["status"] for each in (found.get("status") or {}).get("conditions", [])}
        return told.get("Ready") == "True"

    eventually(is_stable)
    assert built.controller.is_alive()
    text = built.controller.metrics.text().decode()
    assert "penstock_controller_leads 1.0" in text
    assert f'penstock_release_phase{{namespace="{namespace}",phase="Stable",release="flights"}} 1.0' in text
    assert built.pages.answer("/readyz")[0] == 200
    with_kserve.kubectl("delete", "mr/flights", "-n", namespace)
    eventually(lambda: "penstock_release_phase{" not in built.controller.metrics.text().decode())


@pytest.mark.slow
def test_a_thousand_releases_are_all_seen_and_each_gets_its_twin(
    with_kserve: Cluster, namespace: str, running: tuple[Built, Api]
) -> None:
    _, api = running
    for number in range(1000):
        api.create(RELEASES, release(f"r-{number:04}", namespace))

    def all_started() -> bool:
        found, _ = api.list(RELEASES, namespace)
        return sum((each.get("status") or {}).get("phase") == "Starting" for each in found) == 1000

    eventually(all_started, 400, every=5)
    twins = [
        each["metadata"]["name"]
        for each in OnCluster(with_kserve, namespace).admin.list(INFERENCE_SERVICES, namespace)[0]
    ]
    assert twins == [f"r-{number:04}-a" for number in range(1000)]


def test_the_command_answers_on_its_port_and_ends_cleanly(with_kserve: Cluster, namespace: str, tmp_path: Path) -> None:
    with_kserve.apply(release("flights", namespace))
    made = Process(with_kserve, namespace, tmp_path / "log")
    try:
        made.start()
        eventually(lambda: made.answer("/readyz") == 200)
        eventually(lambda: made.metric('penstock_controller_reconciles_total{outcome="done"}') > 0)
        assert made.answer("/healthz") == 200
        made.process.send_signal(signal.SIGTERM)
        assert made.process.wait(60) == 0
    finally:
        made.kill()
    assert {"leads", "listens", "stops"} <= {line["message"] for line in made.lines()}
    assert holder(api_of(with_kserve), namespace) == "", "another may lead at once"
