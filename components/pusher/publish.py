"""Publishing a bundle where servers read it: whole or not at all, and never over another."""

from __future__ import annotations

from pathlib import Path

from components.pusher.bundle import damage
from penstock.artifacts.bundle import MANIFEST
from penstock.sdk import BadInput, PenstockError
from penstock.storage import Place, StoreError, at


def publish(bundle: Path, destination: str, name: str) -> str:
    """Publish a bundle as `<destination>/<name>`.

    What is there already is compared, never replaced: the same bundle, intact, is nothing to do.

    Args:
        bundle: The bundle's folder.
        destination: A folder, or a URL that fsspec knows.
        name: The folder's name at the destination, made from the digest.

    Returns:
        Where it is.

    Raises:
        BadInput: The destination cannot be one (caller).
        PenstockError: Something else, or a damaged bundle, is there; or it cannot be written (operator).
    """
    try:
        release = at(f"{destination.rstrip('/')}/{name}")
    except BadInput as error:
        raise BadInput(f"destination: {error.message}", error.remedy) from None
    try:
        if release.is_published(MANIFEST):
            return _accept(release, bundle)
        try:
            release.publish(bundle, last=MANIFEST)
        except FileExistsError:  # another push of the same bundle was quicker
            return _accept(release, bundle)
    except StoreError as error:
        raise PenstockError(f"cannot publish to {destination}: {error.reason}", error.remedy) from error
    return release.address


def _accept(release: Place, bundle: Path) -> str:
    """What is there is this very bundle, or it is an error."""
    wrong = damage(release)
    if not wrong and release.read(MANIFEST) != (bundle / MANIFEST).read_bytes():
        wrong = "it is another release"
    if wrong:
        text = f"{release.address} exists and is not this release: {wrong}"
        raise PenstockError(text, "Move it away; nothing was overwritten")
    return release.address
