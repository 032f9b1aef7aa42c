"""``PROVENANCE.json``: which story and requirement each file of a tree serves, and who made it."""

import json
from collections.abc import Mapping, Sequence

from hishamos_pipeline.core.artifacts.documents import Stories, TreeFile

PATH = "PROVENANCE.json"


def provenance(
    *,
    key: str,
    files: Sequence[TreeFile],
    stories: Stories,
    producers: Mapping[str, Mapping[str, str]],
    hashes: Mapping[str, str],
) -> str:
    """The text of the file; the same tree always gets the same text.

    Args:
        key: the project.
        files: the other files of the tree; one without stories serves the project as a whole.
        stories: the backlog, for the requirements behind the stories.
        producers: for each artifact, its engine and code version.
        hashes: content hashes of the documents that the tree was made from.
    """
    requirements = {story.id: list(story.requirements) for story in stories.stories}
    record = {
        "format": "hishamos-provenance/1",
        "project": key,
        "documents": dict(hashes),
        "producers": {kind: dict(values) for kind, values in producers.items()},
        "stories": {
            story.id: {
                "title": story.title,
                "status": story.status,
                "requirements": list(story.requirements),
                **({"reason": story.reason} if story.reason else {}),
            }
            for story in stories.stories
        },
        "files": {
            file.path: {
                "sha256": file.sha256,
                "stories": list(file.stories),
                "requirements": sorted({r for name in file.stories for r in requirements.get(name, [])}),
            }
            for file in sorted(files, key=lambda item: item.path)
        },
    }
    return json.dumps(record, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
