"""Looking at a cluster for `doctor`: everything is read, nothing is changed, and what may not be read is left open."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from penstock.kubeflow.cluster import KubernetesAccess, find_nodes, kubeconfig, kubernetes_of
from penstock.kubeflow.doctor import (
    DEFAULT_CLASS,
    Observed,
    Permission,
    Workload,
    lineage_service,
    needed_permissions,
)
from penstock.profiles.cluster import ClusterProfile
from penstock.sdk import PenstockError

if TYPE_CHECKING:
    from lightkube import Client

_T = TypeVar("_T")
_SECONDS = 15.0
_KSERVE_LABELS = {"app.kubernetes.io/name": "kserve-controller-manager"}


def observe(profile: ClusterProfile) -> Observed:
    """Look at the cluster of the kubeconfig, or of the pod that this is.

    Raises:
        BadInput: There is no kubeconfig, or it has no such context (caller).
        PenstockError: The cluster does not answer, or does not know who asks (caller).
    """
    access = kubernetes_of(profile.kubeflow.context)
    version, skew = _version_and_skew(access)
    with _client(profile) as client:
        look = _Look(client)
        kubeflow, kubeflow_seen = look.deployment("ml-pipeline", profile.kubeflow.namespace)
        secrets, secrets_seen = look.secrets(profile)
        allowed, denied = look.permissions(needed_permissions(profile))
        nodes = find_nodes(profile.kubeflow.context)
        return Observed(
            server=access.server,
            version=version,
            skew_seconds=skew,
            definitions=look.definitions(),
            kubeflow=kubeflow,
            kubeflow_seen=kubeflow_seen,
            kserve=look.kserve(),
            knative_flags=look.knative_flags(),
            namespace_labels=look.namespace_labels(profile.namespace),
            accounts=look.accounts(profile.namespace),
            secrets=secrets,
            secrets_seen=secrets_seen,
            lineage_addresses=look.lineage_addresses(lineage_service(profile)),
            nodes=None if nodes is None else tuple(nodes),
            storage_classes=look.storage_classes(),
            allowed=allowed,
            denied=denied,
        )


def _client(profile: ClusterProfile) -> Client:
    from lightkube import Client

    return Client(config=kubeconfig(profile.kubeflow.context))


def _version_and_skew(access: KubernetesAccess) -> tuple[str, float | None]:
    """The server's version, and by how much its clock is ahead, to the second that its answer's Date header tells."""
    import httpx

    before = time.time()
    try:
        answer = httpx.get(f"{access.server}/version", verify=access.verify, auth=access.auth, timeout=_SECONDS)
    except httpx.HTTPError as error:
        remedy = f"Is it up, and is the way there open? The address is from {access.source}"
        raise PenstockError(f"the cluster at {access.server} does not answer: {_told(error)}", remedy) from None
    if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        remedy = f"Log in to the cluster again; the credentials are from {access.source}"
        raise PenstockError(f"the cluster at {access.server} does not know you: {answer.status_code}", remedy)
    if answer.status_code != HTTPStatus.OK:
        raise PenstockError(f"{access.server}/version answered {answer.status_code}: is it a Kubernetes API?")
    version = str(answer.json().get("gitVersion", ""))
    if "date" not in answer.headers:
        return version, None
    there = parsedate_to_datetime(answer.headers["date"])
    here = datetime.fromtimestamp((before + time.time()) / 2, UTC)
    return version, (there - here).total_seconds()


class _Look:
    """Reads one thing at a time."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def definitions(self) -> frozenset[str] | None:
        from lightkube.resources.apiextensions_v1 import CustomResourceDefinition

        return self._may(lambda: frozenset(str(d.metadata.name) for d in self._client.list(CustomResourceDefinition)))

    def deployment(self, name: str, namespace: str) -> tuple[Workload | None, bool]:
        """A Deployment, and whether it could be looked for."""
        from lightkube.resources.apps_v1 import Deployment

        found = self._may(lambda: [self._there(Deployment, name, namespace)])
        return (None, False) if found is None else (_workload(found[0]), True)

    def kserve(self) -> Workload | None:
        """KServe's controller, wherever it is installed."""
        from lightkube.resources.apps_v1 import Deployment

        found = self._may(lambda: list(self._client.list(Deployment, namespace="*", labels=_KSERVE_LABELS)))
        return _workload(found[0]) if found else None

    def knative_flags(self) -> Mapping[str, str] | None:
        from lightkube.resources.core_v1 import ConfigMap

        found = self._may(lambda: [self._there(ConfigMap, "config-features", "knative-serving")])
        return None if found is None else dict((found[0] and found[0].data) or {})

    def namespace_labels(self, name: str) -> Mapping[str, str] | None:
        from lightkube.resources.core_v1 import Namespace

        found = self._may(lambda: self._there(Namespace, name))
        return dict(found.metadata.labels or {}) if found else None

    def accounts(self, namespace: str) -> frozenset[str] | None:
        from lightkube.resources.core_v1 import ServiceAccount

        found = self._may(lambda: list(self._client.list(ServiceAccount, namespace=namespace)))
        return None if found is None else frozenset(str(account.metadata.name) for account in found)

    def secrets(self, profile: ClusterProfile) -> tuple[Mapping[str, frozenset[str] | None], bool]:
        """The keys of the Secrets that the profile names; their values are read over and forgotten."""
        from lightkube.resources.core_v1 import Secret

        names = {variable.secret for variable in profile.secret_variables}
        names |= {files.secret for files in profile.secret_files}
        keys: dict[str, frozenset[str] | None] = {}
        for name in sorted({*names, *profile.image_pull_secrets}):
            found = self._may(lambda name=name: [self._there(Secret, name, profile.namespace)])  # type: ignore[misc]
            if found is None:
                return {}, False
            keys[name] = frozenset(found[0].data or {}) if found[0] else None
        return keys, True

    def lineage_addresses(self, service: tuple[str, str] | None) -> int | None:
        """Ready addresses behind a Service; -1 where there is none."""
        from lightkube.resources.core_v1 import Service
        from lightkube.resources.discovery_v1 import EndpointSlice

        if service is None:
            return None
        name, namespace = service
        there = self._may(lambda: [self._there(Service, name, namespace)])
        if there is None or there[0] is None:
            return None if there is None else -1
        labels = {"kubernetes.io/service-name": name}
        slices = self._may(lambda: list(self._client.list(EndpointSlice, namespace=namespace, labels=labels)))
        if slices is None:
            return None
        ready = {
            address
            for found in slices
            for endpoint in found.endpoints or []
            if endpoint.conditions is None or endpoint.conditions.ready is not False
            for address in endpoint.addresses
        }
        return len(ready)

    def storage_classes(self) -> Mapping[str, bool] | None:
        from lightkube.resources.storage_v1 import StorageClass

        found = self._may(lambda: list(self._client.list(StorageClass)))
        if found is None:
            return None
        return {str(c.metadata.name): (c.metadata.annotations or {}).get(DEFAULT_CLASS) == "true" for c in found}

    def permissions(self, needed: tuple[Permission, ...]) -> tuple[tuple[Permission, ...], tuple[Permission, ...]]:
        """Which of them the asker has, and which not."""
        answers = {permission: self._has(permission) for permission in needed}
        allowed = tuple(permission for permission, has in answers.items() if has)
        return allowed, tuple(permission for permission, has in answers.items() if not has)

    def _has(self, permission: Permission) -> bool:
        from lightkube.models.authorization_v1 import ResourceAttributes, SelfSubjectAccessReviewSpec
        from lightkube.resources.authorization_v1 import SelfSubjectAccessReview

        attributes = ResourceAttributes(
            verb=permission.verb,
            group=permission.group,
            resource=permission.resource,
            subresource=permission.subresource,
            namespace=permission.namespace,
        )
        review = SelfSubjectAccessReview(spec=SelfSubjectAccessReviewSpec(resourceAttributes=attributes))
        return bool(self._client.create(review).status.allowed)

    def _there(self, kind: Any, name: str, namespace: str | None = None) -> Any:
        """An object; None where there is none of that name."""
        from lightkube import ApiError

        try:
            return self._client.get(kind, name, **({"namespace": namespace} if namespace else {}))
        except ApiError as error:
            if error.status.code == HTTPStatus.NOT_FOUND:
                return None
            raise

    def _may(self, read: Callable[[], _T]) -> _T | None:
        """What was read; None where that is forbidden."""
        from lightkube import ApiError

        try:
            return read()
        except ApiError as error:
            if error.status.code == HTTPStatus.FORBIDDEN:
                return None
            raise PenstockError(f"the cluster answered: {_told(error)}") from None


def _workload(deployment: Any) -> Workload | None:
    if deployment is None:
        return None
    container = deployment.spec.template.spec.containers[0]
    return Workload(
        namespace=str(deployment.metadata.namespace),
        image=str(container.image),
        arguments=(*(container.command or ()), *(container.args or ())),
        environment={variable.name: variable.value or "" for variable in container.env or ()},
    )


def _told(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
