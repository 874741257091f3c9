"""Write a new component: small, whole, and passing every check from its first minute.

It is `ci/skeleton` under another name, which leaves out splits that are too small. Change what it does bit by bit;
the checks stay green on the way.
"""

from __future__ import annotations

import argparse
import keyword
import re
import sys
from pathlib import Path

from penstock.authoring import documents
from penstock.authoring.discovery import load_spec
from penstock.authoring.interface import describe

ROOT = Path(__file__).resolve().parents[1]

SKELETON = ROOT / "ci" / "skeleton"
"""Files of a component called `skeleton`; a new one is these with its own name in them."""

NEXT = """\
1. components/{name}/spec.py: say what it takes, what it makes and what may be set; then ci/generate
2. components/{name}/logic.py and main.py: make it do that; try it with
       ci/test tests/components/{name}
3. pipelines/<pipeline>/pipeline.py: wire it, p.task("...", {constant}, ...); then ci/generate and ci/check"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="ci/new-component", description=__doc__)
    parser.add_argument("name", help="lower-case letters, digits and underscores: outlier_detector")
    name = parser.parse_args().name
    wrong = refusal(name)
    if wrong:
        print(f"ci/new-component: {wrong}", file=sys.stderr)
        return 2
    for path, text in files(name).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    readme = ROOT / "components" / name / "README.md"
    tables = documents.interface_tables(describe(load_spec(readme.parent)))
    readme.write_text(documents.with_section(readme.read_text(encoding="utf-8"), "interface", tables), encoding="utf-8")
    print("\nNext:\n" + NEXT.format(name=name, constant=name.upper()))
    return 0


def refusal(name: str) -> str:
    """Why a component cannot have this name; empty where it can."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", name) or "__" in name:
        return f"{name!r} is not a name: use lower-case letters, digits and underscores, as in outlier_detector"
    if keyword.iskeyword(name):
        return f"{name!r} is a word of Python"
    for path in (ROOT / "components" / name, ROOT / "tests" / "components" / name):
        if path.exists():
            return f"{path.relative_to(ROOT)} is there already"
    return ""


def files(name: str) -> dict[Path, str]:
    """The files of the skeleton under their new names."""
    title = "".join(part.capitalize() for part in name.split("_"))
    made = {}
    for source in sorted(path for path in SKELETON.iterdir() if path.is_file()):
        is_test = source.name.startswith("test_")
        folder = ROOT / ("tests/components" if is_test else "components") / name
        text = source.read_text(encoding="utf-8").replace("skeleton", name).replace("Skeleton", title)
        made[folder / source.name.replace("skeleton", name)] = text
    return made


if __name__ == "__main__":
    sys.exit(main())
