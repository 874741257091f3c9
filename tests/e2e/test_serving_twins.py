"""A gateway with real model servers of KServe, kept alive, and swapped: what a release does on one machine."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from penstock.sdk import BadInput, PenstockError
from penstock.serving.bundle import open_bundle
from penstock.serving.gateway.routing import Route, choose
from penstock.serving.load_test.open_loop import run_open_loop
from penstock.serving.load_test.target import target_of
from penstock.serving.prediction_log import NO_ANSWER, log_files, read_predictions
from penstock.serving.twins.local_serving import LocalServing, ServingOptions
from penstock.serving.twins.programs import Programs
from tests.servers.bundles import push
from tests.servers.gateway import PYTHON, REPOSITORY, until
from tests.unit.serving.small_model import ROWS, score_by_hand

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PYTHON.exists(), reason="no serving environment (make setup)")]
READY_SECONDS = 300.0
PROGRAMS = Programs(PYTHON, (REPOSITORY / "src",))


@pytest.fixture(scope="module")
def bundles(small_models, tmp_path_factory):
    """Two bundles of the same model, which differ in their names, and one whose model does not load."""
    folder = tmp_path_factory.mktemp("bundles")
    made = {name: push(small_models / "good", folder, name) for name in ("one", "two")}
    return made | {"broken": push(small_models / "good", folder, "broken", saved_model=b"no model")}


@pytest.fixture(scope="module")
def serving(bundles, tmp_path_factory):
    """Bundle `one` on `a` for everybody, `two` on `b` beside it."""
    said = []
    with socket.create_server(("127.0.0.1", 0)) as found:
        grpc_port = found.getsockname()[1]
    options = ServingOptions("small", port=0, grpc_port=grpc_port, log_file_seconds=0.2, waiting_seconds=120)
    with LocalServing(PROGRAMS, tmp_path_factory.mktemp("serving"), options, tell=said.append) as both:
        both.start("a", bundles["one"])
        both.start("b", bundles["two"])
        for name in ("a", "b"):
            both.wait_until_ready(name, READY_SECONDS)
        both.said = said
        yield both


def ask(serving, **headers):
    answer = httpx.post(serving.url, json={"instances": ROWS}, headers=headers, timeout=120)
    scores = [p["score"] for p in answer.json().get("predictions", [])]
    assert scores == pytest.approx([score_by_hand(row) for row in ROWS], abs=1e-6), answer.text
    return answer.headers["penstock-bundle"]


def test_a_route_moves_everybody_in_one_write(serving, bundles):
    serving.set_route(Route(stable="a", candidate="b", canary_percent=100))
    assert ask(serving) == bundles["two"].digest
    serving.set_route(Route(stable="a"))
    assert ask(serving) == bundles["one"].digest
    assert serving.bundles() == {"a": bundles["one"].digest, "b": bundles["two"].digest}


def test_a_killed_model_server_is_started_again_and_nobody_is_failed(serving, bundles):
    """Twenty requests a second, so that a busy machine can keep it: each of the two dies while it has users."""
    serving.set_route(Route(stable="a", candidate="b", canary_percent=50, step="canary-50"))
    bodies = [json.dumps({"instances": [row]}).encode() for row in ROWS]
    reports = []
    loading = threading.Thread(
        target=lambda: reports.append(run_open_loop(target_of(serving.url), bodies, rate=20, seconds=10))
    )
    loading.start()
    for name in ("a", "b"):
        pid = pid_of(serving, name)
        threading.Event().wait(1)
        os.kill(pid, signal.SIGKILL)
        until(lambda name=name, pid=pid: pid_of(serving, name) != pid)
        serving.wait_until_ready(name, READY_SECONDS)
    loading.join()
    (report,) = reports
    assert (report.sent, report.errors, report.error_kinds) == (200, 0, {})
    assert report.bundles.keys() == {bundles["one"].digest, bundles["two"].digest}
    assert [line for line in serving.said if "was killed by SIGKILL; it is started again at once" in line]
    answered = {r.digest for r in read_predictions(log_files(serving.log_folder)) if r.delivered}
    assert answered == report.bundles.keys()


def test_a_killed_gateway_comes_back_with_its_weights(serving, bundles):
    """The same requests meet the same bundles as before."""
    route = Route(stable="b", candidate="a", canary_percent=30, step="canary-30")
    by_name = {"a": bundles["one"].digest, "b": bundles["two"].digest}
    serving.set_route(route)
    pid = serving.state()["gateway"]["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: serving.state()["gateway"]["pid"] != pid)
    ids = [f"weighed-{n}" for n in range(20)]
    wanted = {id: by_name[choose(id, route).backends[0]] for id in ids}
    assert {id: ask(serving, **{"x-request-id": id}) for id in ids} == wanted
    assert set(wanted.values()) == set(by_name.values())
    assert serving.gateway.state()["route"] == route.model_dump()


def pid_of(serving, name, number=0):
    return serving.state()["twins"][name]["processes"][number]["pid"]


def ask_grpc(serving, request_id, rows, model="small"):
    address = f"127.0.0.1:{serving.options.grpc_port}"
    command = [str(PYTHON), "-m", "tests.servers.grpc_client", address, request_id, model, json.dumps(rows)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_grpc_follows_the_route_and_is_logged(serving, bundles):
    serving.set_route(Route(stable="a", candidate="b", canary_percent=100, step="all"))
    answer = ask_grpc(serving, "by-grpc", ROWS)
    assert answer["scores"] == pytest.approx([score_by_hand(row) for row in ROWS], abs=1e-6)
    assert answer["metadata"]["penstock-bundle"] == bundles["two"].digest
    assert answer["metadata"]["x-request-id"] == "by-grpc"
    assert answer["ready"]
    (record,) = logged(serving, "by-grpc", 1)
    assert (record.protocol, record.model_name, record.role, record.rows) == ("grpc", "small", "canary", len(ROWS))
    assert [score for (score,) in record.scores] == pytest.approx(answer["scores"])
    assert record.feature_rows()[0] == ROWS[0]
    wrong = ask_grpc(serving, "wrong", ROWS, model="other")
    assert wrong["code"] == "NOT_FOUND"


def logged(serving, request_id, count):
    """What the prediction log has of a request, once that is so many records."""

    def found():
        return [r for r in read_predictions(log_files(serving.log_folder)) if r.request_id == request_id]

    until(lambda: len(found()) >= count)
    return found()


def test_grpc_is_mirrored_to_the_shadow(serving, bundles):
    serving.set_route(Route(stable="a", candidate="b", shadow_percent=100, step="shadow"))
    answer = ask_grpc(serving, "mirrored", ROWS)
    assert answer["metadata"]["penstock-bundle"] == bundles["one"].digest
    records = {r.role: r for r in logged(serving, "mirrored", 2)}
    assert {role: (r.digest, r.delivered, r.status_code) for role, r in records.items()} == {
        "stable": (bundles["one"].digest, True, 200),
        "shadow": (bundles["two"].digest, False, 200),
    }
    assert records["shadow"].scores == records["stable"].scores
    assert records["shadow"].features == records["stable"].features


def test_grpc_without_an_id_is_given_one(serving):
    serving.set_route(Route(stable="a"))
    made = ask_grpc(serving, "", ROWS)["metadata"]["x-request-id"]
    assert len(made) == 32
    assert [r.delivered for r in logged(serving, made, 1)] == [True]


def held_by_b(serving, request_id):
    """Have `b` hold a request, stopped so that it surely does; its process, and how to wait for the answer."""
    pid, answers = pid_of(serving, "b"), []
    os.kill(pid, signal.SIGSTOP)
    asking = threading.Thread(target=lambda: answers.append(ask_grpc(serving, request_id, ROWS)))
    asking.start()
    until(lambda: serving.gateway.state()["backends"]["b"]["in_flight"] == 1)

    def answered():
        asking.join()
        return answers[0]

    return pid, answered


def test_grpc_whose_server_dies_in_the_middle_is_answered_by_the_other(serving, bundles):
    serving.set_route(Route(stable="a", candidate="b", canary_percent=100, step="all"))
    pid, answered = held_by_b(serving, "orphan")
    os.kill(pid, signal.SIGKILL)
    answer = answered()
    assert answer["scores"] == pytest.approx([score_by_hand(row) for row in ROWS], abs=1e-6)
    assert answer["metadata"]["penstock-bundle"] == bundles["one"].digest
    tries = [(r.role, r.attempt, r.status_code, r.delivered) for r in logged(serving, "orphan", 2)]
    assert tries == [("canary", 1, NO_ANSWER, False), ("stable", 2, 200, True)]
    serving.wait_until_ready("b", READY_SECONDS)
    assert ask_grpc(serving, "again", ROWS)["metadata"]["penstock-bundle"] == bundles["two"].digest


def test_grpc_waits_where_both_servers_are_dead(serving, bundles):
    serving.set_route(Route(stable="a", candidate="b", canary_percent=100, step="all"))
    assert ask_grpc(serving, "connects", ROWS)["metadata"]["penstock-bundle"] == bundles["two"].digest
    stopped, answered = held_by_b(serving, "waits")
    os.kill(pid_of(serving, "a"), signal.SIGKILL)
    until(lambda: not serving.is_ready("a"))  # else its own connection may break, too: twice is once too often
    os.kill(stopped, signal.SIGKILL)
    answer = answered()
    assert answer["scores"] == pytest.approx([score_by_hand(row) for row in ROWS], abs=1e-6)
    tries = [(r.role, r.status_code, r.delivered) for r in logged(serving, "waits", 2)]
    assert (tries[0], tries[-1][1:]) == (("canary", NO_ANSWER, False), (200, True))
    for name in ("a", "b"):
        serving.wait_until_ready(name, READY_SECONDS)


def test_what_is_on_the_route_is_not_stopped(serving):
    serving.set_route(Route(stable="a", candidate="b"))
    for name in ("a", "b"):
        with pytest.raises(PenstockError, match="is on the route"):
            serving.stop(name)
    with pytest.raises(BadInput, match="a is serving already"):
        serving.start("a", next(iter([None])))  # type: ignore[arg-type]


def test_a_bundle_that_cannot_be_served_is_told_and_the_present_one_goes_on(serving, bundles):
    serving.set_route(Route(stable="a"))
    with pytest.raises(PenstockError, match=r"b cannot serve: it ended with exit code 3: .*does not load"):
        serving.swap(bundles["broken"], READY_SECONDS)
    assert ask(serving) == bundles["one"].digest


def test_a_swap_leaves_one_bundle_serving(serving, bundles):
    serving.set_route(Route(stable="a"))
    assert serving.swap(bundles["two"], READY_SECONDS) == "b"
    assert serving.bundles() == {"b": bundles["two"].digest}
    assert ask(serving) == bundles["two"].digest


def test_one_of_two_processes_dies_and_nobody_is_failed(serving, bundles):
    name = serving.swap(bundles["one"], READY_SECONDS, processes=2)
    bodies = [json.dumps({"instances": [row]}).encode() for row in ROWS]
    reports = []
    loading = threading.Thread(
        target=lambda: reports.append(run_open_loop(target_of(serving.url), bodies, rate=20, seconds=10))
    )
    loading.start()
    threading.Event().wait(1)
    died, other = pid_of(serving, name), pid_of(serving, name, 1)
    os.kill(died, signal.SIGKILL)
    until(lambda: pid_of(serving, name) != died)
    loading.join()
    (report,) = reports
    assert (report.sent, report.errors, report.error_kinds) == (200, 0, {})
    serving.wait_until_ready(name, READY_SECONDS)
    processes = serving.state()["twins"][name]["processes"]
    assert [(p["phase"], p["restarts"]) for p in processes] == [("running", 1), ("running", 0)]
    assert processes[1]["pid"] == other
    assert len({e["address"] for e in serving.gateway.state()["backends"][name]["endpoints"] if e["up"]}) == 2


def test_one_folder_is_one_servings(serving):
    with pytest.raises(BadInput, match="is being served already"):
        LocalServing(PROGRAMS, serving.folder, ServingOptions("small", port=0))


def test_a_taken_port_is_told(serving, tmp_path):
    with pytest.raises(BadInput, match=f"cannot listen on 127.0.0.1:{serving.port}: address already in use"):
        LocalServing(PROGRAMS, tmp_path, ServingOptions("small", port=serving.port))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda path: (path / "manifest.json").unlink(), "is no release bundle"),
        (lambda path: (path / "manifest.json").write_text("{}"), "cannot be read"),
        (lambda path: (path / "schema.pbtxt").unlink(), "schema.pbtxt is missing"),
        (lambda path: (path / "model/features.json").write_text("{}"), "features.json is not what was pushed"),
        (lambda path: (path / "model/more").write_text("x"), "model/more does not belong to it"),
    ],
)
def test_a_damaged_bundle_is_never_served(bundles, tmp_path, damage, says):
    copy = Path(shutil.copytree(bundles["one"].path, tmp_path / "bundle", copy_function=shutil.copyfile))
    damage(copy)
    with pytest.raises(BadInput, match=says):
        open_bundle(copy)


def test_the_command_serves_a_bundle_until_it_is_told_to_end(bundles, tmp_path):
    command = [sys.executable, "-c", "from penstock.cli.main import main; main()", "--home", str(tmp_path), "serve"]
    command += ["--bundle", str(bundles["one"].path), "--port", "0"]
    serve = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    url = serve.stdout.readline().split()[0]
    answer = httpx.post(url, json={"instances": ROWS[:1]}, timeout=120)
    serve.terminate()
    _, said = serve.communicate(timeout=60)
    assert (answer.status_code, answer.headers["penstock-bundle"]) == (200, bundles["one"].digest)
    assert (serve.returncode, said.splitlines()[-1]) == (0, "answering what was asked, then ending")
    assert len(list(read_predictions(log_files(tmp_path / "serving/one/predictions")))) == 1
