"""Evaluating: the cases of a suite are built, and what is delivered is put to tests that nobody who builds has seen."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from hishamos_pipeline.application.ideas import SubmitIdea, submit
from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import UseCaseInput, View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.artifacts.documents import Stories, VerifiedBuild
from hishamos_pipeline.core.pipeline.evaluation import (
    EvaluatedStep,
    Evaluation,
    EvaluationFigures,
    figures,
    in_both,
    regressions,
)
from hishamos_pipeline.core.pipeline.spending import Spent
from hishamos_pipeline.core.text.ids import check_key, slug
from hishamos_pipeline.errors import ArtifactMissingError, UsageError
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.intake.files import read_paths
from hishamos_pipeline.intake.suites import Case, read_suite
from hishamos_pipeline.verification.imports import declared_requirements
from hishamos_pipeline.verification.running import Runner, TestRun, read_report
from hishamos_pipeline.verification.verify import run_limits
from hishamos_pipeline.workspace.disk import replacing

# Builds a project by its key, and says whether that succeeded.
Build = Callable[[str], bool]


class EvaluateSuite(UseCaseInput):
    """Evaluate the cases of a suite's folder, or one of them, for so many US dollars at most."""

    folder: Path
    case: str = ""
    budget_usd: float | None = Field(None, ge=0)


class EvaluationView(View):
    """An evaluation, its figures, and the file that it is kept in."""

    evaluation: Evaluation
    figures: EvaluationFigures
    kept_as: str


class ComparedEvaluations(View):
    """Two evaluations over the checkpoints that both have reached."""

    first: EvaluationFigures
    second: EvaluationFigures


@dataclass(frozen=True, slots=True)
class _Evaluator:
    services: Services
    actor: Actor
    suite: str
    build: Build

    def step(self, case: Case, number: int, brief: Path, before: EvaluatedStep | None) -> EvaluatedStep:
        """Submit a checkpoint's brief, build it, and run the hidden tests on what is delivered."""
        services, key = self.services, check_key(f"{self.suite}-{case.name}"[:63].strip("-"))
        files = read_paths([case.files], services.settings) if case.files else None
        handed = SubmitIdea(
            raw=brief.read_bytes(), name=brief.name, source=f"suite {self.suite}", files=files, key=key
        )
        submit(services, self.actor, handed)
        spent, began = services.store.calls.spent(key), time.monotonic()
        succeeded = self.build(key)
        took = time.monotonic() - began
        tests = self._hidden(case, number, key) if succeeded else TestRun()
        return self._told(case, number, key, succeeded, tests, before, spent, took)

    def _told(
        self, case: Case, number: int, key: str, succeeded: bool, tests: TestRun, before: EvaluatedStep | None,
        spent: Spent, took: float,
    ) -> EvaluatedStep:  # fmt: skip
        store, now = self.services.store, self.services.store.calls.spent(key)
        project, data = store.projects.get(key), self.services.project_data(key)
        try:
            build, backlog = data.read("verified_build", VerifiedBuild), data.read("stories", Stories)
        except ArtifactMissingError:
            build, backlog = None, None
        return EvaluatedStep(
            case=case.name,
            checkpoint=number,
            project=key,
            state=project.state,
            reason=project.reason,
            delivered=succeeded and project.state == "exported",
            stories=len(backlog.stories) if backlog else 0,
            verified=len(build.stories_verified) if build and succeeded else 0,
            passed=tests.passed,
            failed=tests.failed,
            regressions=regressions(before, tests.failed),
            calls=now.calls - spent.calls,
            tokens=now.input_tokens + now.output_tokens - spent.input_tokens - spent.output_tokens,
            cost_usd=round(now.cost_usd - spent.cost_usd, 6),
            rounds=len(build.rounds) if build else 0,
            seconds=round(took, 1),
        )

    def _hidden(self, case: Case, number: int, key: str) -> TestRun:
        """What the hidden tests say, run in the sandbox on a copy of the delivered tree."""
        with tempfile.TemporaryDirectory(prefix="hishamos-evaluate-") as folder:
            root = Path(folder) / "work"
            shutil.copytree(self.services.project_data(key).folder.path("tree"), root / "project")
            shutil.copytree(case.tests, root / "tests", ignore=shutil.ignore_patterns("__pycache__"))
            return asyncio.run(self._run(case, number, root))

    async def _run(self, case: Case, number: int, root: Path) -> TestRun:
        metadata = root / "project" / "pyproject.toml"
        declared = declared_requirements(metadata.read_text(encoding="utf-8")) if metadata.exists() else ()
        prepared = await self.services.toolchains.prepare((*declared, *case.how.requires))
        if prepared.toolchain is None:
            return TestRun(failed=tuple(f"the tests cannot be run: {item}" for item in prepared.findings))
        runner = Runner(self.services.sandbox, prepared.toolchain, run_limits(self.services.settings))
        words = [word.format(project="project", tests="tests", checkpoint=number) for word in case.how.run]
        outcome = await runner.run(words, root)
        report = read_report(outcome)
        if not report.collected:
            return TestRun(
                failed=(f"the tests ended with {outcome.ending}: {outcome.output.strip()[-300:]}",)
            )
        return report


@requires("batches.run")
def evaluate(
    services: Services,
    actor: Actor,
    command: EvaluateSuite,
    build: Build,
    tell: Callable[[EvaluatedStep], None],
) -> EvaluationView:
    """Build every checkpoint of every case, one after the other, and keep what comes of it.

    Args:
        services: the services.
        actor: whoever wants it.
        command: the suite.
        build: builds a project by its key.
        tell: is told each checkpoint as soon as it is done.

    Raises:
        IdeaError: the suite or a brief of it cannot be read; nothing is built then.
        UsageError: there is no case of that name.
    """
    acting = services.acting_as(actor)
    cases = [case for case in read_suite(command.folder) if command.case in ("", case.name)]
    if not cases:
        raise UsageError(f"{command.folder} has no case {command.case!r}")
    suite = slug(command.folder.resolve().name) or "suite"
    evaluator = _Evaluator(acting, actor, suite, build)
    started, steps, stopped = datetime.now(UTC), list[EvaluatedStep](), ""
    for case in cases:
        before: EvaluatedStep | None = None
        for number, brief in enumerate(case.briefs, start=1):
            spent = sum(step.cost_usd for step in steps)
            if command.budget_usd is not None and steps and spent >= command.budget_usd:
                stopped = f"the budget of {command.budget_usd:g} USD is used up"
                break
            before = evaluator.step(case, number, brief, before)
            steps.append(before)
            tell(before)
    made = Evaluation(
        suite=suite, engine=services.settings.llm, started_at=started, steps=tuple(steps), stopped=stopped
    )
    folder = services.settings.home / "evaluations"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{suite}-{started:%Y%m%dT%H%M%S}.json"
    with replacing(target) as aside:
        aside.write_text(made.model_dump_json(indent=1), encoding="utf-8")
    return EvaluationView(evaluation=made, figures=figures(made.steps), kept_as=str(target))


def read_evaluation(path: Path) -> Evaluation:
    """An evaluation that was kept.

    Raises:
        UsageError: the file is none.
    """
    try:
        return Evaluation.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is no evaluation that was kept: {str(error).splitlines()[0]}") from None


def compare(first: Evaluation, second: Evaluation) -> ComparedEvaluations:
    """Two evaluations over the checkpoints that both have reached."""
    one, other = in_both(first, second)
    return ComparedEvaluations(first=figures(one), second=figures(other))
