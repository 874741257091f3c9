"""The health command of the images: `python /opt/penstock/health.py`.

Healthy is an image that holds every package of its lock, can write temporary files, and, where a server listens, one
whose models are ready. Runs without Penstock: it is to tell when that is broken.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import tempfile
import urllib.request
from importlib import metadata
from pathlib import Path

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)
_PORT = int(os.environ.get("PENSTOCK_HEALTH_PORT", "8080"))


def lacking(lock: str) -> list[str]:
    """What a lock asks for and this environment has not, or in another version."""
    found = []
    for name, version in _PIN.findall(lock):
        try:
            there = metadata.version(name)
        except metadata.PackageNotFoundError:
            there = "nothing"
        if there != version:
            found.append(f"{name} {version} (there is {there})")
    return found


def problems() -> list[str]:
    """What is wrong, one line each."""
    found = [f"not installed: {what}" for what in lacking((Path(sys.prefix) / "requirements.lock").read_text())]
    try:
        with tempfile.TemporaryFile() as file:
            file.write(b"written")
    except OSError as error:
        found.append(f"no temporary file can be written ({error}): mount a folder at /tmp")
    with socket.socket() as probe:
        serving = probe.connect_ex(("127.0.0.1", _PORT)) == 0
    if serving:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{_PORT}/v2/health/ready", timeout=5).close()
        except OSError as error:
            found.append(f"the server on port {_PORT} is not ready: {error}")
    return found


if __name__ == "__main__":
    sys.exit("\n".join(problems()) or 0)
