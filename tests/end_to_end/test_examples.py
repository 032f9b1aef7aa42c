"""The briefs that come with HishamOS are built as a newcomer builds them: no key, and all that is built verified."""

import json
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.commands import hishamos_process

pytestmark = pytest.mark.slow
BRIEFS = sorted((ROOT / "examples" / "ideas").iterdir())


@pytest.mark.parametrize("brief", BRIEFS, ids=lambda path: path.stem)
def test_every_story_is_verified_or_needs_a_model(tmp_path: Path, brief: Path) -> None:
    built = hishamos_process(tmp_path, "build", str(brief), "--json")
    assert built.returncode == 0, built.stderr[-3000:]
    told = json.loads(built.stdout)
    assert told["not_verified"] == []
    assert all(story["reason"].startswith("needs a language model") for story in told["deferred"])
    assert told["implemented"] == told["stories"] - len(told["deferred"]) > 0
