"""What a run on a laptop records of itself."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from penstock.authoring.compiling import compile_whole
from penstock.running.recording import describe_run

FLIGHTS = Path("pipelines/flights")


def test_a_run_here_and_one_on_a_cluster_record_one_digest_of_a_pipeline(tmp_path: Path) -> None:
    """A cluster's is of the content alone, so that the two do not differ when they are compared."""
    compiled = FLIGHTS / "compiled.yaml"
    other = tmp_path / "compiled.yaml"
    other.write_text("# Another header.\n" + compiled.read_text(encoding="utf-8"), encoding="utf-8")
    recorded = [describe_run("r", "flights", path, {}, datetime.now(UTC)).pipeline_digest for path in (compiled, other)]
    assert recorded == [compile_whole(FLIGHTS).digest] * 2
