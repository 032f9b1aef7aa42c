"""The documents that the steps of the pipeline hand on: one model per artifact."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, get_args

from packaging.specifiers import SpecifierSet
from pydantic import Field

from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.idea import Entity, HandedFile, Licence, Section, SprintRules, StackName
from hishamos_pipeline.core.artifacts.prescriptions import Prescriptions

Priority = Literal["must", "should", "could"]
Layout = Literal["src", "flat"]
FileKind = Literal["source", "test", "docs", "ci", "provenance"]


class Requirement(Document):
    """What the product must do or be.

    ``sections`` are ids of the brief's sections that it takes up, and ``source`` quotes them. ``external_id`` is the
    one that the brief itself gives it, such as "FR-001". ``verified_by`` names the
    verification check that shows a quality requirement; it is empty for functional ones, which are shown by their
    stories' tests, and for constraints that no rule can check.
    """

    id: str
    kind: Literal["functional", "quality", "constraint"]
    title: str
    statement: str
    acceptance: tuple[str, ...]
    actor: str = "user"
    priority: Priority = "must"
    sections: tuple[str, ...] = ()
    source: str = ""
    external_id: Annotated[str, Field(max_length=40)] = ""
    verified_by: str = ""


class OpenQuestion(Document):
    """A question to the idea's author; until it is answered, the assumption stands."""

    question: str
    assumption: str


class Requirements(Document):
    """Artifact ``requirements``: what to build, the domain's terms, and what had to be assumed.

    ``program`` is what package and command are called. ``prescriptions`` are what the author leaves no choice about.
    ``brief`` and ``files`` are the sections of the brief and the files beside it, for those who go by its own words.
    ``required_stories`` are those without which nothing is to be delivered. ``retired`` are requirements of earlier
    revisions; their ids are never used again. ``revision_of`` is the hash of the requirements whose ids an engine's
    answer keeps; empty for an answer that was read anew, and for all that is kept.
    """

    program: str = ""
    title: str
    summary: str
    licence: Licence
    author: str
    sprint: SprintRules
    stack: StackName = "python-cli"
    requirements: tuple[Requirement, ...]
    entities: tuple[Entity, ...]
    assumptions: tuple[str, ...] = ()
    questions: tuple[OpenQuestion, ...] = ()
    prescriptions: Prescriptions = Prescriptions()
    brief: tuple[Section, ...] = ()
    files: tuple[HandedFile, ...] = ()
    required_stories: tuple[str, ...] = ()
    retired: tuple[Requirement, ...] = ()
    revision_of: str = ""

    @property
    def unchecked(self) -> tuple[Requirement, ...]:
        """What no test and no check shows: a person has to look at it."""
        excluded = {section.id for section in self.brief if section.excludes}
        return tuple(
            item
            for item in self.requirements
            if item.kind == "constraint"
            and not item.verified_by
            and not (
                item.sections and excluded.issuperset(item.sections)
            )  # what is not asked for needs no check
        )

    @property
    def unchecked_rules(self) -> tuple[str, ...]:
        """The same in words, as an architecture hands it on."""
        return tuple(item.statement for item in self.unchecked)


class PlannedFile(Document):
    """A file that the finished tree must hold, with the public signatures that it offers.

    ``interface`` is the module's public side as stub text in its own language; ``signatures`` are read off it.
    ``copy_of`` is the file beside the brief that it is, unchanged. ``entities`` and ``requirements`` say what it is
    about; none of either means the whole project.
    """

    path: str
    kind: FileKind
    purpose: str
    signatures: tuple[str, ...] = ()
    interface: str = ""
    depends_on: tuple[str, ...] = ()
    copy_of: str = ""
    entities: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()


class Decision(Document):
    """An architectural decision and its reason."""

    title: str
    reason: str


class Component(Document):
    """A part of a large plan: the folder with its files, its public side as stub text, and the components it needs."""

    name: str
    purpose: str
    folder: str
    offers: str = ""
    depends_on: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()


class Architecture(Document):
    """Artifact ``architecture``: stack, files with signatures, data model, decisions.

    ``layout`` says where the package is: below ``src/``, or at the root. ``entry`` is the function that becomes the
    installed program, as ``module:function``, empty for none. ``components`` are the parts of a plan that was made in
    two levels. ``usage`` says what users call and how it answers. ``commands`` are the checks that continuous
    integration runs, in order, each a shell-free argv; ``lint`` are the rules of ruff that all files keep to,
    ``forbidden`` those that find dangerous calls in the code. ``prescriptions`` are those of the brief; ``unchecked``
    is what of it no test and no check shows. ``faults_found`` is what a verification has found wrong with the plan,
    which was revised for its sake. ``waiting`` are ids of requirements that it leaves to a later build.
    ``dependencies`` are what the package needs to run, ``test_dependencies`` what its tests need besides (PEP 508).
    """

    title: str
    stack: StackName
    distribution: str
    package: str
    layout: Layout = "src"
    entry: str = ""
    summary: str
    licence: Licence
    author: str
    files: tuple[PlannedFile, ...]
    components: tuple[Component, ...] = ()
    data_model: tuple[Entity, ...]
    decisions: tuple[Decision, ...]
    usage: str = ""
    commands: tuple[tuple[str, ...], ...]
    lint: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    test_dependencies: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    faults_found: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    prescriptions: Prescriptions = Prescriptions()

    def paths(self, kind: FileKind) -> tuple[str, ...]:
        """The planned paths of one kind, in planned order."""
        return tuple(file.path for file in self.files if file.kind == kind)

    @property
    def root(self) -> str:
        """What comes before the package in its files' paths."""
        return "src/" if self.layout == "src" else ""

    @property
    def code(self) -> frozenset[str]:
        """Paths of the Python files that are planned besides tests: the package, and scripts beside it."""
        return frozenset(
            file.path
            for file in self.files
            if file.kind == "source" and file.path.endswith(".py") and not file.path.startswith("tests/")
        )

    @property
    def requires_python(self) -> str:
        """The versions of Python that the project is for: what the brief prescribes, as far as it can be verified."""
        wanted = self.prescriptions.python
        return wanted if wanted and SpecifierSet(wanted).contains("3.11") else ">=3.11"

    @property
    def called_module(self) -> str:
        """The module that users call: where the program is, or the application that the program serves."""
        module = self.entry.partition(":")[0]
        return f"{self.package}.app" if module == f"{self.package}.__main__" else module

    def in_package(self, path: str) -> bool:
        """Whether a file is part of the package, which is a single module where there is no folder for it."""
        own = f"{self.root}{self.package}"
        if path.startswith(f"{own}/"):
            return True
        return path == f"{own}.py" and not any(file.path.startswith(f"{own}/") for file in self.files)

    def module_of(self, path: str) -> str:
        """The name that a Python file is imported by."""
        name = path.removeprefix(self.root).removesuffix(".py").replace("/", ".")
        return name.removesuffix(".__init__")


class Criterion(Document):
    """One acceptance criterion of a story."""

    id: str
    given: str
    when: str
    then: str


class Epic(Document):
    """A group of stories about one thing."""

    id: str
    title: str


class Story(Document):
    """A user story; ``deferred`` ones stay in the backlog, ``waiting`` ones are outside the scope of a build, each with
    the reason.
    """

    id: str
    epic: str
    title: str
    actor: str
    want: str
    benefit: str = ""
    requirements: tuple[str, ...]
    criteria: tuple[Criterion, ...] = ()
    points: int = Field(default=1, ge=1)
    priority: Priority = "must"
    depends_on: tuple[str, ...] = ()
    status: Literal["planned", "deferred", "waiting"] = "planned"
    reason: str = ""
    assumptions: tuple[str, ...] = ()


class Stories(Document):
    """Artifact ``stories``: the backlog, and the rules for cutting it into sprints.

    ``required`` are ids or titles of stories without which nothing is to be delivered. ``retired`` are stories of
    earlier revisions; their ids are never used again. ``revision_of`` is as that of ``Requirements``.
    """

    epics: tuple[Epic, ...]
    stories: tuple[Story, ...]
    sprint: SprintRules
    required: tuple[str, ...] = ()
    retired: tuple[Story, ...] = ()
    revision_of: str = ""

    def deferring(self, reasons: Mapping[str, str]) -> "Stories":
        """The backlog in which some stories, by id, are deferred as well, each with its reason."""
        listed = tuple(
            story.model_copy(update={"status": "deferred", "reason": reasons[story.id]})
            if story.id in reasons
            else story
            for story in self.stories
        )
        return self.model_copy(update={"stories": listed})

    @property
    def planned(self) -> tuple[Story, ...]:
        """The stories that will be implemented."""
        return tuple(story for story in self.stories if story.status == "planned")

    @property
    def waiting(self) -> tuple[Story, ...]:
        """The stories outside the scope of the build."""
        return tuple(story for story in self.stories if story.status == "waiting")

    @property
    def left_out(self) -> tuple[Story, ...]:
        """The stories that will not be implemented now, whatever the reason."""
        return tuple(story for story in self.stories if story.status != "planned")

    @property
    def deferred(self) -> tuple[Story, ...]:
        """The stories that the engine cannot implement."""
        return tuple(story for story in self.stories if story.status == "deferred")


class Sprint(Document):
    """A sprint; ``end`` is its last day."""

    number: int
    goal: str
    start: date
    end: date
    stories: tuple[str, ...]
    points: int


class SprintPlan(Document):
    """Artifact ``sprint_plan``: planned and waiting stories in sprints, deferred ones left in the backlog."""

    sprints: tuple[Sprint, ...]
    backlog: tuple[str, ...]
    capacity: int


class TreeFile(Document):
    """A file of a generated tree; its text is a blob of the store, found by ``sha256``."""

    path: str
    sha256: str
    size: int
    executable: bool = False
    stories: tuple[str, ...] = ()


class FileSet(Document):
    """Artifacts ``source_code``, ``documentation`` and ``ci_config``: a set of files."""

    files: tuple[TreeFile, ...]


class CriterionTest(Document):
    """Which test shows a criterion: ``test`` is a pytest node id."""

    criterion: str
    test: str


class TestSuite(FileSet):
    """Artifact ``test_suite``: test files, and which test shows which criterion."""

    __test__ = False

    tests: tuple[CriterionTest, ...]


class CheckOutcome(Document):
    """The result of one verification check.

    ``figure`` is the measured value in ``unit``; ``offending`` lists what failed; ``output`` is the
    tail of the command's output when it failed.
    """

    name: str
    passed: bool
    figure: float
    unit: str
    offending: tuple[str, ...] = ()
    output: str = ""


class FileChange(Document):
    """A file that a repair changed, as a unified diff; the hashes are those of its texts."""

    path: str
    before: str
    after: str
    diff: str = ""


class RepairRound(Document):
    """One round of repair: what failed, who changed what, what it cost, and whether it helped.

    ``failed`` names what failed before it and ``left`` what failed after it; ``kept`` says whether its tree was better
    than the best before.
    """

    number: int
    side: Literal["code", "test", "document"]
    role: str
    failed: tuple[str, ...]
    reason: str
    changes: tuple[FileChange, ...]
    left: tuple[str, ...]
    kept: bool
    calls: int = 0
    cost_usd: float = 0.0


class Deferral(Document):
    """A story that could not be verified, and was left out of what is delivered with all that depends on it.

    ``failed`` names what failed; ``tests`` are its tests, which are kept with the report. Rounds of repair, calls and
    US dollars are those that went into it.
    """

    story: str
    title: str
    reason: str
    failed: tuple[str, ...] = ()
    tests: tuple[TreeFile, ...] = ()
    rounds: int = 0
    calls: int = 0
    cost_usd: float = 0.0


class PlanFault(Document):
    """What a repairer has found wrong with the plan: ``path`` is the file that cannot be mended for its sake."""

    path: str
    reason: str


class VerifiedBuild(Document):
    """Artifact ``verified_build``: the assembled tree and the report of its checks.

    ``commands`` are those of the CI files; ``isolated`` says whether the sandbox could have held back hostile code.
    ``deferrals`` are stories that were left out since they could not be verified; ``deferred`` names all that are not
    in the tree, but for those that are ``waiting`` outside the scope of the build. ``passed_tests`` are pytest's node
    ids. ``repairs`` are the files that differ from what was written first, ``rounds`` how they came about, and
    ``stopped`` why there was no further round. ``plan_faults`` are for the architect: the plan is revised once for
    their sake, and verified again.
    """

    passed: bool
    tree_hash: str
    files: tuple[TreeFile, ...]
    checks: tuple[CheckOutcome, ...]
    commands: tuple[str, ...]
    sandbox: str = "subprocess"
    isolated: bool = False
    toolchain: str = ""
    tests: int
    coverage: float
    requirements_verified: int
    stories_verified: tuple[str, ...]
    deferred: tuple[str, ...]
    waiting: tuple[str, ...] = ()
    deferrals: tuple[Deferral, ...] = ()
    passed_tests: tuple[str, ...] = ()
    rounds: tuple[RepairRound, ...] = ()
    repairs: tuple[FileChange, ...] = ()
    stopped: str = ""
    plan_faults: tuple[PlanFault, ...] = ()


Pillar = Literal[
    "correctness",
    "security",
    "performance",
    "readability",
    "maintainability",
    "simplicity",
    "error_handling",
    "testability",
    "documentation",
    "architecture",
]
PILLARS: tuple[Pillar, ...] = get_args(Pillar)
Severity = Literal["critical", "major", "minor"]


class Finding(Document):
    """Something that a review found; ``line`` is 0 where it is about the whole file."""

    pillar: Pillar
    severity: Severity
    path: str
    line: int = Field(default=0, ge=0)
    problem: str
    fix: str = ""


class PillarScore(Document):
    """How a file or a project stands on one pillar, from 0 to 10."""

    pillar: Pillar
    score: float = Field(ge=0, le=10)


class CodeReview(Document):
    """Artifact ``code_review``: ten pillars from 0 to 10, weighted by lines, and what was found."""

    scores: tuple[PillarScore, ...]
    findings: tuple[Finding, ...]
    files: int

    @property
    def overall(self) -> float:
        """The mean of the pillars."""
        return round(sum(item.score for item in self.scores) / max(len(self.scores), 1), 1)

    def count(self, severity: Severity) -> int:
        """How many findings are of a severity."""
        return sum(item.severity == severity for item in self.findings)


class Commit(Document):
    """A commit of the generated repository."""

    sha: str
    subject: str
    story: str = ""


class RepositoryRecord(Document):
    """Artifact ``repository``: where it is (relative to the project's folder) and what it holds."""

    path: str
    branch: str
    head: str
    tree_hash: str
    commits: tuple[Commit, ...]
    files: int


class Archive(Document):
    """Artifacts ``zip_archive`` and ``tar_archive``; nothing but ``wanted`` when not asked for."""

    wanted: bool
    path: str = ""
    sha256: str = ""
    size: int = 0
    files: int = 0
    commit: str = ""
