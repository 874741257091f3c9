"""The gateway as clients and the supervisor meet it: a real process, stand-ins for model servers that can misbehave."""

import json
import signal
import socket
import stat
import subprocess
import threading

import httpx
import pytest

from penstock.sdk import PenstockError
from penstock.serving.gateway.routing import Route, choose
from penstock.serving.load_test.open_loop import run_open_loop
from penstock.serving.load_test.target import Target
from penstock.serving.prediction_log import NO_ANSWER
from tests.servers.gateway import PYTHON, REPOSITORY, Gateway, until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PYTHON.exists(), reason="no serving environment (make setup)")]

ROW = {"carrier": "AA"}
ONLY_A = Route(stable="a", step="all")
CANARY = Route(stable="a", candidate="b", canary_percent=30, step="canary-30")
SHADOW = Route(stable="a", candidate="b", shadow_percent=100, step="shadow-100")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Gateway(tmp_path_factory.mktemp("gateway"), "--waiting-seconds", "20", "--answer-seconds", "5") as gateway:
        yield gateway


@pytest.fixture
def gateway(running):
    running.reset(ONLY_A)
    return running


@pytest.fixture
def another(tmp_path):
    """A gateway that may be ended."""
    with Gateway(tmp_path) as gateway:
        gateway.client.set_route(ONLY_A)
        yield gateway


def id_for(route, assigned):
    return next(f"id-{n}" for n in range(1000) if choose(f"id-{n}", route).assigned == assigned)


def test_an_answer_names_its_request_and_its_bundle_and_is_logged(gateway):
    given = gateway.predict(ROW, {"carrier": None}, id="mine")
    assert given.json() == {"predictions": [{"score": 0.25}] * 2}
    assert (given.headers["x-request-id"], given.headers["penstock-bundle"]) == ("mine", "sha256:a")
    made = gateway.predict(ROW).headers["x-request-id"]
    assert len(made) == 32
    first, second = gateway.logged(2)
    assert (first.request_id, second.request_id) == ("mine", made)
    assert (first.role, first.assigned, first.backend, first.digest) == ("stable", "stable", "a", "sha256:a")
    assert (first.step, first.delivered, first.status_code) == ("all", True, 200)
    assert first.route_revision == gateway.client.state()["revision"]
    assert (first.rows, first.scores) == (2, ((0.25,), (0.25,)))
    assert first.feature_rows() == [ROW, {"carrier": None}]
    assert 0 < first.latency_ms < 5000


def test_an_id_that_could_do_harm_is_replaced(gateway):
    for bad in ("", "a b", "x" * 129, "ü"):
        answer = gateway.http.post(
            "/v1/models/m:predict", json={"instances": [ROW]}, headers={"x-request-id": bad.encode("latin-1")}
        )
        assert answer.headers["x-request-id"] != bad
        assert len(answer.headers["x-request-id"]) == 32


def test_the_model_server_gets_the_request_as_it_came_with_its_id_once(gateway):
    answer = gateway.http.post(
        "/v1/models/small:predict?x=1",
        content=json.dumps({"instances": [{"do": "echo"}]}),
        headers={
            "ce-id": "seven",
            "x-request-id": "eight",
            "connection": "close",
            "x-kept": "yes",
            "penstock-shadow": "1",
        },
    ).json()
    head = answer["head"].lower()
    assert head.startswith("post /v1/models/small:predict?x=1 http/1.1")
    assert head.count("ce-id: seven\r\n") == head.count("x-request-id: seven\r\n") == 1
    assert "x-kept: yes" in head
    assert "connection:" not in head
    assert "penstock-shadow" not in head


def test_the_weights_hold_and_the_same_id_meets_the_same_bundle(gateway):
    gateway.client.set_route(CANARY)
    ids = [f"r{n}" for n in range(200)]
    first = {id: gateway.predict(ROW, id=id).headers["penstock-bundle"] for id in ids}
    assert first == {id: "sha256:" + choose(id, CANARY).backends[0] for id in ids}
    assert 35 <= list(first.values()).count("sha256:b") <= 85
    wider = CANARY.model_copy(update={"canary_percent": 60.0})
    gateway.client.set_route(wider)
    second = {id: gateway.predict(ROW, id=id).headers["penstock-bundle"] for id in ids}
    assert {id for id in ids if first[id] == "sha256:b"} < {id for id in ids if second[id] == "sha256:b"}


def test_a_shadow_gets_what_users_ask_and_answers_nobody(gateway):
    gateway.client.set_route(SHADOW)
    for n in range(10):
        assert gateway.predict(ROW, id=f"s{n}").headers["penstock-bundle"] == "sha256:a"
    records = gateway.logged(20)
    shadow = {r.request_id: r for r in records if r.role == "shadow"}
    stable = {r.request_id: r for r in records if r.role == "stable"}
    assert shadow.keys() == stable.keys() == {f"s{n}" for n in range(10)}
    assert {(r.digest, r.scores, r.delivered) for r in shadow.values()} == {("sha256:b", ((0.75,),), False)}
    assert all(r.delivered for r in stable.values())


def test_a_slow_shadow_holds_nobody_up_and_too_many_mirrors_are_dropped_and_counted(gateway):
    gateway.client.set_route(SHADOW)
    before = gateway.metric("penstock_gateway_mirrors_dropped_total")
    gateway.servers["b"].process.send_signal(signal.SIGSTOP)
    try:
        for _ in range(80):
            assert gateway.predict(ROW).status_code == 200
        assert gateway.metric("penstock_gateway_mirrors_dropped_total") - before == 80 - 64
    finally:
        gateway.servers["b"].process.send_signal(signal.SIGCONT)


def test_a_dead_shadow_is_no_harm(gateway):
    gateway.client.set_route(SHADOW)
    gateway.servers["b"].kill()
    assert {gateway.predict(ROW).status_code for _ in range(20)} == {200}


@pytest.mark.parametrize("how", ["die", "half"])
def test_a_request_whose_server_dies_in_the_middle_is_answered_by_the_other(gateway, how):
    """The request itself kills: the canary dies of it, then the stable one; it is not tried on a third."""
    gateway.client.set_route(CANARY)
    answer = gateway.predict({"do": how}, id=id_for(CANARY, "canary"))
    assert answer.status_code == 502
    assert [gateway.servers[name].process.wait(10) for name in "ab"] == [9, 9]
    broken = gateway.logged(2)
    assert [(r.role, r.status_code, r.attempt, r.delivered) for r in broken] == [
        ("canary", NO_ANSWER, 1, False),
        ("stable", NO_ANSWER, 2, False),
    ]
    assert all("clos" in r.error or "broke" in r.error for r in broken)


def test_a_dead_canary_is_stood_in_for_by_the_stable(gateway):
    gateway.client.set_route(CANARY)
    gateway.servers["b"].kill()
    for n in range(20):
        answer = gateway.predict(ROW, id=f"d{n}")
        assert (answer.status_code, answer.headers["penstock-bundle"]) == (200, "sha256:a")
    assigned = [r for r in gateway.logged(20) if r.assigned == "canary" and r.delivered]
    assert assigned
    assert {r.role for r in assigned} == {"stable"}


def test_a_shadow_never_stands_in(gateway):
    """With the only server for users away, a request waits for it to come back."""
    gateway.client.set_route(SHADOW)
    gateway.servers["a"].kill()
    answers = []
    asking = threading.Thread(target=lambda: answers.append(gateway.predict(ROW)))
    asking.start()
    until(lambda: gateway.client.state()["waiting"] == 1)
    gateway.servers["a"].start()
    asking.join(30)
    assert [(a.status_code, a.headers["penstock-bundle"]) for a in answers] == [(200, "sha256:a")]


def test_who_waits_follows_the_route(gateway):
    gateway.servers["a"].kill()
    answers = []
    asking = threading.Thread(target=lambda: answers.append(gateway.predict(ROW)))
    asking.start()
    until(lambda: gateway.client.state()["waiting"] == 1)
    gateway.client.set_route(Route(stable="b"))
    asking.join(30)
    assert [(a.status_code, a.headers["penstock-bundle"]) for a in answers] == [(200, "sha256:b")]


def test_patience_ends(tmp_path):
    with Gateway(tmp_path, "--waiting-seconds", "0.3") as gateway:
        gateway.client.set_route(ONLY_A)
        gateway.servers["a"].kill()
        answer = gateway.predict(ROW)
        assert answer.status_code == 503
        assert "no model server answers" in answer.json()["error"]
        assert gateway.http.get("/readyz").status_code == 503
        assert gateway.http.get("/healthz").status_code == 200


def test_a_server_that_says_it_is_not_ready_is_passed_over(gateway):
    gateway.client.set_route(CANARY)
    answer = gateway.predict({"do": "away"}, id=id_for(CANARY, "canary"))
    assert answer.status_code == 503
    assert [r.status_code for r in gateway.logged(2)][:2] == [503, 503]


def test_an_error_of_the_model_is_the_users_answer_and_not_repeated(gateway):
    gateway.client.set_route(CANARY)
    answer = gateway.predict({"do": "fail"}, id=id_for(CANARY, "canary"))
    assert (answer.status_code, answer.json()) == (500, {"error": "fails"})
    (record,) = gateway.logged(1)
    assert (record.role, record.status_code, record.error, record.delivered) == ("canary", 500, "fails", True)


def test_a_server_that_hangs_is_given_up(gateway):
    gateway.client.set_route(CANARY)
    id = id_for(CANARY, "canary")
    gateway.servers["b"].process.send_signal(signal.SIGSTOP)
    try:
        answer = gateway.predict(ROW, id=id)
    finally:
        gateway.servers["b"].process.send_signal(signal.SIGCONT)
    assert (answer.status_code, answer.headers["penstock-bundle"]) == (200, "sha256:a")
    assert "no answer within 5 s" in gateway.logged(2)[0].error


def test_an_answer_in_chunks_is_passed_on_whole(gateway):
    answer = gateway.predict({"do": "chunks"})
    assert answer.json() == {"predictions": [{"score": 0.25}]}
    assert answer.headers["penstock-bundle"] == "sha256:a"


def test_no_request_fails_over_promotion_rollback_and_death_at_500_a_second(gateway):
    """Each of the two is killed and started again while it has users; the route moves both ways meanwhile."""
    gateway.client.set_route(CANARY)
    target = Target("127.0.0.1", gateway.port, "/v1/models/small:predict")
    body = json.dumps({"instances": [ROW]}).encode()
    happened = []

    def change(seconds):
        both = CANARY.model_copy(update={"canary_percent": 50.0})
        events = [
            gateway.servers["b"].kill,
            gateway.servers["b"].start,
            lambda: gateway.client.set_route(both),
            lambda: (until(lambda: gateway.is_up("b")), gateway.servers["a"].kill()),
            gateway.servers["a"].start,
            lambda: gateway.client.set_route(Route(stable="b", step="promoted")),
            lambda: (until(lambda: gateway.is_up("a")), gateway.client.set_route(ONLY_A)),
            lambda: gateway.client.set_route(CANARY),
        ]
        for event in events:
            threading.Event().wait(seconds / (len(events) + 1))
            event()
            happened.append(event)

    changing = threading.Thread(target=change, args=(6,))
    changing.start()
    report = run_open_loop(target, [body], rate=500, seconds=8)
    changing.join()
    assert len(happened) == 8
    assert (report.sent, report.errors, report.error_kinds) == (4000, 0, {})
    assert report.bundles.keys() == {"sha256:a", "sha256:b"}
    assert gateway.metric("penstock_gateway_unexpected_bundles_total") == 0
    delivered = [r for r in gateway.logged(4000) if r.delivered]
    assert len(delivered) == len({r.request_id for r in delivered}) == 4000


# What the supervisor may ask.


def test_the_admin_socket_is_for_this_user_alone(gateway):
    mode = (gateway.folder / "gateway.sock").stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) & 0o077 == 0


def test_a_route_is_refused_that_names_nobody_or_adds_up_to_nonsense(gateway):
    with pytest.raises(PenstockError, match="there is no backend 'c'"):
        gateway.client.set_route(Route(stable="c"))
    transport = httpx.HTTPTransport(uds=str(gateway.folder / "gateway.sock"))
    with httpx.Client(transport=transport, base_url="http://gateway") as admin:
        for route in ({"stable": "a", "candidate": "b", "canary_percent": 101}, {"stable": "a", "x": 1}, {}):
            assert admin.put("/route", json=route).status_code == 400
        assert admin.put("/backends/c", json={"addresses": ["nowhere"]}).status_code == 400
        assert admin.get("/nothing").status_code == 404
    assert gateway.client.state()["route"] == ONLY_A.model_dump()


def test_a_backend_goes_when_it_has_answered_what_it_was_asked(gateway):
    gateway.client.set_route(Route(stable="b"))
    answers = []
    asking = threading.Thread(target=lambda: answers.append(gateway.predict({"do": "wait", "seconds": 1.0})))
    asking.start()
    until(lambda: gateway.client.state()["backends"]["b"]["in_flight"] == 1)
    with pytest.raises(PenstockError, match="the route names 'b'"):
        gateway.client.remove_backend("b")
    gateway.client.set_route(ONLY_A)
    assert "b" not in gateway.client.remove_backend("b")["backends"]
    asking.join(10)
    assert [a.headers["penstock-bundle"] for a in answers] == ["sha256:b"]


def test_sigterm_answers_what_was_asked_and_writes_the_log(another):
    answers = []
    asking = threading.Thread(target=lambda: answers.append(another.predict({"do": "wait", "seconds": 1.0})))
    asking.start()
    until(lambda: another.client.state()["in_flight"] == 1)
    assert another.stop() == 0
    asking.join(10)
    assert [a.status_code for a in answers] == [200]
    assert len(another.logged(1)) == 1
    assert not (another.folder / "gateway.sock").exists()


def test_it_ends_with_whoever_started_it(another):
    another.process.stdin.close()
    assert another.process.wait(20) == 0


def test_a_taken_port_is_told_in_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [str(PYTHON), "-m", "penstock.serving.gateway", "--port", port, "--admin", str(tmp_path / "s")]
        done = subprocess.run(
            command, capture_output=True, text=True, env={"PYTHONPATH": str(REPOSITORY / "src")}, check=False
        )
    assert done.returncode == 2
    assert done.stderr.startswith(f"penstock.serving.gateway: cannot listen on 127.0.0.1:{port}")
    assert len(done.stderr.splitlines()) == 1
