"""Files that exist and are changed: edits applied, and rewriting that nothing asks for sent back."""

from collections.abc import Sequence

from hishamos_pipeline.agents.file_questions import FileEdits, FileRevision, FileText, TextEdit
from hishamos_pipeline.authoring.drafts import RevisedText
from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.text.lines import lost_lines

# A file of at least so many lines of which more than this share is others now was written anew.
_SHORTEST, _MOST_CHANGED = 20, 0.5


class ReconsiderError(ValueError):
    """An answer that is valid, and unlikely to be what was meant: it goes back once, and counts if it comes again."""

    def __init__(self, problem: str, answer: Document) -> None:
        super().__init__(problem)
        self.answer = answer


def revised_text(text: str, draft: RevisedText | FileEdits) -> str:
    """The text that an answer to a question for a change comes to.

    Raises:
        ValueError: the answer has no text and does not say that nothing changes, or both; or an edit has no place.
    """
    if isinstance(draft, FileEdits):
        return edited(text, draft.edits)
    if draft.unchanged == bool(draft.text):
        raise ValueError("`text`: give the whole file, or leave it out and say `unchanged`")
    return text if draft.unchanged else draft.text


def edited(text: str, edits: Sequence[TextEdit]) -> str:
    """A text with edits done, all of them or none.

    Raises:
        ValueError: an edit's text is not there, or several times; names all of them.
    """
    faults = []
    for number, edit in enumerate(edits, start=1):
        found = text.count(edit.search)
        if found == 1:
            text = text.replace(edit.search, edit.replace)
        else:
            stands = "does not stand" if not found else f"stands {found} times"
            faults.append(f"edit {number}: `search` {stands} in the file: {edit.search[:80]!r}")
    if faults:
        raise ValueError("; ".join(faults))
    return text


def unexplained(question: FileRevision, text: str) -> int:
    """How many lines of a file are others without a reason: 0 where they are few, or tests of mostly new criteria."""
    lines, lost = question.text.count("\n"), lost_lines(question.text, text)
    if lines < _SHORTEST or lost <= _MOST_CHANGED * lines:
        return 0
    criteria = {f"criterion {item.id}" for item in question.story.criteria} if question.story else set()
    changed = {change.name for change in question.changes if change.name.startswith("criterion ")}
    return 0 if question.story and 2 * len(changed) > len(criteria | changed) else lost


def require_little(question: FileRevision, answer: FileText) -> None:
    """Send back a file whose lines are others that nothing asks to change.

    Raises:
        ReconsiderError: names how many lines have changed, and what for.
    """
    lines, lost = question.text.count("\n"), unexplained(question, answer.text)
    if not lost:
        return
    names = ", ".join(change.name for change in question.changes)
    raise ReconsiderError(
        f"{lost} of {lines} lines of the file are others now, although only this has changed: {names}. Leave "
        "the rest as it is; answer the same again only if nothing less will do",
        answer,
    )
