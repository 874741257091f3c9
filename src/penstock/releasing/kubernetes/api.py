"""The Kubernetes API as the controller asks it: plain objects, one field manager, and every write held to a version.

Connection and credentials are lightkube's. Its typed client has no preconditions for deleting and lists no version to
watch from, which both are what keeps two controllers apart, so the requests are made here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.releasing.port import Conflict, Unavailable
from penstock.releasing.resource.names import FIELD_MANAGER, GROUP, PLURAL, VERSION
from penstock.sdk import PenstockError

if TYPE_CHECKING:
    import httpx2
    from lightkube.config.kubeconfig import SingleConfig

Thing = dict[str, Any]
"""A Kubernetes object."""
_PAGE = 500
_WATCH_SECONDS = 240
"""How long a watch is asked to last: less than load balancers in between let a silent connection live."""


@dataclass(frozen=True)
class Kind:
    """A kind of objects, and where they are."""

    group: str
    version: str
    plural: str

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The path of objects of this kind."""
        base = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        place = f"/namespaces/{namespace}" if namespace else ""
        return f"{base}{place}/{self.plural}" + "".join(f"/{part}" for part in (name, subresource) if part)


RELEASES = Kind(GROUP, VERSION, PLURAL)
INFERENCE_SERVICES = Kind("serving.kserve.io", "v1beta1", "inferenceservices")
HTTP_ROUTES = Kind("gateway.networking.k8s.io", "v1", "httproutes")
VIRTUAL_SERVICES = Kind("networking.istio.io", "v1", "virtualservices")
SERVICES = Kind("", "v1", "services")
CONFIG_MAPS = Kind("", "v1", "configmaps")
NODES = Kind("", "v1", "nodes")
QUOTAS = Kind("", "v1", "resourcequotas")
EVENTS = Kind("", "v1", "events")
LEASES = Kind("coordination.k8s.io", "v1", "leases")


class Gone(PenstockError):
    """What changed since the version asked for is no longer known: list anew."""


class Refused(PenstockError):
    """The API server said no: to what was written, or to who asked."""


class Api:
    """A client of the API server, for one thread at a time or several."""

    def __init__(self, config: SingleConfig, timeout_seconds: float = 10.0) -> None:
        import httpx2
        from lightkube.config.client_adapter import Client, ConnectionParams

        limits = httpx2.Timeout(timeout_seconds, connect=min(5.0, timeout_seconds))
        self._client = Client(config, ConnectionParams(timeout=limits, trust_env=False))
        self._watching = httpx2.Timeout(limits.connect, read=_WATCH_SECONDS + 30)

    def close(self) -> None:
        """Close its connections; a watch that waits ends with Unavailable."""
        self._client.close()

    def get(self, kind: Kind, namespace: str, name: str) -> Thing | None:
        """An object, freshly from the store; None where there is none."""
        answer = self._send("GET", kind.path(namespace, name))
        return None if _is_absent(answer, name) else _body(answer)

    def is_ready(self) -> bool:
        """Whether the API server says that it serves every kind; one that has just started does not, for seconds.

        Raises:
            Unavailable: It does not answer.
        """
        return self._send("GET", "/readyz").status_code < 500

    def groups(self) -> frozenset[str]:
        """The API groups that are served."""
        return frozenset(each["name"] for each in _body(self._send("GET", "/apis"))["groups"])

    def list(self, kind: Kind, namespace: str = "", labels: str = "") -> tuple[list[Thing], str]:
        """All objects of a kind, and the version of the list, to watch from."""
        found: list[Thing] = []
        query = {"limit": str(_PAGE), **({"labelSelector": labels} if labels else {})}
        while True:
            page = _body(self._send("GET", kind.path(namespace), query=query))
            found += page.get("items") or []
            more = page["metadata"].get("continue")
            if not more:
                return found, page["metadata"]["resourceVersion"]
            query["continue"] = more

    def create(self, kind: Kind, thing: Thing) -> Thing:
        """Make an object that must not be there yet; Conflict where it is."""
        path = kind.path(thing["metadata"].get("namespace", ""))
        return _body(self._send("POST", path, thing, query={"fieldManager": FIELD_MANAGER}))

    def apply(self, kind: Kind, thing: Thing, subresource: str = "") -> Thing:
        """Have an object say what is given, and take back what others made of that; what is not given is theirs.

        With `metadata.resourceVersion`, only if nothing was written since: else Conflict.
        """
        metadata = thing["metadata"]
        path = kind.path(metadata.get("namespace", ""), metadata["name"], subresource)
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        return _body(self._send("PATCH", path, thing, query=query, content_type="application/apply-patch+yaml"))

    def replace(self, kind: Kind, thing: Thing) -> Thing:
        """Write an object as it was read and changed; Conflict where it was written since."""
        metadata = thing["metadata"]
        path = kind.path(metadata.get("namespace", ""), metadata["name"])
        return _body(self._send("PUT", path, thing, query={"fieldManager": FIELD_MANAGER}))

    def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Delete an object, if it is still that one."""
        options = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        answer = self._send("DELETE", kind.path(namespace, name), options)
        if not _is_absent(answer, name):
            _body(answer)

    def watch(self, kind: Kind, version: str, namespace: str = "", labels: str = "") -> Iterator[tuple[str, Thing]]:
        """What changes after a version, as it happens, until the server ends it.

        Raises:
            Gone: The version is too old: list anew.
            Unavailable: The connection broke: watch again from the last version seen.
        """
        import httpx2

        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCH_SECONDS),
            **({"labelSelector": labels} if labels else {}),
        }
        try:
            with self._client.stream("GET", kind.path(namespace), params=query, timeout=self._watching) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    _body(answer)
                for line in answer.iter_lines():
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise _problem(event["object"])
                    yield event["type"], event["object"]
        except (httpx2.HTTPError, httpx2.StreamError, RuntimeError, ValueError) as error:
            raise Unavailable(f"the watch of {kind.plural} broke: {error or type(error).__name__}") from None

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> httpx2.Response:
        import httpx2

        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": content_type} if body is not None else {}
        try:
            answer: httpx2.Response = self._client.request(
                method, path, content=content, params=dict(query or {}), headers=headers
            )
        except httpx2.HTTPError as error:
            raise Unavailable(f"{method} {path}: no answer ({error or type(error).__name__})") from None
        return answer


def _is_absent(answer: httpx2.Response, name: str) -> bool:
    """Whether there is no object of that name; where the kind itself is not served, nothing is known of its objects."""
    if answer.status_code != 404:
        return False
    if ((_status(answer).get("details") or {}).get("name")) == name:
        return True
    raise Unavailable(f"{answer.url.path}: the API server does not serve this kind")


def _body(answer: httpx2.Response) -> Thing:
    if answer.status_code >= 400:
        raise _problem(_status(answer))
    try:
        found: Thing = answer.json()
    except ValueError:
        raise Unavailable(f"{answer.url.path}: what answers is not the API server: no JSON") from None
    return found


def _status(answer: httpx2.Response) -> Mapping[str, Any]:
    """What the API server says is wrong; in its own words, where something else answered."""
    try:
        found = answer.json()
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"code": answer.status_code, "message": answer.text[:200]}


def _problem(status: Mapping[str, Any]) -> PenstockError:
    """What went wrong, by what follows from it: look again, wait, list anew, or tell a person."""
    code, message = int(status.get("code") or 0), str(status.get("message") or "no reason given")
    if code == 409:
        return Conflict(message)
    if code == 410:
        return Gone(message)
    if code in (408, 429) or code >= 500:
        return Unavailable(message)
    return Refused(message)
