"""Templates are compiled once, and anew when they or what they depend on change."""

import sys
from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment
from jinja2.bccache import Bucket

from penstock.reporting.compiled import Compiled


class Counting(Compiled):
    """Counts what had to be compiled."""

    def __init__(self, folder: Path, settings: str = "") -> None:
        super().__init__(settings)
        self.directory = str(folder)
        self.compiled = 0

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.compiled += 1
        super().dump_bytecode(bucket)

    def render(self, source: str) -> str:
        return (
            Environment(loader=DictLoader({"page": source}), bytecode_cache=self, autoescape=True)
            .get_template("page")
            .render(n=3)
        )


@pytest.fixture(autouse=True)
def _writing(monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


def test_what_was_compiled_is_taken(tmp_path):
    first, second = Counting(tmp_path), Counting(tmp_path)
    assert first.render("{{ n + 1 }}") == second.render("{{ n + 1 }}") == "4"
    assert (first.compiled, second.compiled) == (1, 0)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(("source", "settings"), [("{{ n + 2 }}", ""), ("{{ n + 1 }}", "trim_blocks")])
def test_a_change_is_compiled_anew(tmp_path, source, settings):
    Counting(tmp_path).render("{{ n + 1 }}")
    changed = Counting(tmp_path, settings)
    assert changed.render(source) == ("5" if source == "{{ n + 2 }}" else "4")
    assert changed.compiled == 1


@pytest.mark.parametrize("content", [b"", b"nonsense", b"j2"])
def test_a_damaged_file_is_made_again(tmp_path, content):
    Counting(tmp_path).render("{{ n }}")
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(content)
    assert Counting(tmp_path).render("{{ n }}") == "3"
    assert kept.read_bytes() != content


def test_a_folder_that_is_not_there_costs_nothing_but_time(tmp_path):
    assert Counting(tmp_path / "none").render("{{ n }}") == "3"
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_where_python_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert Counting(tmp_path).render("{{ n }}") == "3"
    assert list(tmp_path.iterdir()) == []
