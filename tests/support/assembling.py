"""A tree as verification gets it, changed and judged."""

from dataclasses import replace
from pathlib import Path

import pytest

from hishamos_pipeline.core.artifacts.documents import TestSuite, TreeFile, VerifiedBuild
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.sandbox.choice import open_sandbox, own_toolchain
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.stacks.python.ci import ci_file
from hishamos_pipeline.toolchains.interface import Prepared
from hishamos_pipeline.toolchains.python import PythonToolchains
from hishamos_pipeline.verification.ci_files import GITHUB, GITLAB
from hishamos_pipeline.verification.imports import declared_requirements
from hishamos_pipeline.verification.verify import Assembled, verify
from tests.support.projects import write

READY = Prepared(own_toolchain())


@pytest.fixture
async def assembled(notes_idea: Idea, tmp_path: Path) -> Assembled:
    """A good tree."""
    plan, backlog = await write(notes_idea, tmp_path / "made")
    from hishamos_pipeline.core.artifacts.criteria import criterion_tests

    texts = {
        path.relative_to(tmp_path / "made").as_posix(): path.read_text()
        for path in sorted((tmp_path / "made").rglob("*"))
        if path.is_file()
    }
    texts["PROVENANCE.json"] = "{}\n"
    links = [
        link
        for path, text in texts.items()
        if path.startswith("tests/")
        for link in criterion_tests(path, text)
    ]
    return Assembled(
        files=tuple(entry(path, text) for path, text in texts.items()),
        texts={sha256_text(text): text for text in texts.values()},
        architecture=plan,
        stories=backlog,
        suite=TestSuite(files=(), tests=tuple(links)),
    )


def entry(path: str, text: str) -> TreeFile:
    return TreeFile(path=path, sha256=sha256_text(text), size=len(text.encode()))


def changed(tree: Assembled, path: str, text: str | None) -> Assembled:
    """The tree with one file replaced, added, or removed."""
    files = [file for file in tree.files if file.path != path]
    texts = dict(tree.texts)
    if text is not None:
        files.append(entry(path, text))
        texts[sha256_text(text)] = text
    return replace(tree, files=tuple(files), texts=texts)


def without_style(tree: Assembled) -> Assembled:
    """The tree as a project that is not linted: style is not what has to stop an attack."""
    plan = tree.architecture.model_copy(
        update={"commands": tuple(line for line in tree.architecture.commands if "pytest" in line)}
    )
    tree = replace(tree, architecture=plan)
    for path in (GITHUB, GITLAB, ".pre-commit-config.yaml"):
        tree = changed(tree, path, ci_file(path, plan))
    return tree


def text_of(tree: Assembled, path: str) -> str:
    return tree.texts[next(file.sha256 for file in tree.files if file.path == path)]


async def judged(tree: Assembled, tmp_path: Path, folder: str = "work", **changes: float) -> VerifiedBuild:
    settings = Settings(home=tmp_path).model_copy(update=changes)
    prepared = await PythonToolchains(settings).prepare(declared_requirements(tree.text("pyproject.toml")))
    return (await verify(tree, tmp_path / folder, open_sandbox(), prepared, settings)).build


def failed(build: VerifiedBuild) -> set[str]:
    return {check.name for check in build.checks if not check.passed}
