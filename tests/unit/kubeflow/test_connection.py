"""Being let in, being refused, and a server that is away: over real sockets, against the stand-in."""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse

from penstock.kubeflow.api import Kubeflow, open_kubeflow
from penstock.kubeflow.cluster import find_nodes
from penstock.kubeflow.connection import TOKEN_PATH_VARIABLE, connect
from penstock.kubeflow.sending import Refused, Sender, Unreachable
from penstock.profiles.cluster import ClusterProfile, KubeflowApi
from penstock.sdk import BadInput, ExitCode, PenstockError
from tests.servers.kubeflow import KubeflowStandIn, serving
from tests.servers.processes import free_port

NOT_NOW = JSONResponse({"code": 14, "message": "upstream connect error"}, 503)


@pytest.fixture
def server() -> Iterator[tuple[KubeflowStandIn, str]]:
    stand_in = KubeflowStandIn()
    with serving(stand_in.app()) as port:
        yield stand_in, f"http://127.0.0.1:{port}"


def client(url: str, patience: float = 5.0, **settings: str) -> Kubeflow:
    api = KubeflowApi.model_validate({"host": url, "auth": "none", **settings})
    return open_kubeflow(ClusterProfile(kubeflow=api), patience_seconds=patience)


def web_token(ends: datetime) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256'})}.{part({'exp': ends.timestamp()})}.c2lnbmF0dXJl"


def test_a_token_is_read_again_at_each_call(server: tuple[KubeflowStandIn, str], tmp_path: Path) -> None:
    stand_in, url = server
    token = tmp_path / "token"
    token.write_text("first\n")
    kubeflow = client(url, auth="token", token_file=str(token))
    stand_in.lets_in = "first"
    assert kubeflow.recurring_runs() == []
    stand_in.lets_in = "second"
    with pytest.raises(
        Refused,
        match=r"does not take the token in .*token. Expired, or made for another server \(audience\)\? Get new ones",
    ):
        kubeflow.recurring_runs()
    token.write_text("second\n")
    assert kubeflow.recurring_runs() == []


def test_an_expired_token_is_said_to_have_expired_and_never_shown(
    server: tuple[KubeflowStandIn, str], tmp_path: Path
) -> None:
    stand_in, url = server
    stand_in.lets_in = "another"
    token = tmp_path / "token"
    secret = web_token(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    token.write_text(secret)
    kubeflow = client(url, auth="token", token_file=str(token))
    with pytest.raises(
        Refused, match=r"the token in .*token has expired, on 2026-01-02 03:04:05 UTC. Get a new"
    ) as told:
        kubeflow.recurring_runs()
    assert told.value.exit_code is ExitCode.BAD_INPUT
    assert secret not in str(told.value)
    assert len(stand_in.requests) == 1, "what is refused is not asked again"
    token.write_text(web_token(datetime.now(UTC) + timedelta(days=1)))
    with pytest.raises(Refused, match="does not take the token"):
        kubeflow.recurring_runs()


def test_cookies_are_sent_and_a_login_page_is_a_refusal(server: tuple[KubeflowStandIn, str], tmp_path: Path) -> None:
    stand_in, url = server
    cookies = tmp_path / "cookies"
    cookies.write_text("authservice_session=abc; other=d\n")
    kubeflow = client(url, auth="cookies", cookies_file=str(cookies))
    kubeflow.recurring_runs()
    assert stand_in.requests[-1][2]["cookie"] == "authservice_session=abc; other=d"
    denied = (
        "Failed to list runs: Check access: PermissionDenied: User 'a' is not authorized with reason: (request: &R{})"
    )
    stand_in.failures.append(JSONResponse({"code": 7, "message": denied}, 403))
    with pytest.raises(Refused, match=r"does not allow this with the cookies in .*: User 'a' is not authorized$"):
        kubeflow.recurring_runs()
    for page in (RedirectResponse("https://login.example.com/", 302), HTMLResponse("<form>"), HTMLResponse("no", 403)):
        stand_in.failures.append(page)
        with pytest.raises(Refused, match=r"cookies in .*cookies"):
            kubeflow.recurring_runs()


def test_a_pod_finds_its_token(
    server: tuple[KubeflowStandIn, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in, url = server
    stand_in.lets_in = "of a pod"
    (tmp_path / "token").write_text("of a pod")
    monkeypatch.setenv(TOKEN_PATH_VARIABLE, str(tmp_path / "token"))
    assert client(url, auth="in_cluster").recurring_runs() == []
    assert connect(KubeflowApi(auth="in_cluster")).where == "http://ml-pipeline.kubeflow.svc:8888"
    monkeypatch.delenv(TOKEN_PATH_VARIABLE)
    monkeypatch.setattr("penstock.kubeflow.connection.POD_TOKENS", (str(tmp_path / "none"),))
    with pytest.raises(BadInput, match=r"in_cluster is for pods, and this is none"):
        client(url, auth="in_cluster")


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), (b"", "must hold one line"), (b"a\nb", "must hold one line"), (b"\xff\xfe", "not text")],
)
def test_a_file_of_credentials_that_is_none_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(BadInput, match=f"kubeflow.token_file: .*{message}"):
        client("http://127.0.0.1:1", auth="token", token_file=str(tmp_path / "token"))


def test_what_may_pass_is_tried_again(server: tuple[KubeflowStandIn, str]) -> None:
    stand_in, url = server
    stand_in.failures += [NOT_NOW, NOT_NOW, PlainTextResponse("bad gateway", 502)]
    assert client(url).recurring_runs() == []
    assert len(stand_in.requests) == 4


def test_a_run_is_not_started_twice(server: tuple[KubeflowStandIn, str]) -> None:
    stand_in, url = server
    stand_in.failures.append(NOT_NOW)
    sender = Sender(connect(KubeflowApi(host=url, auth="none")), 5.0)
    with pytest.raises(PenstockError, match=r"failed: 503 upstream connect error"):
        sender.send("POST", "/apis/v2beta1/runs", json={}, twice=False)
    assert len(stand_in.requests) == 1


def test_a_server_that_is_away_is_told_in_one_line() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    began = time.monotonic()
    with pytest.raises(Unreachable, match=rf"{url} cannot be reached: .*refused. It was tried for 1 s") as told:
        client(url, patience=1.0).recurring_runs()
    assert 0.5 < time.monotonic() - began < 10
    assert told.value.exit_code is ExitCode.ERROR
    assert "\n" not in str(told.value)


def test_another_server_is_seen_to_be_another(server: tuple[KubeflowStandIn, str]) -> None:
    stand_in, url = server
    stand_in.failures.append(PlainTextResponse("404 page not found", 404))
    with pytest.raises(PenstockError, match=r"is no API server of Kubeflow Pipelines: 404 at /apis/v2beta1/recurring"):
        client(url).recurring_runs()


def test_a_certificate_is_checked(tmp_path: Path) -> None:
    certificate, key = tmp_path / "server.crt", tmp_path / "server.key"
    _write_certificate(certificate, key)
    with serving(KubeflowStandIn().app(), ssl_certfile=str(certificate), ssl_keyfile=str(key)) as port:
        url = f"https://127.0.0.1:{port}"
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"its certificate is not trusted: .* Set kubeflow.ca_file"):
            client(url, patience=30.0).recurring_runs()
        assert time.monotonic() - began < 10, "that does not pass by itself"
        assert client(url, ca_file=str(certificate)).recurring_runs() == []
    with pytest.raises(BadInput, match=r"kubeflow.ca_file: .* cannot be used: it has no PEM certificates"):
        client(url, ca_file=str(key))
    with pytest.raises(BadInput, match=r"kubeflow.ca_file: .*missing cannot be used: No such file"):
        client(url, ca_file=str(tmp_path / "missing"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"auth": "token", "host": "https://a.example.com"}, "token_file"),
        ({"auth": "cookies", "host": "https://a.example.com"}, "cookies_file"),
        ({"auth": "token", "token_file": "t"}, "needs host"),
        ({"auth": "kubeconfig", "host": "https://a.example.com"}, "leave host out"),
        ({"host": "a.example.com", "auth": "none"}, "host"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        KubeflowApi.model_validate(settings)


def test_no_kubeconfig_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with pytest.raises(BadInput, match=r"no kubeconfig can be used: .*Set KUBECONFIG"):
        connect(KubeflowApi())
    (tmp_path / "config").write_text("clusters: [not, a, kubeconfig\n")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with pytest.raises(PenstockError, match="kubeconfig"):
        connect(KubeflowApi())


def test_a_kubeconfig_may_name_no_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As for `kubectl proxy`, which asks for no credentials."""
    (tmp_path / "config").write_text(
        "{kind: Config, clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}],"
        " contexts: [{name: c, context: {cluster: c}}], current-context: c}"
    )
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    assert connect(KubeflowApi()).where.endswith("of http://127.0.0.1:9")
    assert find_nodes() is None


def _write_certificate(certificate: Path, key: Path) -> None:
    """A certificate for 127.0.0.1 that signs itself."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    key.write_bytes(private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    ssl.create_default_context(cafile=str(certificate))
