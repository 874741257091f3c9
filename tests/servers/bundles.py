"""Release bundles of small but real models, as a pusher writes them."""

from __future__ import annotations

from pathlib import Path

from components.pusher.main import run
from components.pusher.spec import SPEC
from penstock.sdk.testkit import run_component
from penstock.serving.bundle import Bundle, open_bundle
from tests.components.pusher.conftest import make_inputs


def push(model: Path, scratch: Path, name: str, **instead: bytes) -> Bundle:
    """Push a model under a name; bundles of one model differ in their names.

    Args:
        model: The model's folder.
        scratch: Where the bundle and what it is made of go.
        name: The bundle's name.
        instead: Other contents of its files, by their names' last parts without the suffix.
    """
    files = {p.relative_to(model).as_posix(): instead.get(p.stem) or p.read_bytes() for p in _files(model)}
    inputs = make_inputs(scratch / f"inputs-{name}", files)
    pushed = run_component(SPEC, run, scratch / f"out-{name}", params={"name": name}, inputs=inputs)
    return open_bundle(pushed.outputs["pushed_model"].path)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
