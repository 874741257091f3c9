"""A model of several classes as clients meet it: a real server, a real SavedModel, both protocols."""

import json
import shutil
import signal
import socket
import struct
import subprocess
import sys

import httpx
import numpy as np
import pytest

from tests.e2e.test_serving_server import PYTHON, start, v2_inputs
from tests.unit.serving.small_model import CLASSES, ROWS, scores_by_hand

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PYTHON.exists(), reason="no serving environment (make setup)")]
EXPECTED = np.array([scores_by_hand(row) for row in ROWS])


@pytest.fixture(scope="module")
def client(small_models):
    listening = socket.create_server(("127.0.0.1", 0))
    fd = listening.fileno()
    server = start("--model-dir", small_models / "classes", "--model-name", "small", "--fd", fd, pass_fds=[fd])
    base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    listening.close()
    try:
        with httpx.Client(base_url=base_url, timeout=60) as http:
            yield http
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)
        assert server.returncode == 0


def test_v1_gives_a_probability_for_each_class(client):
    predictions = client.post("/v1/models/small:predict", json={"instances": ROWS}).json()["predictions"]
    assert [list(p) for p in predictions] == [["score"]] * len(ROWS)
    assert np.array([p["score"] for p in predictions]) == pytest.approx(EXPECTED, abs=1e-6)
    # temp 2, distance 500, carrier AA: softmax(0, 1.5, 0.2) = (1, 4.4817, 1.2214) / 6.7031
    assert predictions[0]["score"] == pytest.approx([0.149184, 0.668600, 0.182215], abs=1e-6)


def test_v2_gives_the_same_row_by_row_and_in_binary(client):
    body = {"inputs": v2_inputs(ROWS)}
    (output,) = client.post("/v2/models/small/infer", json=body).json()["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("score", "FP32", [len(ROWS), 3])
    assert np.array(output["data"]).reshape(-1, 3) == pytest.approx(EXPECTED, abs=1e-6)
    body["outputs"] = [{"name": "score", "parameters": {"binary_data": True}}]
    answer = client.post("/v2/models/small/infer", json=body)
    numbers = answer.content[int(answer.headers["inference-header-content-length"]) :]
    assert list(struct.unpack(f"<{3 * len(ROWS)}f", numbers)) == pytest.approx(output["data"], abs=1e-7)


def test_the_metadata_names_the_classes_in_the_order_of_the_scores(client):
    (output,) = client.get("/v2/models/small").json()["outputs"]
    assert output == {
        "name": "score",
        "datatype": "FP32",
        "shape": [-1, 3],
        "parameters": {"task": "multiclass", "classes": CLASSES},
    }


def test_a_name_in_its_original_spelling_is_told_the_one_that_the_model_has(client):
    row = {"Carrier": "AA", "temp": 2.0, "distance": 500}
    answer = client.post("/v1/models/small:predict", json={"instances": [row]})
    assert answer.status_code == 400
    assert answer.json()["error"] == "instances[0] has an unknown feature 'Carrier'; did you mean 'carrier'?"


def test_the_load_test_takes_its_answers(client, tmp_path):
    bodies = tmp_path / "bodies"
    bodies.write_text("".join(json.dumps({"instances": [row]}) + "\n" for row in ROWS))
    command = [sys.executable, "-m", "penstock.serving.load_test", f"{client.base_url}/v1/models/small:predict"]
    done = subprocess.run(
        [*command, "--bodies", str(bodies), "--rate", "30", "--seconds", "1"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    report = json.loads(done.stdout)
    assert (report["verdict"], report["answered"], report["error_kinds"]) == ("Successful", 30, {})


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ({"kind": "multiclass", "classes": ["a", "b"]}, "puts out scores of shape (1, 3) for 1 rows, not (1, 2)"),
        ({"kind": "binary"}, "puts out scores of shape (1, 3) for 1 rows, not (1, 1)"),
        ({"kind": "multiclass", "classes": ["a"]}, "at least two classes; it names 1"),
        ({"kind": "ranking"}, "task.json: kind: Input should be 'binary', 'multiclass' or 'regression'"),
    ],
)
def test_a_task_that_is_not_the_models_is_refused_at_the_start(small_models, tmp_path, task, said):
    folder = shutil.copytree(small_models / "classes", tmp_path / "model")
    (folder / "task.json").write_text(json.dumps(task))
    server = start("--model-dir", folder, "--port", 0, "--host", "127.0.0.1")
    _, error = server.communicate(timeout=60)
    assert server.returncode == 3
    assert said in error.decode()
