"""A bundle that stands behind whatever is served: a model that fails on purpose, servers that die and are swapped."""

import json
import os
import signal
import subprocess
import sys

import httpx
import pytest

from penstock.serving.prediction_log import log_files, read_predictions
from penstock.serving.twins.local_serving import LocalServing, ServingOptions
from penstock.serving.twins.programs import Programs
from tests.servers.bundles import push
from tests.servers.gateway import PYTHON, REPOSITORY, until
from tests.unit.serving.small_model import score_by_hand

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PYTHON.exists(), reason="no serving environment (make setup)")]
READY_SECONDS = 300.0
HOT = {"carrier": "UA", "temp": 99.0, "distance": 10}
"""A row that the fragile model has no answer for."""
COLD = {**HOT, "temp": -3.0}


@pytest.fixture(scope="module")
def bundles(small_models, tmp_path_factory):
    """Two of a model that fails, one that does not, and one that answers something else."""
    folder = tmp_path_factory.mktemp("bundles")
    models = {"one": "fragile", "two": "fragile", "behind": "good", "classes": "classes"}
    return {name: push(small_models / model, folder, name) for name, model in models.items()}


def ask(url, row, bundle):
    answer = httpx.post(url, json={"instances": [row]}, timeout=120)
    assert answer.status_code == 200, answer.text
    assert [p["score"] for p in answer.json()["predictions"]] == pytest.approx([score_by_hand(row)], abs=1e-6)
    assert answer.headers["penstock-bundle"] == bundle.digest
    return answer.headers.get("penstock-fallback", "")


def test_it_answers_for_every_server_that_is_started(bundles, tmp_path):
    options = ServingOptions("small", port=0, log_file_seconds=0.2, waiting_seconds=120, fallback=bundles["behind"])
    with LocalServing(Programs(PYTHON, (REPOSITORY / "src",)), tmp_path, options) as serving:
        name = serving.swap(bundles["one"], READY_SECONDS)
        assert ask(serving.url, COLD, bundles["one"]) == ""
        assert ask(serving.url, HOT, bundles["one"]) == "bundle;model_failed"
        os.kill(serving.state()["twins"][name]["processes"][0]["pid"], signal.SIGKILL)
        until(lambda: serving.state()["twins"][name]["processes"][0]["restarts"] == 1)
        assert ask(serving.url, HOT, bundles["one"]) == "bundle;model_failed"
        serving.swap(bundles["two"], READY_SECONDS)
        assert ask(serving.url, HOT, bundles["two"]) == "bundle;model_failed"
        assert serving.state()["fallback"] == bundles["behind"].digest
        metrics = httpx.get(serving.url.partition("/v1")[0] + "/metrics").text
        assert 'penstock_fallbacks_total{by="bundle",reason="model_failed",role="stable"} 3.0' in metrics
    logged = [r for r in read_predictions(log_files(tmp_path / "predictions")) if r.delivered]
    assert [(r.fallback, r.fallback_reason, r.digest) for r in logged] == [
        ("", "", bundles["one"].digest),
        *[("bundle", "model_failed", bundles["one"].digest)] * 2,
        ("bundle", "model_failed", bundles["two"].digest),
    ]


def serve(home, bundle, fallback):
    command = [sys.executable, "-c", "from penstock.cli.main import main; main()", "--home", str(home), "serve"]
    command += ["--bundle", str(bundle.path), "--fallback", str(fallback), "--port", "0", "--json"]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_command_names_it(bundles, tmp_path):
    serving = serve(tmp_path, bundles["one"], bundles["behind"].path)
    text = ""
    while not text.endswith("\n}\n"):
        text += serving.stdout.readline()
    state = json.loads(text)
    assert state["fallback"] == bundles["behind"].digest
    assert ask(state["url"], HOT, bundles["one"]) == "bundle;model_failed"
    serving.terminate()
    serving.communicate(timeout=60)
    assert serving.returncode == 0


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("one", 2, "is the bundle that is to serve"),
        ("nowhere", 2, "is no release bundle: it has no manifest.json"),
        ("classes", 1, "the fallback answers 3 numbers a row, not 1"),
    ],
)
def test_one_that_cannot_stand_behind_it_is_refused(bundles, tmp_path, name, code, says):
    fallback = bundles[name].path if name in bundles else tmp_path / name
    serving = serve(tmp_path / "home", bundles["one"], fallback)
    output, said = serving.communicate(timeout=READY_SECONDS)
    assert (serving.returncode, output) == (code, "")
    assert says in said.splitlines()[-1]
