"""What a release bundle says of itself: the names of its parts, and the one digest over all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.artifacts.digest import digest_json

MANIFEST = "manifest.json"
"""Every file with its digest, the digests that went in, the verdicts, and the bundle's digest over all of that."""
MODEL_FOLDER = "model"
"""The folder to point a server at."""
RULES_FILE = "rules.yaml"
"""The rules between the model's scores and its answers, as the infra validator has proven them."""


def bundle_digest(manifest: Mapping[str, Any]) -> str:
    """The digest that a manifest must carry: over all its other fields, and so over every byte of the bundle."""
    return digest_json({key: value for key, value in manifest.items() if key != "digest"})
