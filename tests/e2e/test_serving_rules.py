"""Rules and fallbacks as clients meet them: a real server, a model that fails on purpose, both protocols."""

import json
import os
import signal
import socket
import subprocess
from contextlib import contextmanager

import httpx
import pytest

from tests.e2e.test_serving_server import PYTHON, REPOSITORY, start, v2_inputs
from tests.unit.serving.small_model import ROWS, score_by_hand

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PYTHON.exists(), reason="no serving environment (make setup)")]

RULES = """
version: 7
rules:
  - name: cap-american
    why: few of them are as late as it says
    when: carrier == "AA" && score > 0.5
    clamp: {max: 0.5}
  - name: strike
    override: {by: carrier, scores: {ZZ: 1.0}}
  - name: unsure
    when: '!("distance" in missing)'
    suppress: {below_confidence: 0.55}
fallback: {score: 0.125}
examples:
  - row: {carrier: AA, temp: 30}
    score: 0.9
    expect: {score: 0.5, rules: [cap-american]}
  - row: {carrier: AA, temp: 30, distance: 100}
    score: 0.9
    expect: {score: null, rules: [cap-american, unsure]}
  - {row: {carrier: ZZ}, score: 0.9, expect: {score: 1.0, rules: [strike]}}
  - {row: {}, score: 0.52, expect: {score: 0.52}}
"""
HOT = {"carrier": "UA", "temp": 99.0, "distance": 10}


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    path.write_text(RULES)
    return path


@contextmanager
def serving(*arguments):
    listening = socket.create_server(("127.0.0.1", 0))
    fd = listening.fileno()
    server = start(*arguments, "--model-name", "small", "--fd", fd, pass_fds=[fd])
    base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    listening.close()
    try:
        with httpx.Client(base_url=base_url, timeout=120) as http:
            yield http
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)


@pytest.fixture(scope="module")
def client(small_models, rules):
    with serving("--model-dir", small_models / "fragile", "--rules", rules) as http:
        yield http


def v1(client, *rows):
    answer = client.post("/v1/models/small:predict", json={"instances": list(rows)})
    return answer, [p["score"] for p in answer.json().get("predictions", [])]


def v2(client, *rows):
    answer = client.post("/v2/models/small/infer", json={"inputs": v2_inputs(rows)})
    return answer, answer.json()["outputs"][0]["data"]


@pytest.mark.parametrize("ask", [v1, v2])
def test_rules_change_answers_and_say_so(client, ask):
    american = {"carrier": "AA", "temp": 30.0, "distance": None}
    answer, scores = ask(client, american)
    assert (answer.status_code, scores) == (200, [0.5])
    assert answer.headers["penstock-rules"] == "cap-american"
    answer, scores = ask(client, american | {"distance": 500}, american | {"carrier": "ZZ"}, american)
    assert scores == [None, 1.0, 0.5]
    assert answer.headers["penstock-rules"] == "cap-american,strike,unsure"


@pytest.mark.parametrize("ask", [v1, v2])
def test_rows_that_no_rule_speaks_of_keep_their_scores(client, ask):
    cold = {"carrier": "UA", "temp": -9.0, "distance": 5}
    answer, scores = ask(client, cold)
    assert scores == pytest.approx([score_by_hand(cold)], abs=1e-6)
    assert "penstock-rules" not in answer.headers
    assert "penstock-fallback" not in answer.headers


@pytest.mark.parametrize("ask", [v1, v2])
def test_when_the_model_fails_the_rules_answer_and_say_so(client, ask):
    answer, scores = ask(client, HOT, ROWS[0])
    assert (answer.status_code, scores) == (200, [0.125, 0.125])
    assert answer.headers["penstock-fallback"] == "rule;model_failed"


def test_input_that_does_not_fit_is_answered_by_the_rules(client):
    answer, scores = v1(client, {"carrier": 7, "temp": 1.0, "distance": 1}, {"carrier": "AA"})
    assert (answer.status_code, scores) == (200, [0.125, 0.125])
    assert answer.headers["penstock-fallback"] == "rule;bad_input"
    inputs = [{"name": "carrier", "datatype": "BYTES", "shape": [3], "data": ["a", "b", "c"]}]
    answer = client.post("/v2/models/small/infer", json={"inputs": inputs})
    assert answer.json()["outputs"][0]["data"] == [0.125] * 3


@pytest.mark.parametrize("body", ["", "no JSON", "{}", '{"instances": []}', '{"instances": 7}'])
def test_what_asks_for_no_rows_is_refused_as_ever(client, body):
    assert client.post("/v1/models/small:predict", content=body).status_code == 400


def test_what_fired_is_counted(client):
    v1(client, {"carrier": "ZZ", "temp": 1.0, "distance": None})
    v1(client, HOT)
    metrics = client.get("/metrics").text
    assert 'penstock_rules_fired_total{model_name="small",rule="strike"}' in metrics
    assert 'penstock_fallbacks_total{by="rule",model_name="small",reason="model_failed"}' in metrics


def test_another_model_answers_before_the_rules_do(small_models, rules):
    fallback = ["--fallback-dir", small_models / "good", "--rules", rules]
    with serving("--model-dir", small_models / "fragile", *fallback) as client:
        hot = HOT | {"distance": None}
        answer, scores = v1(client, hot)
        assert answer.headers["penstock-fallback"] == "bundle;model_failed"
        assert scores == pytest.approx([score_by_hand(hot)], abs=1e-6)
        answer, scores = v1(client, {"carrier": 7, "temp": 1.0, "distance": 1})
        assert (answer.headers["penstock-fallback"], scores) == ("rule;bad_input", [0.125])


def test_without_a_fallback_a_failing_model_is_an_error(small_models):
    with serving("--model-dir", small_models / "fragile") as client:
        assert v1(client, HOT)[0].status_code == 500
        assert v1(client, {"carrier": 7, "temp": 1.0, "distance": 1})[0].status_code == 400


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("carrier ==", "carier =="), "rule 'cap-american': when: at 1:1: undeclared reference to 'carier'"),
        (("score > 0.5", 'score > "x"'), "rule 'cap-american': when: at"),
        (("clamp: {max: 0.5}", "clamp: {mx: 0.5}"), "rules.yaml:7: rules.0.clamp.mx: Extra inputs are not permitted"),
    ],
)  # fmt: skip
def test_rules_that_cannot_be_applied_are_told_in_one_line(small_models, tmp_path, change, says):
    (tmp_path / "rules.yaml").write_text(RULES.replace(*change))
    server = start(
        "--model-dir", small_models / "good", "--rules", tmp_path / "rules.yaml", "--port", 0, "--host", "127.0.0.1"
    )
    _, errors = server.communicate(timeout=120)
    assert server.returncode == 3
    assert says in errors.decode().splitlines()[-1]


def check(rules, model, tmp_path):
    (tmp_path / "rules.yaml").write_text(rules)
    command = [str(PYTHON), "-m", "penstock.serving.rules", str(tmp_path / "rules.yaml"), "--model-dir", str(model)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def test_the_examples_in_the_file_are_worked_out(small_models, tmp_path):
    assert check(RULES, small_models / "good", tmp_path) == (0, [])
    wrong = RULES.replace("expect: {score: 1.0, rules: [strike]}", "expect: {score: 0.9, rules: [strike]}")
    assert check(wrong, small_models / "good", tmp_path) == (3, ["examples[2]: the answer is 1, not 0.9"])
    wrong = RULES.replace("score: 0.52}}", "score: 0.52, rules: [unsure]}}")
    assert check(wrong, small_models / "good", tmp_path) == (3, ["examples[3]: no rule changed it, not unsure"])
    assert check(RULES, small_models / "classes", tmp_path)[0] == 3


def test_rules_of_a_model_of_several_classes(small_models, tmp_path):
    rules = """
version: a
rules:
  - {name: never-late, when: 'label == "late" && scores[1] < 0.6', override: {score: [1, 0, 0]}}
  - {name: unsure, suppress: {below_confidence: 0.5}}
fallback: {score: [0.5, 0.25, 0.25]}
examples:
  - {row: {}, score: [0.2, 0.5, 0.3], expect: {score: [1, 0, 0], rules: [never-late]}}
  - {row: {}, score: [0.2, 0.4, 0.4], expect: {score: [1, 0, 0], rules: [never-late]}}
  - {row: {}, score: [0.4, 0.3, 0.3], expect: {score: null, rules: [unsure]}}
  - {row: {}, score: [0.2, 0.7, 0.1], expect: {score: [0.2, 0.7, 0.1]}}
"""
    assert check(rules, small_models / "classes", tmp_path) == (0, [])
    code, said = check(rules.replace("[0.5, 0.25, 0.25]", "0.5"), small_models / "classes", tmp_path)
    assert (code, said) == (3, ["fallback: a score of this model is a list of 3 numbers"])


def test_nothing_in_a_condition_reaches_python(small_models, tmp_path):
    """The language knows no attribute, import or call of Python's: such a file is refused, not run."""
    for evil in (
        "__import__('os').system('x')",
        "score.__class__ == 1",
        "open('/etc/passwd') == 1",
        "(lambda: true)()",
    ):
        code, said = check(
            RULES.replace('carrier == "AA" && score > 0.5', json.dumps(evil)), small_models / "good", tmp_path
        )
        assert code == 3
        assert said[0].startswith("rule 'cap-american': when:")
