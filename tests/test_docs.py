"""The commands of README and documentation: each is one that there is, and those that need no key are run in order."""

import re
import shlex
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from shutil import copytree

import click
import pytest

from hishamos_pipeline.cli.main import cli
from tests.conftest import ROOT
from tests.support.commands import hishamos

# What it shows is run by the pages that explain it.
SKILL = ROOT / "examples" / "agents" / "SKILL.md"
PAGES = [
    ROOT / "README.md",
    SKILL,
    *sorted(page for page in (ROOT / "docs").glob("*.md") if page.stem != "reference"),
]
_FENCE = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:^|[\s;(])hishamos ([^#;)\n]+)", re.MULTILINE)
_INLINE = re.compile(r"`(hishamos [^`]+)`")
# What the pages take for granted: files that somebody has, and values for what is written in capitals.
FILES = ("my-idea.md", "app.py", "src/store.py", "out.txt", "data.csv", "templates/mail.txt")
SUITES, WORKFLOWS = Path("examples", "suites"), Path("examples", "workflows")
_STANDS_FOR = {
    "KEY": "tool-shed",
    "NAME": "nightly",
    "ARTIFACT": "stories",
    "ITEM": "US-001",
    "CHANNEL": "log",
}
# These need a model, a key, a host or a server that goes on; what they do is tested where it belongs.
ELSEWHERE = (
    "agents run", "costs", "credentials", "export tool-shed --to github", "doctor", "notifications test",
    "batch compare", "batch rebuild", "proposals", "db upgrade", "edit KEY ARTIFACT", "change KEY",
    "evaluate examples/suites/recorded", "mcp", "providers check",
)  # fmt: skip


def commands(page: Path) -> list[list[str]]:
    """The arguments of each `hishamos` command in the blocks of a page."""
    blocks = "\n".join(_FENCE.findall(page.read_text())).replace("\\\n", " ")
    return [shlex.split(text) for text in _COMMAND.findall(blocks)]


def inline(page: Path) -> Iterator[list[str]]:
    """The arguments of each command in the text of a page, as far as they are words."""
    for text in _INLINE.findall(_FENCE.sub("", page.read_text()).replace(r"\|", "|")):
        words = text.removeprefix("hishamos ").split(" …")[0].replace("[", "").replace("]", "").split()
        while words and words[0] in ("--as", "--org"):
            words = words[2:]
        yield from map(list, product(*(word.split("|") for word in words)))


def leaf(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that words name, and what is left of them.

    Raises:
        click.UsageError: there is none.
    """
    command: click.Command = cli
    rest = words
    while rest and rest[0] in ("--as", "--org"):
        rest = rest[2:]
    while isinstance(command, click.Group) and rest:
        context = click.Context(command)
        _, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command = found
    return command, rest


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_is_one_that_there_is(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    for folder in (SUITES, WORKFLOWS):
        copytree(ROOT / folder, tmp_path / folder)
    for words in commands(page):
        command, rest = leaf([_STANDS_FOR.get(word, word) for word in words])
        command.make_context(" ".join(words), rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_in_the_text_is_one_that_there_is(page: Path) -> None:
    for words in inline(page):
        command, _ = leaf([word for word in words if not word.startswith("-")])
        known = {name for option in command.params for name in option.opts}
        options = {word.split("=")[0] for word in words if word.startswith("--")}
        assert options <= {*known, "--help"}, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text()):
        there = (page.parent / target) if target else page
        assert there.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", there.read_text(), re.MULTILINE)
            assert anchor in {
                re.sub(r"[^\w -]", "", text).strip().lower().replace(" ", "-") for text in headings
            }


@pytest.mark.slow
def test_the_commands_that_need_no_key_are_run_in_their_order(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    (brief,) = re.findall(r"<<'BRIEF'\n(.*?)^BRIEF", readme, re.MULTILINE | re.DOTALL)
    (tmp_path / "my-idea.md").write_text(brief)
    (tmp_path / "waits.md").write_text(
        "# Waits\n\n## Features\n- User can add a note\n"
    )  # a batch finds it stale
    (tmp_path / "templates").mkdir()
    for name in ("data.csv", "templates/mail.txt"):
        (tmp_path / name).write_text("x")
    for folder in (SUITES, WORKFLOWS):
        copytree(ROOT / folder, tmp_path / folder)
    assert hishamos(tmp_path, "ideas", "submit", "waits.md").returncode == 0
    ran = []
    for page in PAGES:
        for words in commands(page) if page != SKILL else ():
            if " ".join(words).startswith(ELSEWHERE):
                continue
            answer = ("--yes",) if words[0] == "change" else ()  # there is no terminal to ask on
            done = hishamos(tmp_path, *words, *answer, EDITOR="sed -i s/Neighbours/Members/")
            assert done.returncode == 0, (words, done.stdout, done.stderr)
            ran.append(words[0])
    assert {"build", "change", "edit", "plan", "trace", "history", "diff", "agents", "batch"} <= set(ran)
