"""What the roles answer outside the chain of assets: one small document for each kind of work."""

from typing import Literal

from pydantic import Field

from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.documents import Finding, Severity


class Question(Document):
    """A question to a person, and what is assumed until it is answered."""

    question: str
    assumption: str


class Elicitation(Document):
    """What is understood of an idea, and at most three questions."""

    understood: str
    questions: tuple[Question, ...] = Field(max_length=3)


class Estimate(Document):
    """Story points of the Fibonacci row, with the reason."""

    story: str
    points: Literal[1, 2, 3, 5, 8, 13]
    reason: str


class Estimates(Document):
    """One estimate for each story."""

    estimates: tuple[Estimate, ...] = Field(min_length=1)


class SmallerStory(Document):
    """A story that fits into a sprint."""

    title: str
    want: str
    criteria: tuple[str, ...] = Field(min_length=1)
    points: Literal[1, 2, 3, 5, 8, 13]


class Breakdown(Document):
    """An epic in stories that each stand alone."""

    stories: tuple[SmallerStory, ...] = Field(min_length=1)


class ChangedFile(Document):
    """A file with its whole new text."""

    path: str
    text: str


class Change(Document):
    """A change of code: whole files, never fragments."""

    summary: str
    files: tuple[ChangedFile, ...] = Field(min_length=1)


class Diagnosis(Document):
    """A defect: its cause, how that is known, and the change that removes it."""

    cause: str
    evidence: str
    files: tuple[ChangedFile, ...] = ()


class Findings(Document):
    """What a review of one kind found."""

    summary: str
    findings: tuple[Finding, ...] = ()


class Item(Document):
    """A numbered thing of a plan or a list, with who or what it concerns."""

    title: str
    detail: str
    owner: str = ""


class Plan(Document):
    """A plan: steps in order, and what could go wrong."""

    summary: str
    steps: tuple[Item, ...] = Field(min_length=1)
    risks: tuple[Item, ...] = ()


class TestCase(Document):
    """A test as it would be carried out."""

    __test__ = False

    title: str
    given: str
    when: str
    then: str
    priority: Literal["must", "should", "could"]


class TestPlan(Document):
    """What to test, and what not."""

    __test__ = False

    cases: tuple[TestCase, ...] = Field(min_length=1)
    left_out: tuple[str, ...] = ()


class StatusReport(Document):
    """Where a project stands."""

    summary: str
    done: tuple[str, ...] = ()
    next: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()


class ReleaseDecision(Document):
    """Notes of a release and whether it should go out."""

    version: str
    decision: Literal["go", "no-go"]
    reasons: tuple[str, ...]
    notes: str


class Triage(Document):
    """A report, sorted."""

    title: str
    severity: Severity
    component: str
    reproduction: tuple[str, ...]
    missing: tuple[str, ...] = ()
    duplicate_of: str = ""


class Text(Document):
    """A text in Markdown."""

    text: str = Field(min_length=1)


class Analysis(Document):
    """Figures with what they say, and what they do not."""

    answer: str
    figures: tuple[Item, ...] = ()
    caveats: tuple[str, ...] = ()


class Assistance(Document):
    """What was done of what somebody asked for, and what they have to do or decide themselves."""

    answer: str = Field(min_length=1)
    done: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


class Reply(Document):
    """An answer to somebody who uses a product."""

    answer: str
    sources: tuple[str, ...] = ()
    escalate: bool = False
