"""The way to a Kubeflow Pipelines API server: where it is, and how a client is let in.

Credentials are read again for every call, so that a token that is renewed while a long run is watched goes on being
good.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.kubeflow.cluster import kubernetes_of
from penstock.profiles.cluster import KubeflowApi
from penstock.sdk import BadInput

if TYPE_CHECKING:
    import httpx

SERVICE = "ml-pipeline"
PORT = 8888
POD_TOKENS = (
    "/var/run/secrets/kubeflow/pipelines/token",
    "/var/run/secrets/kubernetes.io/serviceaccount/token",
)
"""Where a pod finds its token: the one made for Kubeflow Pipelines first (its audience is `pipelines.kubeflow.org`)."""
TOKEN_PATH_VARIABLE = "KF_PIPELINES_SA_TOKEN_PATH"  # noqa: S105 - the name of a variable
_SECONDS = 60.0
"""How long one answer may take [s]."""


@dataclass(frozen=True)
class Connection:
    """A way to the API server."""

    http: httpx.Client
    """Sends requests; their paths begin with `/apis/`."""
    where: str
    """What a person knows the server by."""
    credentials: str
    """Where the credentials come from, for messages; empty when there are none."""
    read_token: Callable[[], str] | None = None
    """The token that is sent, to tell when it has expired; None where none is."""


def connect(settings: KubeflowApi) -> Connection:
    """Prepare the way to the API server; nothing is sent yet.

    Raises:
        BadInput: A file of credentials or certificates is missing or unusable (the profile's author).
    """
    if settings.auth == "kubeconfig":
        return _through_kubernetes(settings)
    host = settings.host or f"http://{SERVICE}.{settings.namespace}.svc:{PORT}"
    if settings.auth == "none":
        return Connection(_client(host, settings, None), host, "")
    if settings.auth == "cookies":
        cookies = _expanded(settings.cookies_file)
        _read(cookies, "kubeflow.cookies_file")
        auth = _header(lambda: ("Cookie", _read(cookies, "kubeflow.cookies_file")))
        return Connection(_client(host, settings, auth), host, f"the cookies in {cookies}")
    token, key = _token_file(settings)
    _read(token, key)
    auth = _header(lambda: ("Authorization", f"Bearer {_read(token, key)}"))
    return Connection(_client(host, settings, auth), host, f"the token in {token}", lambda: _read(token, key))


def _through_kubernetes(settings: KubeflowApi) -> Connection:
    """Through the Kubernetes API's proxy to the Service: no port to forward, no process to keep."""
    access = kubernetes_of(settings.context)
    path = f"/api/v1/namespaces/{settings.namespace}/services/{SERVICE}:{PORT}/proxy"
    client = _new(f"{access.server}{path}", access.verify, access.auth)
    where = f"{SERVICE} in the namespace {settings.namespace} of {access.server}"
    return Connection(client, where, f"the credentials of {access.source}")


def _token_file(settings: KubeflowApi) -> tuple[Path, str]:
    if settings.token_file or settings.auth == "token":
        return _expanded(settings.token_file), "kubeflow.token_file"
    named = os.environ.get(TOKEN_PATH_VARIABLE)
    if named:
        return Path(named), TOKEN_PATH_VARIABLE
    found = next((path for path in map(Path, POD_TOKENS) if path.is_file()), None)
    if found is None:
        raise BadInput(
            "kubeflow.auth: in_cluster is for pods, and this is none: there is no token at " + " or ".join(POD_TOKENS),
            "Use auth: kubeconfig here",
        )
    return found, "kubeflow.auth"


def _client(host: str, settings: KubeflowApi, auth: httpx.Auth | None) -> httpx.Client:
    verify: ssl.SSLContext | bool = True
    if settings.ca_file:
        path = _expanded(settings.ca_file)
        try:
            verify = ssl.create_default_context(cafile=str(path))
        except OSError as error:  # an SSLError is one
            reason = error.strerror if not isinstance(error, ssl.SSLError) else "it has no PEM certificates"
            raise BadInput(f"kubeflow.ca_file: {path} cannot be used: {(reason or str(error))}") from None
    return _new(host.rstrip("/"), verify, auth)


def _new(base: str, verify: ssl.SSLContext | bool, auth: Any) -> httpx.Client:
    import httpx

    return httpx.Client(base_url=base, verify=verify, auth=auth, timeout=_SECONDS, follow_redirects=False)


def _header(make: Callable[[], tuple[str, str]]) -> httpx.Auth:
    """An authentication that writes one header, made anew for each request."""
    import httpx

    class Header(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            name, value = make()
            request.headers[name] = value
            yield request

    return Header()


def _expanded(name: str) -> Path:
    return Path(name).expanduser()


def _read(path: Path, key: str) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BadInput(f"{key}: {path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{key}: {path} is not text") from None
    if not text or any(character in text for character in "\r\n"):
        raise BadInput(f"{key}: {path} must hold one line")
    return text
