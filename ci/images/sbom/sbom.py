"""Put Penstock and the packages of the operating system into an image's bill of materials (CycloneDX).

Runs while the image is built, under the Python of its base: the standard library only.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def main(image: str, python_packages: str, code: str) -> None:
    document: dict[str, Any] = json.loads(Path(python_packages).read_text(encoding="utf-8"))
    document["metadata"]["component"] = {"type": "container", "bom-ref": image, "name": image}
    document["components"] = [*document.get("components", []), *ours(Path(code)), *debian_packages()]
    json.dump(document, sys.stdout, indent=1, sort_keys=True)


def ours(code: Path) -> list[dict[str, Any]]:
    """The packages that were laid over the environment."""
    found = []
    for folder in sorted(code.rglob("*.dist-info")):
        name, _, version = folder.name.removesuffix(".dist-info").rpartition("-")
        found.append({"type": "library", "bom-ref": f"{name}=={version}", "name": name, "version": version})
    return found


def debian_packages() -> list[dict[str, Any]]:
    """The packages that dpkg knows, sorted; none on a base without dpkg."""
    try:
        query = ["dpkg-query", "--show", "--showformat", "${Package}\t${Version}\t${Architecture}\n"]
        listed = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        return []
    found = []
    for line in sorted(listed.splitlines()):
        name, version, architecture = line.split("\t")
        purl = f"pkg:deb/debian/{name}@{version.replace('+', '%2B')}?arch={architecture}"
        found.append({"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl})
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
