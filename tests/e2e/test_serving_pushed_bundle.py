"""From a blessed model to answers: a pushed release is served as it lies, by us and as TensorFlow Serving sees it."""

import json
import signal
import socket
import subprocess

import httpx
import pytest

from components.pusher.main import run
from components.pusher.spec import SPEC
from penstock.sdk.testkit import run_component
from tests.components.pusher.conftest import make_inputs
from tests.e2e.test_serving_server import PYTHON, start
from tests.unit.serving.small_model import ROWS, score_by_hand

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PYTHON.exists(), reason="no serving environment (make setup)")]


@pytest.fixture(scope="module")
def release(small_models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    good = small_models / "good"
    files = {p.relative_to(good).as_posix(): p.read_bytes() for p in good.rglob("*") if p.is_file()}
    inputs = make_inputs(folder / "inputs", files)
    params = {"name": "small", "destination": str(folder / "releases")}
    pushed = run_component(SPEC, run, folder / "out", params=params, inputs=inputs).outputs["pushed_model"]
    return pushed.metadata["published"]


def test_a_release_is_served_from_its_model_folder(release):
    listening = socket.create_server(("127.0.0.1", 0))
    fd = listening.fileno()
    server = start("--model-dir", f"{release}/model", "--model-name", "small", "--fd", fd, pass_fds=[fd])
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1/models/small:predict"
    listening.close()
    try:
        predictions = httpx.post(url, json={"instances": ROWS}, timeout=60).json()["predictions"]
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)
    assert [p["score"] for p in predictions] == pytest.approx([score_by_hand(row) for row in ROWS], abs=1e-6)


def test_its_version_folder_is_a_saved_model(release):
    """What KServe's TensorFlow runtime mounts: `<base path>/<number>/saved_model.pb` with a default signature."""
    script = (
        "import json, sys, tensorflow as tf\n"
        "model = tf.saved_model.load(sys.argv[1])\n"
        "feature = tf.train.Feature\n"
        "example = tf.train.Example(features=tf.train.Features(feature={\n"
        "  'carrier': feature(bytes_list=tf.train.BytesList(value=[b'AA'])),\n"
        "  'temp': feature(float_list=tf.train.FloatList(value=[2.0])),\n"
        "  'distance': feature(int64_list=tf.train.Int64List(value=[500]))}))\n"
        "scores = model.signatures['serving_default'](examples=tf.constant([example.SerializeToString()]))\n"
        "print(json.dumps(scores['score'].numpy().tolist()))\n"
    )
    done = subprocess.run(
        [str(PYTHON), "-c", script, f"{release}/model/1"], check=True, capture_output=True, text=True, timeout=120
    )
    assert json.loads(done.stdout) == [[pytest.approx(score_by_hand(ROWS[0]), abs=1e-6)]]
