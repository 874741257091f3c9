"""The controller on a cluster, put together: API, followers, lease, evidence, pages; and how it ends."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.releasing.controller.leading import ASK_SECONDS, Elector
from penstock.releasing.controller.logs import say, to_standard_error
from penstock.releasing.controller.pages import Pages, serve
from penstock.releasing.controller.process import Controller
from penstock.releasing.controller.queue import WorkQueue
from penstock.releasing.evidencing import EvidenceJudge, Observer
from penstock.releasing.kubernetes.api import HTTP_ROUTES, INFERENCE_SERVICES, RELEASES, VIRTUAL_SERVICES, Api, Kind
from penstock.releasing.kubernetes.cluster import KubernetesCluster
from penstock.releasing.kubernetes.evidence import EvidenceMaps
from penstock.releasing.kubernetes.leases import LeaseObject
from penstock.releasing.kubernetes.watching import Follower
from penstock.releasing.observing import SourcesObserver
from penstock.releasing.resource.names import RELEASE_LABEL
from penstock.sdk import BadInput

if TYPE_CHECKING:
    from lightkube.config.kubeconfig import SingleConfig

_OWNED: tuple[Kind, ...] = (INFERENCE_SERVICES, HTTP_ROUTES, VIRTUAL_SERVICES)


@dataclass(frozen=True)
class Settings:
    """What the command line says."""

    namespace: str = ""
    lease_namespace: str = "penstock"
    identity: str = ""
    context: str = ""
    prometheus: str = ""
    prediction_log: Path | None = None
    listen: str = "127.0.0.1"
    port: int = 8080
    workers: int = 4
    log_level: str = "info"


def run(settings: Settings) -> None:
    """Be the controller until SIGTERM or SIGINT."""
    to_standard_error(settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    observer = SourcesObserver(settings.prometheus, settings.prediction_log)
    made = build(settings, config_of(settings.context), observer)
    made.controller.start(made.followers)
    pages = serve(made.pages, settings.listen, settings.port)
    say("listens", address=f"{settings.listen}:{pages.server_address[1]}")
    stop.wait()
    say("stops")
    made.controller.stop()
    pages.shutdown()
    for api in made.apis:
        api.close()


@dataclass(frozen=True)
class Built:
    """A controller that has not been started."""

    controller: Controller
    followers: tuple[Follower, ...]
    pages: Pages
    apis: tuple[Api, ...]


def build(settings: Settings, config: SingleConfig, observer: Observer) -> Built:
    """Put a controller together.

    Watches and the lease have connections of their own: a flood of releases must not keep the lease from being renewed.
    """
    api, leasing, watching = Api(config), Api(config, timeout_seconds=ASK_SECONDS), Api(config)
    elector = Elector(LeaseObject(leasing, settings.lease_namespace), settings.identity or _own_identity())
    queue = WorkQueue()
    judge = EvidenceJudge(observer, EvidenceMaps(api))
    controller = Controller(
        KubernetesCluster(api), judge, elector, queue, workers=settings.workers, server_is_ready=leasing.is_ready
    )

    def follow(kind: Kind, labels: str = "") -> Follower:
        return Follower(watching, kind, queue.add, settings.namespace, labels, lambda text: say("watch", why=text))

    # A kind that the cluster does not have is asked for again, ever more rarely.
    followers = (follow(RELEASES), *(follow(kind, RELEASE_LABEL) for kind in _OWNED))
    pages = Pages(
        is_alive=controller.is_alive,
        is_ready=lambda: followers[0].lists > 0,
        metrics=controller.metrics.text,
    )
    return Built(controller, followers, pages, (api, leasing, watching))


def _own_identity() -> str:
    """An identity that no other process has or will have, wherever it runs: in containers all have the same number."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def config_of(context: str) -> SingleConfig:
    """The kubeconfig, or that of the pod.

    Raises:
        BadInput: There is none, or it has no such context (caller).
    """
    from lightkube import KubeConfig
    from lightkube.core.exceptions import ConfigError

    try:
        found = KubeConfig.from_env().get(context or None)
    except ConfigError as error:
        raise BadInput(f"no kubeconfig can be used: {error}", "KUBECONFIG names one; a pod has its own") from None
    if found is None:
        raise BadInput("there is no kubeconfig", "KUBECONFIG names one; a pod has its own")
    return found
