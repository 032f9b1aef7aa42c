"""Small trees in memory: three stories, their tests, and some code."""

from collections.abc import Mapping

from hishamos_pipeline.core.artifacts.documents import (
    Architecture,
    Epic,
    PlannedFile,
    Stories,
    Story,
    TreeFile,
)
from hishamos_pipeline.core.artifacts.idea import SprintRules
from hishamos_pipeline.core.text.hashing import sha256_text
from hishamos_pipeline.core.text.ids import story_test_path
from hishamos_pipeline.generation.assembling import Parts

_STORIES = {"US-001": "One", "US-002": "Two", "US-003": "Three"}


def parts_of(
    code: Mapping[str, tuple[str, ...]],
    *,
    texts: Mapping[str, str] | None = None,
    depends_on: Mapping[str, tuple[str, ...]] | None = None,
) -> Parts:
    """A tree of the package ``p``.

    Args:
        code: the stories that each code file serves, by path.
        texts: texts by path; those of code files are empty otherwise.
        depends_on: the stories that a story depends on.
    """
    stories = tuple(
        Story(id=name, epic="EP-001", title=title, actor="user", want="w", requirements=("REQ-001",),
              depends_on=(depends_on or {}).get(name, ()))
        for name, title in _STORIES.items()
    )  # fmt: skip
    tests = {story_test_path(story.id, story.title): (story.id,) for story in stories}
    contents = {**dict.fromkeys([*code, *tests], ""), **(texts or {})}
    files = tuple(
        TreeFile(path=path, sha256=sha256_text(text), size=len(text), stories={**code, **tests}.get(path, ()))
        for path, text in contents.items()
    )
    plan = Architecture(
        title="P", stack="python-cli", distribution="p", package="p", summary="P.", licence="MIT", author="",
        files=tuple(PlannedFile(path=path, kind="source", purpose="p", interface="x: int") for path in code),
        data_model=(), decisions=(), commands=(),
    )  # fmt: skip
    backlog = Stories(epics=(Epic(id="EP-001", title="E"),), stories=stories, sprint=SprintRules())
    return Parts(files, {sha256_text(text): text for text in contents.values()}, plan, backlog, {})
