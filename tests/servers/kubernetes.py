"""A real kube-apiserver on etcd, for the tests marked `cluster`: one per session, up in seconds, gone with it.

A test that takes the API server away has one of its own (`started`).

It authenticates (static tokens, service accounts), authorizes (RBAC), admits (Pod Security, service accounts) and
validates (schemas, CEL) as any cluster does. No controller and no node runs: nothing is scheduled, a namespace gets no
default service account, and what was deleted with a finalizer stays. Tests keep apart by namespaces of their own.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from tests.servers.processes import WAIT_SECONDS, Program, free_port, serving
from tests.servers.tools import ROOT, tools

if TYPE_CHECKING:
    from lightkube import Client

ADMINISTRATOR = "administrator"
"""The static token of the group system:masters, on a server that lives as long as the tests."""
CERTIFICATE = "apiserver.crt"
"""The server writes it itself where it finds none."""
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
KUBECTL_SECONDS = 120
_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Cluster:
    """A kube-apiserver, and who asks it: the administrator, unless a token says otherwise."""

    url: str
    folder: Path
    """Its own folder: certificate, kubeconfigs, logs."""
    programs: Path
    """Where etcd, kube-apiserver and kubectl are."""
    server: Program
    """The kube-apiserver. Whoever kills it is alone with it; started again, it finds its store as it was."""

    @property
    def certificate(self) -> Path:
        """What the server's certificate is checked against."""
        return self.folder / CERTIFICATE

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.kubeconfig_of(ADMINISTRATOR)

    def client(self, namespace: str = "default", token: str = ADMINISTRATOR) -> Client:
        """A client of whom a token is."""
        from lightkube import Client, KubeConfig

        config = KubeConfig.from_file(self.kubeconfig_of(token))
        return Client(config=config, namespace=namespace, field_manager="tests", trust_env=False)

    def kubeconfig_of(self, token: str, namespace: str = "default") -> Path:
        """A kubeconfig file of whom a token is."""
        path = self.folder / f"{sha256(f'{token} {namespace}'.encode()).hexdigest()[:16]}.kubeconfig"
        server = {"server": self.url, "certificate-authority": str(self.certificate)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": server}],
            "users": [{"name": "someone", "user": {"token": token}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "someone", "namespace": namespace}}],
            "current-context": "tests",
        }
        path.write_text(yaml.safe_dump(config))
        return path

    def token_of(self, service_account: str, namespace: str, seconds: int = 3600) -> str:
        """A token of a service account, as its pods get one; the server gives none for less than 600 s."""
        return self.kubectl(
            "create", "token", service_account, f"--namespace={namespace}", f"--duration={seconds}s"
        ).strip()

    def make_namespace(self, stem: str, labels: Mapping[str, str] | None = None) -> str:
        """Make a namespace of one's own, with the default service account that a controller would make."""
        name = f"{stem}-{next(_NUMBERS)}"
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels or {})}}
        self.apply(namespace, _account(name))
        return name

    def apply(self, *objects: Mapping[str, Any]) -> str:
        """Apply objects server-side, strictly: what a schema does not know is refused."""
        return self.kubectl("apply", "--server-side", "--validate=strict", "-f", "-", text=yaml.safe_dump_all(objects))

    def install(self, *crds: Path) -> None:
        """Install CustomResourceDefinitions from files or folders, and wait until they are served."""
        files = [option for path in crds for option in ("-f", str(path))]
        names = self.kubectl("apply", "--server-side", "--recursive", "-o", "name", *files).split()
        # kubectl gives up at once on one that has no status yet.
        end = time.monotonic() + WAIT_SECONDS
        while (done := self.try_kubectl("wait", "--for=condition=established", "--timeout=60s", *names)).returncode:
            assert time.monotonic() < end, done.stderr
            time.sleep(0.2)

    def kubectl(self, *arguments: str, text: str = "", token: str = ADMINISTRATOR) -> str:
        """Call kubectl; a failure is an AssertionError with what it said."""
        done = self.try_kubectl(*arguments, text=text, token=token)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr or done.stdout}"
        return done.stdout

    def try_kubectl(
        self, *arguments: str, text: str = "", token: str = ADMINISTRATOR
    ) -> subprocess.CompletedProcess[str]:
        """Call kubectl, whatever comes of it."""
        command = [self.programs / "kubectl", f"--kubeconfig={self.kubeconfig_of(token)}", *arguments]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        return subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=KUBECTL_SECONDS, env=environment, check=False
        )


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The session's kube-apiserver."""
    with started() as made:
        yield made


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    """A namespace of this test's own, where Pod Security is `restricted`."""
    return cluster.make_namespace("test", RESTRICTED)


def crds(*names: str) -> list[Path]:
    """Files or folders of CustomResourceDefinitions by their place in the folder that holds them.

    That is the one that PENSTOCK_CRDS names, or `shared/crds` beside the repository. Without it, the test is skipped.
    """
    folder = Path(os.environ.get("PENSTOCK_CRDS") or ROOT.parent / "shared" / "crds")
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        pytest.skip(f"{folder} has no {', '.join(missing)}: PENSTOCK_CRDS names a folder of CRDs")
    return [folder / name for name in names]


@contextlib.contextmanager
def started() -> Iterator[Cluster]:
    """A kube-apiserver on an etcd of its own until the block ends."""
    with tempfile.TemporaryDirectory(prefix="penstock-cluster-", ignore_cleanup_errors=True) as folder:
        yield from _started(tools("kubernetes"), Path(folder))


def _started(programs: Path, folder: Path) -> Iterator[Cluster]:
    store, port = f"http://127.0.0.1:{free_port()}", free_port()
    _write_identities(folder)
    etcd = [str(programs / "etcd"), f"--data-dir={folder}/etcd", "--unsafe-no-fsync", f"--listen-client-urls={store}"]
    etcd += [f"--advertise-client-urls={store}", f"--listen-peer-urls=http://127.0.0.1:{free_port()}"]
    apiserver = [
        str(programs / "kube-apiserver"),
        f"--etcd-servers={store}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder}",
        f"--token-auth-file={folder}/tokens.csv",
        "--authorization-mode=Node,RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={folder}/accounts.key",
        f"--service-account-key-file={folder}/accounts.key",
        "--service-cluster-ip-range=10.0.0.0/24",
        # Privileged pods are Pod Security's to refuse, as in any cluster that runs a network plugin.
        "--allow-privileged=true",
        # It would write 127.0.0.1 into the Service `kubernetes`, which takes no loopback address.
        "--endpoint-reconciler-type=none",
        "--advertise-address=127.0.0.1",
    ]
    url = f"https://127.0.0.1:{port}"

    def is_ready() -> bool:
        trusted = ssl.create_default_context(cafile=folder / CERTIFICATE)
        headers = {"Authorization": f"Bearer {ADMINISTRATOR}"}
        answer = httpx.get(f"{url}/readyz", headers=headers, verify=trusted, trust_env=False)
        return answer.status_code == httpx.codes.OK

    def is_healthy() -> bool:
        return httpx.get(f"{store}/health", trust_env=False).status_code == httpx.codes.OK

    with (
        serving(etcd, folder / "etcd.log", is_healthy),
        serving(apiserver, folder / "kube-apiserver.log", is_ready) as server,
    ):
        cluster = Cluster(url, folder, programs, server)
        cluster.apply(_account("default"))
        yield cluster


def _account(namespace: str) -> dict[str, Any]:
    metadata = {"name": "default", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def _write_identities(folder: Path) -> None:
    """Write the administrator's token, and the key that service accounts' tokens are signed with."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "accounts.key").write_bytes(pem)
    (folder / "tokens.csv").write_text(f'{ADMINISTRATOR},{ADMINISTRATOR},0,"system:masters"\n')
