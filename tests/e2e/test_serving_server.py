"""The model server as clients meet it: a real process in the serving environment, a real SavedModel, real HTTP."""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.serving.small_model import RAW, ROWS, score_by_hand

REPOSITORY = Path(__file__).parents[2]
PYTHON = REPOSITORY / ".venv-serving/bin/python"
DATATYPES = {"carrier": "BYTES", "temp": "FP32", "distance": "INT64"}
JSON = {"content-type": "application/json"}

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PYTHON.exists(), reason="no serving environment (make setup)")]


@pytest.fixture(scope="module")
def model(small_models):
    return small_models / "good"


def start(*arguments, **options):
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY / 'src'}:{REPOSITORY}"}
    command = [str(PYTHON), "-m", "penstock.serving.server", *map(str, arguments)]
    return subprocess.Popen(command, cwd=REPOSITORY, env=environment, stderr=subprocess.PIPE, **options)


@pytest.fixture(scope="module")
def client(model):
    """A client of a running server; the socket is ours, so that no port has to be guessed."""
    listening = socket.create_server(("127.0.0.1", 0))
    fd = listening.fileno()
    server = start("--model-dir", model, "--model-name", "small", "--fd", fd, "--max-rows", 2000, pass_fds=[fd])
    base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    listening.close()
    try:
        with httpx.Client(base_url=base_url, timeout=60) as http:
            yield http
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)
        assert server.returncode == 0


def v1(client, rows):
    return client.post("/v1/models/small:predict", json={"instances": rows})


def v2_inputs(rows):
    return [
        {"name": n, "datatype": d, "shape": [len(rows)], "data": [r[n] for r in rows]} for n, d in DATATYPES.items()
    ]


def v2(client, rows, **more):
    return client.post("/v2/models/small/infer", json={"inputs": v2_inputs(rows), **more})


def test_ready_is_answered_once_the_model_has_predicted(client):
    """The first request waits in the socket's queue until there is something to say: no polling, no refusal."""
    assert client.get("/v2/models/small/ready").json() == {"name": "small", "ready": True}
    assert client.get("/v2/health/live").json() == {"live": True}
    metadata = client.get("/v2/models/small").json()
    assert {i["name"]: i["datatype"] for i in metadata["inputs"]} == DATATYPES
    assert metadata["outputs"] == [{"name": "score", "datatype": "FP32", "shape": [-1, 1]}]


def test_v1_scores_every_row_missing_values_included(client):
    predictions = v1(client, ROWS).json()["predictions"]
    assert [p["score"] for p in predictions] == pytest.approx([score_by_hand(r) for r in ROWS], abs=1e-6)
    assert [list(p) for p in predictions] == [["score"]] * len(ROWS)
    assert predictions[0]["score"] == pytest.approx(0.8175745, abs=1e-6)  # sigmoid(0.5*2 + 0.5 + 1 - 1) = sigmoid(1.5)


def test_v2_gives_exactly_the_same_scores(client):
    (output,) = v2(client, ROWS).json()["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("score", "FP32", [len(ROWS), 1])
    assert output["data"] == [p["score"] for p in v1(client, ROWS).json()["predictions"]]
    one_by_one = [v2(client, [row]).json()["outputs"][0]["data"][0] for row in ROWS]
    assert one_by_one == pytest.approx(output["data"], abs=1e-7)


def test_v2_keeps_the_id_and_answers_in_binary_when_asked(client):
    assert v2(client, ROWS, id="42").json()["id"] == "42"
    answer = v2(client, ROWS[:2], outputs=[{"name": "score", "parameters": {"binary_data": True}}])
    length = int(answer.headers["inference-header-content-length"])
    expected = [score_by_hand(row) for row in ROWS[:2]]
    assert struct.unpack("<2f", answer.content[length:]) == pytest.approx(expected, abs=1e-6)


def test_binary_tensors_carry_missing_values_in_band(client):
    carriers = b"".join(struct.pack("<I", len(c)) + c for c in ((r["carrier"] or "").encode() for r in ROWS))
    temps = struct.pack("<6f", *(float("nan") if r["temp"] is None else r["temp"] for r in ROWS))
    distances = struct.pack("<6q", *(-(2**63) if r["distance"] is None else r["distance"] for r in ROWS))
    blobs = {"carrier": carriers, "temp": temps, "distance": distances}
    inputs = [
        {"name": n, "datatype": DATATYPES[n], "shape": [6], "parameters": {"binary_data_size": len(b)}}
        for n, b in blobs.items()
    ]
    head = json.dumps({"inputs": inputs}).encode()
    headers = {"inference-header-content-length": str(len(head)), "content-type": "application/octet-stream"}
    answer = client.post("/v2/models/small/infer", content=head + b"".join(blobs.values()), headers=headers)
    assert answer.json()["outputs"][0]["data"] == [p["score"] for p in v1(client, ROWS).json()["predictions"]]


def test_large_batches_and_many_clients_at_once(client):
    large = v1(client, ROWS * 300).json()["predictions"]
    assert [p["score"] for p in large] == pytest.approx([score_by_hand(r) for r in ROWS] * 300, abs=1e-6)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: v1(client, [ROWS[i % 6]]).json()["predictions"][0]["score"], range(200)))
    assert answers == pytest.approx([score_by_hand(ROWS[i % 6]) for i in range(200)], abs=1e-6)


GOOD = json.dumps(ROWS[0])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "the body is empty"),
        ("[", "Unrecognized request format"),
        ("[" * 100_000, "Unrecognized request format"),
        ("null", "the body must be"),
        ("[]", "the body must be"),
        ('"x"', "the body must be"),
        ('{"rows": []}', "the body must be"),
        ('{"instances": []}', "no rows"),
        ('{"instances": [1]}', "must be an object"),
        ('{"instances": [{"carrier": "AA", "temp": 1}]}', "lacks the feature 'distance'"),
        ('{"instances": [{"carrier": "AA", "temp": 1, "distance": 1, "hour": 1}]}', "unknown feature 'hour'"),
        ('{"instances": [{"carrier": "AA", "temp": "1", "distance": 1}]}', "'temp' must be a number or null"),
        ('{"instances": [{"carrier": "AA", "temp": NaN, "distance": 1}]}', "Unrecognized request format"),
        ('{"instances": [{"carrier": "AA", "temp": Infinity, "distance": 1}]}', "Unrecognized request format"),
        ('{"instances": [{"carrier": "AA", "temp": 1e999, "distance": 1}]}', "Unrecognized request format"),
        ('{"instances": [' + ",".join([GOOD] * 2001) + "]}", "2,001 rows; at most 2,000"),
        ('{"instances": [' + GOOD + ', {"carrier": "AA"}]}', "instances[1] lacks"),
        (b"\xff\xfe\x00", "Unrecognized request format"),
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
def test_v1_mistakes_are_400_with_a_reason(client, body, said, content_type):
    answer = client.post("/v1/models/small:predict", content=body, headers={"content-type": content_type})
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["error"]


def changed(**changes):
    inputs = {i["name"]: i for i in v2_inputs(ROWS[:2])}
    return json.dumps({"inputs": [{**inputs[n], **changes.get(n, {})} for n in inputs]})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "Field required"),
        ("[", "JSON decode error"),
        ("[" * 100_000, "body"),
        ("[]", "valid dictionary"),
        ("{}", "inputs: Field required"),
        ('{"inputs": []}', "lacks the tensor 'carrier'"),
        ('{"inputs": [{"name": "temp"}]}', "inputs.0"),
        (changed(temp={"name": "tmp"}), "unknown tensor 'tmp'; did you mean 'temp'?"),
        (changed(temp={"datatype": "INT64"}), "must be FP32 or FP64, not 'INT64'"),
        (changed(temp={"datatype": "FP16"}), "FP16"),
        (changed(temp={"datatype": "nonsense"}), "not 'NONSENSE'"),
        (changed(temp={"shape": [3]}), "same number of rows"),
        (changed(temp={"shape": [2, 2]}), "the shape must be"),
        (changed(temp={"shape": []}), "the shape must be"),
        (changed(temp={"data": [1.5]}), "does not hold 1 values"),
        (changed(temp={"data": [[1.5], 2]}), "ragged"),
        (changed(temp={"data": ["a", "b"]}), "must be a number or null"),
        (changed(temp={"data": "ab"}), "inputs.1.data"),
        (changed(temp={"data": [1.5, float("nan")]}), "NaN, which is not JSON"),
        (changed(temp={"data": [1.5, float("inf")]}), "is infinite"),
        (changed(carrier={"data": ["\ud800", "AA"]}), "not valid Unicode"),
        (changed(distance={"data": [1, 2**70]}), "does not fit a 64-bit integer"),
        (json.dumps({"inputs": v2_inputs(ROWS), "id": "\ud800"}), "the id or a tensor's name is not valid Unicode"),
        (json.dumps({"inputs": v2_inputs(ROWS), "outputs": [{"name": "\ud800"}]}), "name is not valid Unicode"),
    ],
)
def test_v2_mistakes_are_400_with_a_reason(client, body, said):
    answer = client.post("/v2/models/small/infer", content=body, headers=JSON)
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["error"]


CLOUD_EVENT = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "example", "ce-type": "request"}


def test_cloud_events_are_answered_as_cloud_events(client):
    answer = client.post("/v1/models/small:predict", json={"instances": ROWS[:1]}, headers=CLOUD_EVENT)
    assert answer.json()["predictions"][0]["score"] == pytest.approx(score_by_hand(ROWS[0]), abs=1e-6)
    assert "ce-id" in answer.headers
    for body in (b"", b"x", b"[1]", b"\xff"):
        refused = client.post("/v1/models/small:predict", content=body, headers=CLOUD_EVENT)
        assert (refused.status_code, list(refused.json())) == (400, ["error"])


def test_other_mistakes_have_answers_too(client):
    unknown_output = v2(client, ROWS, outputs=[{"name": "logit"}])
    assert (unknown_output.status_code, "logit" in unknown_output.json()["error"]) == (400, True)
    binary_without_length = client.post("/v2/models/small/infer", content=b"x", headers={"content-type": "x/y"})
    assert binary_without_length.status_code == 400
    assert client.post("/v1/models/other:predict", json={"instances": ROWS}).status_code == 404
    assert client.post("/v2/repository/models/small/unload").status_code == 501
    huge = client.post("/v1/models/small:predict", content=b" " * (65 * 1024 * 1024))
    assert (huge.status_code, "longer than 67,108,864 bytes" in huge.text) == (400, True)
    chunks = client.post("/v1/models/small:predict", content=(b" " * 1024 * 1024 for _ in range(65)))
    assert (chunks.status_code, "longer than" in chunks.text) == (400, True)
    assert v1(client, ROWS).status_code == 200


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["AA", 1, 2.5])
)
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*RAW, "instances", "inputs"]), inner, max_size=3)
    ),
    max_leaves=6,
)
likely_tensors = st.fixed_dictionaries(
    {"name": st.sampled_from([*RAW, "x"]) | json_values},
    optional={
        "datatype": st.sampled_from(["BYTES", "FP32", "INT64", "BOOL", "FP16", "x"]) | json_values,
        "shape": st.lists(st.integers(-1, 3), max_size=3) | json_values,
        "data": st.lists(scalars, max_size=3) | json_values,
        "parameters": st.dictionaries(st.sampled_from(["binary_data_size", "x"]), scalars, max_size=2) | json_values,
    },
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    inputs=st.lists(likely_tensors, max_size=4) | json_values,
    more=st.dictionaries(st.sampled_from(["id", "parameters", "outputs"]), json_values, max_size=2),
    header_length=st.none() | st.integers(0, 300),
)
def test_no_v2_request_breaks_the_server(client, inputs, more, header_length):
    body = json.dumps({"inputs": inputs, **more}).encode()
    headers = JSON if header_length is None else {"inference-header-content-length": str(min(header_length, len(body)))}
    answer = client.post("/v2/models/small/infer", content=body, headers=headers)
    assert answer.status_code in (200, 400), answer.text
    assert answer.status_code == 200 or answer.json()["error"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(RAW, json_values)), max_size=3) | json_values)
def test_no_v1_request_breaks_the_server(client, instances):
    answer = client.post("/v1/models/small:predict", content=json.dumps({"instances": instances}))
    assert answer.status_code in (200, 400), answer.text


def test_metrics_count_predictions(client):
    def count():
        text = client.get("/metrics").text
        return float(next(s.split()[1] for s in text.splitlines() if s.startswith("request_predict_seconds_count")))

    before = count()
    v1(client, ROWS)
    assert count() == before + 1


def ends(*arguments):
    server = start(*arguments)
    _, error = server.communicate(timeout=60)
    return server.returncode, error.decode().strip().splitlines()[-1]


def test_a_port_in_use_and_wrong_arguments_are_one_line(model, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, line = ends("--model-dir", model, "--port", port, "--host", "127.0.0.1")
        assert (code, f"cannot listen on 127.0.0.1:{port}" in line) == (2, True)
    assert ends("--model-dir", tmp_path / "none")[0] == 2
    assert ends("--model-dir", model, "--model-name", "a/b")[0] == 2
    assert ends("--model-dir", model, "--workers", 2, "--host", "127.0.0.1")[0] == 2


def truncate(folder):
    (folder / "saved_model/saved_model.pb").write_bytes(b"\x08\x01\x12")


def forget_features(folder):
    (folder / "features.json").unlink()


def claim_another_feature(folder):
    spec = {"label": "y", "raw": {**RAW, "hour": "int"}, "transformed": {}}
    (folder / "features.json").write_text(json.dumps(spec))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (truncate, "does not load"),
        (forget_features, "lacks features.json"),
        (claim_another_feature, "disagree about feature 'hour'"),
    ],
)
def test_a_model_that_cannot_be_served_ends_it_with_a_reason(model, tmp_path, damage, said):
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    damage(folder)
    code, line = ends("--model-dir", folder, "--port", 0, "--host", "127.0.0.1")
    assert (code, line.startswith("penstock.serving: ")) == (3, True)
    assert said in line


def test_several_workers_serve_the_same_model(model):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = start("--model-dir", model, "--model-name", "small", "--port", port, "--workers", 2)
    try:
        deadline = time.monotonic() + 90
        scores = []
        while time.monotonic() < deadline and not scores:
            try:
                answer = httpx.post(
                    f"http://127.0.0.1:{port}/v1/models/small:predict", json={"instances": ROWS}, timeout=60
                )
                scores = [p["score"] for p in answer.json()["predictions"]]
            except httpx.TransportError:
                time.sleep(0.2)
        assert scores == pytest.approx([score_by_hand(r) for r in ROWS], abs=1e-6)
        refused = httpx.post(f"http://127.0.0.1:{port}/v1/models/small:predict", json={"instances": [1]}, timeout=60)
        assert refused.status_code == 400
    finally:
        server.send_signal(signal.SIGTERM)
        _, error = server.communicate(timeout=60)
    assert server.returncode == 0, error.decode()[-2000:]
