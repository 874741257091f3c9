"""The Kubernetes API as a kubeconfig, or a pod, gives it: its address, its credentials, and what nodes there are."""

from __future__ import annotations

import ssl
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.sdk import BadInput, PenstockError

if TYPE_CHECKING:
    import httpx
    from lightkube.config.kubeconfig import SingleConfig

    from penstock.kubeflow.placing import Node


@dataclass(frozen=True)
class KubernetesAccess:
    """What a plain HTTP client needs to talk to the Kubernetes API."""

    server: str
    verify: ssl.SSLContext
    auth: httpx.Auth | None
    source: str
    """The file, for messages."""


def kubernetes_of(context: str = "") -> KubernetesAccess:
    """The Kubernetes API of the kubeconfig (`KUBECONFIG`, `~/.kube/config`), or of the pod that this is.

    Raises:
        BadInput: There is none, or it has no such context (caller).
    """
    import httpx
    from lightkube.config.client_adapter import user_auth, verify_cluster
    from lightkube.core.exceptions import ConfigError

    single = kubeconfig(context)
    try:
        verify = verify_cluster(single.cluster, single.user, single.abs_file)
        inner = user_auth(single.user)
    except (ConfigError, OSError) as error:
        raise BadInput(f"the kubeconfig {single.fname or ''} cannot be used: {_told(error)}") from None

    class Lent(httpx.Auth):
        """Lightkube's own authentication, exec plugins included, for this client's requests."""

        def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            try:
                yield from inner.sync_auth_flow(request)
            except (ConfigError, OSError) as error:
                raise BadInput(f"the kubeconfig's credentials cannot be had: {_told(error)}") from None

    source = str(single.fname or "the pod")
    return KubernetesAccess(single.cluster.server, verify, Lent() if inner else None, source)


def find_nodes(context: str = "") -> list[Node] | None:
    """The nodes of the cluster, as far as placing a task needs to know them.

    Returns:
        None where the cluster cannot be asked, or does not let us list them: nodes belong to no namespace, and many
        may not.

    Raises:
        BadInput: There is no such context (caller).
    """
    from lightkube import Client
    from lightkube.core.exceptions import ApiError, ConfigError
    from lightkube.resources.core_v1 import Node as KubernetesNode

    from penstock.kubeflow.placing import Node, Taint

    try:
        client = Client(config=kubeconfig(context))
        try:
            nodes = list(client.list(KubernetesNode))
        finally:
            client.close()
    except (ApiError, ConfigError, BadInput, OSError):
        return None
    except Exception as error:
        if type(error).__module__.partition(".")[0] in ("httpx", "httpx2"):  # not reached: lightkube bundles its own
            return None
        raise
    found = []
    for node in nodes:
        spec, status, metadata = node.spec, node.status, node.metadata
        taints = [Taint(t.key, t.value or "", t.effect) for t in (spec.taints or [])] if spec else []
        allocatable = dict(status.allocatable or {}) if status else {}
        labels = dict(metadata.labels or {}) if metadata else {}
        found.append(Node(str(metadata and metadata.name), labels, tuple(taints), allocatable))
    return found


def kubeconfig(context: str = "") -> SingleConfig:
    """One context of the kubeconfig, or the pod's own.

    Raises:
        BadInput: There is none, or it has no such context (caller).
        PenstockError: The file cannot be read (caller).
    """
    from lightkube import KubeConfig
    from lightkube.config.models import User
    from lightkube.core.exceptions import ConfigError

    try:
        config = KubeConfig.from_env()
    except ConfigError as error:
        raise BadInput(
            f"no kubeconfig can be used: {_told(error)}", "Set KUBECONFIG, or another kubeflow.auth in the profile"
        ) from None
    except Exception as error:  # a file that is not YAML, or no mapping
        raise PenstockError(f"the kubeconfig cannot be read: {_told(error)}") from None
    try:
        found = config.get(context or None)
    except ConfigError as error:
        raise BadInput(f"kubeflow.context: {_told(error)}") from None
    return found if found.user else found._replace(user=User())  # `kubectl proxy` asks for none; lightkube wants one


def _told(error: Any) -> str:
    return " ".join(str(error).split())
