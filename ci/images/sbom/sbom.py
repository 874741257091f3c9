"""Put the packages of the operating system into an image's bill of materials (CycloneDX), beside the Python ones.

Runs while the image is built, under the Python of its base: the standard library only.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def main(image: str, python_packages: str) -> None:
    document: dict[str, Any] = json.loads(Path(python_packages).read_text(encoding="utf-8"))
    document["metadata"]["component"] = {"type": "container", "bom-ref": image, "name": image}
    document["components"] = [*document.get("components", []), *debian_packages()]
    json.dump(document, sys.stdout, indent=1, sort_keys=True)


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
