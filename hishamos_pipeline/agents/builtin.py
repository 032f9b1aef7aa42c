"""The roles of HishamOS."""

from typing import Any

from hishamos_pipeline.agents import answers, tasks
from hishamos_pipeline.agents.roles import Role
from hishamos_pipeline.agents.tasks import Assignment, Policy, Task
from hishamos_pipeline.core.artifacts.document import Document

_PROJECT = (
    "list_artifacts", "read_artifact", "list_files", "search_files", "read_file", "run_checks",
    "git_log", "git_diff", "git_blame",
)  # fmt: skip
# Offered where the operator has named what may be reached.
_WEB = ("search_web", "read_page")
_SYSTEMS = ("query_database", "call_http")
_READS = Policy(tools=_PROJECT + _WEB)
_TALKS = Policy(tools=_PROJECT + _WEB, turns=True, api=("read",))
_LIGHT = Policy("fast", tools=_PROJECT, api=("read",))
_ANALYSES = Policy(tools=_PROJECT + _WEB + _SYSTEMS, turns=True, api=("read",))
# Does what somebody asks for, as far as they may.
_ACTS = Policy(tools=_PROJECT + _WEB, turns=True, api=("manage",))


def _task(
    role: str, name: str, answer: type[Document], purpose: str, policy: Policy = _READS
) -> Task[Any, Any]:
    return Task(role, name, Assignment, answer, purpose, policy)


ROLES: tuple[Role, ...] = (
    Role(
        "architect",
        "Decides how a product is built: files, interfaces, dependencies",
        (
            tasks.ARCHITECTURE,
            tasks.REVISE_ARCHITECTURE,
            tasks.COMPONENT,
            _task("architect", "decide", answers.Plan, "A decision with its options and consequences"),
        ),
    ),
    Role(
        "business_analyst",
        "Finds out what is wanted, and writes it down so that it can be tested",
        (
            _task("business_analyst", "elicit", answers.Elicitation, "Questions to an idea's author", _TALKS),
            tasks.REQUIREMENTS,
            tasks.REVISE_REQUIREMENTS,
            tasks.STORIES,
            tasks.REVISE_STORIES,
            tasks.CHANGE,
            _task("business_analyst", "estimate", answers.Estimates, "Story points for stories"),
            _task("business_analyst", "break_down", answers.Breakdown, "An epic in stories"),
        ),
    ),
    Role(
        "coding",
        "Writes and changes code",
        (
            tasks.SOURCE_FILE,
            tasks.REVISE_SOURCE,
            tasks.REPAIR_CODE,
            _task("coding", "modify", answers.Change, "A change of behaviour in existing code"),
            _task("coding", "refactor", answers.Change, "Better structure, same behaviour"),
            _task("coding", "debug", answers.Diagnosis, "The cause of a failure, and its fix", _TALKS),
        ),
    ),
    Role(
        "code_review",
        "Judges code on ten pillars",
        (
            tasks.REVIEW_FILE,
            _task("code_review", "review_change", answers.Findings, "The review of a change"),
        ),
    ),
    Role(
        "data_analyst",
        "Reads figures, and says what they show",
        (
            _task("data_analyst", "analyse", answers.Analysis, "An answer from data", _ANALYSES),
            _task("data_analyst", "metrics", answers.Plan, "What to measure, and how"),
        ),
    ),
    Role(
        "devops",
        "Builds, delivers and runs what was written",
        (
            tasks.CI_FILE,
            _task("devops", "pipeline", answers.Plan, "A delivery pipeline"),
            _task("devops", "incident", answers.Diagnosis, "The cause of an incident", _ANALYSES),
        ),
    ),
    Role(
        "documentation",
        "Explains a product to those who use it",
        (
            tasks.DOCUMENT,
            tasks.REVISE_DOCUMENT,
            tasks.REPAIR_DOCUMENT,
            _task("documentation", "explain", answers.Text, "An explanation of code or behaviour", _LIGHT),
        ),
    ),
    Role(
        "bug_triage",
        "Sorts reports of defects",
        (_task("bug_triage", "triage", answers.Triage, "A report, sorted", _LIGHT), tasks.FIND_FAULT),
    ),
    Role(
        "performance",
        "Finds what is slow, and why",
        (_task("performance", "audit", answers.Findings, "Slow or wasteful places in code"),),
    ),
    Role(
        "project_manager",
        "Keeps a project on its way",
        (
            _task("project_manager", "plan", answers.Plan, "A plan with risks"),
            _task("project_manager", "status", answers.StatusReport, "Where a project stands", _LIGHT),
            _task("project_manager", "assist", answers.Assistance, "What somebody asks for, done", _ACTS),
        ),
    ),
    Role(
        "qa",
        "Shows whether a product does what it should",
        (
            tasks.TEST_FILE,
            tasks.REVISE_TEST,
            tasks.REPAIR_TEST,
            _task("qa", "test_plan", answers.TestPlan, "What to test, and what not"),
        ),
    ),
    Role(
        "release_manager",
        "Decides when a release goes out, and tells what is in it",
        (_task("release_manager", "release", answers.ReleaseDecision, "Notes, and go or no-go"),),
    ),
    Role(
        "scrum_master",
        "Helps a team to work in sprints",
        (
            tasks.SPRINT_GOALS,
            _task("scrum_master", "retrospective", answers.Plan, "What to do better", _LIGHT),
        ),
    ),
    Role(
        "security",
        "Finds what can be attacked",
        (
            _task("security", "audit", answers.Findings, "Weaknesses of code"),
            _task("security", "threat_model", answers.Plan, "Threats, and what stops them"),
        ),
    ),
    Role(
        "support",
        "Answers those who use a product",
        (_task("support", "answer", answers.Reply, "An answer to a user", _TALKS),),
    ),
    Role(
        "ui_ux",
        "Makes a product easy to use",
        (
            _task("ui_ux", "review", answers.Plan, "What is hard to use, and what would be easier"),
            _task("ui_ux", "flow", answers.Plan, "The steps of a user through a product"),
        ),
    ),
)
