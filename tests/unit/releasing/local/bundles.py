"""Small bundles on disk: whole by their own digests, with nothing in them to serve."""

from __future__ import annotations

import json
from pathlib import Path

from penstock.artifacts.bundle import MANIFEST, MODEL_FOLDER, bundle_digest
from penstock.artifacts.digest import digest_file


def write_bundle(folder: Path, text: str) -> dict[str, str]:
    """Write one, and say what a release says of it."""
    model = folder / MODEL_FOLDER / "model.txt"
    model.parent.mkdir(parents=True)
    model.write_text(text)
    listed = [{"path": f"{MODEL_FOLDER}/model.txt", "sha256": digest_file(model).removeprefix("sha256:")}]
    manifest = {"name": "flights", "files": listed}
    manifest["digest"] = bundle_digest(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return {"digest": str(manifest["digest"]), "storageUri": folder.as_uri()}
