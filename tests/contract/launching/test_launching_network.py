"""A component whose lineage is behind ML Metadata's gRPC server, which is restarted while the component works."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from parts.double.spec import SPEC as DOUBLE
from parts.numbers.spec import SPEC as NUMBERS

from penstock.lineage.open import open_store
from penstock.lineage.records import State
from tests.contract.lineage.conftest import Server, grpc_process
from tests.servers.certificates import Authority
from tests.servers.kubeflow_launcher import ROOT, Run
from tests.servers.processes import free_port

pytestmark = pytest.mark.slow
PYTHONS = {"runtime": sys.executable, "serving": str(ROOT / ".venv-serving" / "bin" / "python")}


@pytest.fixture
def secure() -> Iterator[tuple[Server, str]]:
    """A server with TLS, and its URL with what a client must show."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-tls-"))
    authority, port = Authority(folder), free_port()
    certificate, key = authority.issue("task")
    with grpc_process(port, folder, *authority.issue("server"), authority.ca) as server:
        yield server, f"grpcs://127.0.0.1:{port}?ca={authority.ca}&cert={certificate}&key={key}"
    shutil.rmtree(folder)


@pytest.mark.parametrize("environment", PYTHONS)
def test_the_server_is_restarted_while_the_component_works(
    secure: tuple[Server, str], tmp_path: Path, environment: str
) -> None:
    server, url = secure
    run = Run(str(tmp_path / "volume"), url, python=PYTHONS[environment])
    made = run.task(NUMBERS, count=3).execute()
    begun = tmp_path / "begun"
    task = run.task(DOUBLE, seconds=2.0, touch=str(begun)).wire(examples=made["examples"])
    with task.pod() as pod:
        process = pod.start()
        end = time.monotonic() + 60
        while not begun.exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end
            time.sleep(0.01)
        server.stop()
        time.sleep(4.0)  # the component ends, and cannot say so yet
        assert process.poll() is None
        server.start()
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert "waiting up to 180 s for the lineage store" in said
    found = {e.task: e.state for e in open_store(url).run(run.run_id).executions}
    assert found == {"numbers": State.COMPLETE, "double": State.COMPLETE}
