"""What the pages say is so: links lead somewhere, commands exist, every exit code and command is told."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from penstock.cli.main import COMMANDS, command
from penstock.sdk import ExitCode

REPOSITORY = Path(__file__).parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "components/*/*.md", "pipelines/**/*.md", "ci/**/*.md")
    for page in REPOSITORY.glob(pattern)
)
NAMES = [page.relative_to(REPOSITORY).as_posix() for page in PAGES]
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_between_pages_lead_somewhere(page):
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_penstock_command_that_is_shown_can_be_given(page):
    wrong = [line for line in _shown(page.read_text()) if not _parses(line)]
    assert wrong == []


def test_the_pages_tell_every_command_and_every_exit_code():
    readme, reference = ((REPOSITORY / name).read_text() for name in ("README.md", "CLI.md"))
    assert [name for name in COMMANDS if f"penstock {name}" not in reference] == []
    assert [code for code in ExitCode if not re.search(rf"\b{int(code)} [a-z]", readme)] == []


def test_the_map_of_the_tree_is_the_tree():
    tree = (REPOSITORY / "README.md").read_text().partition("## The map of the tree")[2].split("```", 2)[1]
    packages = re.findall(r"^  (\w+)/ ", tree, flags=re.MULTILINE)
    found = [p.name for p in (REPOSITORY / "src" / "penstock").iterdir() if (p / "__init__.py").is_file()]
    assert sorted(packages) == sorted(found)
    assert all((REPOSITORY / name).is_dir() for name in re.findall(r"^(\w+)/", tree, flags=re.MULTILINE))


def _shown(text: str) -> list[str]:
    """The command lines in a page's code blocks that begin with penstock."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, flags=re.DOTALL)
    lines = [line.split(" #")[0].strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines = [re.sub(r"^(\$ )?(\.venv/bin/)?", "", line) for line in lines]
    return [line for line in lines if line.startswith("penstock ")]


def _parses(line: str) -> bool:
    """Whether the command line names a command and options that exist; nothing is done."""
    words = shlex.split(line.split(" > ", maxsplit=1)[0])[1:]
    return CliRunner().invoke(command, [*words, "--help"]).exit_code == 0


def test_a_command_that_does_not_exist_would_be_seen():
    assert [_parses(f"penstock {line}") for line in ("run flights", "rnu", "run --jsn", "runs lst")] == [
        True,
        *[False] * 3,
    ]
