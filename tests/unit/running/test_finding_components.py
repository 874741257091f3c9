from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from penstock.running.components import DeclaredComponent, find_component, import_roots
from penstock.sdk import PenstockError

COUNT = itertools.count()
SPEC = """
from penstock.sdk import ComponentSpec, Params
class P(Params):
    path: str = ""
SPEC = ComponentSpec(name="one", stage="ingest", image="runtime", summary="Do.", params=P, observes=True{more})
"""


@pytest.fixture
def package(tmp_path: Path) -> str:
    """A package of one component with a name that no other test uses."""
    name = f"found_{next(COUNT)}"
    folder = tmp_path / name / "one"
    folder.mkdir(parents=True)
    (folder / "spec.py").write_text(SPEC.format(more=""))
    (folder / "main.py").write_text("def observe(params):\n    return open(params.path).read()\n")
    return name


def command(package: str) -> tuple[str, ...]:
    return ("python", "-m", f"{package}.one.main", "{{$}}")


def find(package: str, root: Path) -> DeclaredComponent:
    found = find_component(command(package), [root / "nowhere", root])
    assert found is not None
    return found


def test_finds_the_declaration(package: str, tmp_path: Path) -> None:
    found = find(package, tmp_path)
    assert (found.spec.name, found.module, found.root) == ("one", f"{package}.one.main", tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        ("sh", "-c", "true"),
        ("python", "-m", "no_such.one.main", "{{$}}"),
        ("python", "-m", "json.tool", "{{$}}"),
        ("python", "-m", "PACKAGE.one.main", "{{$.inputs.parameters['x']}}"),
        ("python", "-m", "PACKAGE.one.main", "{{$}}", "--more"),
    ],
)
def test_other_commands_are_no_components(package: str, tmp_path: Path, words: tuple[str, ...]) -> None:
    assert find_component([word.replace("PACKAGE", package) for word in words], [tmp_path]) is None


def test_all_code_of_the_component_counts_and_nothing_else(package: str, tmp_path: Path) -> None:
    found = find(package, tmp_path)
    before = found.code_digest()
    (found.folder / "README.md").write_text("words")
    assert found.code_digest() == before
    (found.folder / "logic.py").write_text("x = 1\n")
    after = found.code_digest()
    assert after != before
    (found.folder / "logic.py").rename(found.folder / "other.py")
    assert found.code_digest() not in (before, after)


def test_code_that_it_starts_counts(package: str, tmp_path: Path) -> None:
    alone = find(package, tmp_path).code_digest()
    other = f"{package}_more"
    (tmp_path / package).rename(tmp_path / other)
    (tmp_path / other / "one" / "spec.py").write_text(SPEC.format(more=', uses=("penstock.serving",)'))
    with_serving = find(other, tmp_path)
    assert with_serving.spec.uses == ("penstock.serving",)
    assert with_serving.code_digest() != alone


def test_observes(package: str, tmp_path: Path) -> None:
    found = find(package, tmp_path)
    (tmp_path / "source").write_text("what is there")
    assert found.observe(found.spec.params(path=str(tmp_path / "source"))) == "what is there"
    with pytest.raises(PenstockError, match="one cannot observe its source: FileNotFoundError"):
        found.observe(found.spec.params(path=str(tmp_path / "missing")))


def test_installed_packages_are_linked_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import penstock.sdk

    site = tmp_path / "site-packages"
    for folder in ("penstock/sdk", "components", "numpy"):
        (site / folder).mkdir(parents=True)
    monkeypatch.setattr(penstock.sdk, "__path__", [str(site / "penstock" / "sdk")])
    links, own = tmp_path / "links", tmp_path / "project"
    for _ in range(2):
        assert import_roots(links, [site, own]) == [links, own]
    assert {p.name: p.resolve() for p in links.iterdir()} == {n: site / n for n in ("penstock", "components")}
