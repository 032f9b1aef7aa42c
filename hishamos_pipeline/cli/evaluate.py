"""``hishamos evaluate``: build a suite, and put what is delivered to tests that nobody who builds has seen."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hishamos_pipeline.cli.output import bars, echo, json_option, opened, print_json, print_table
from hishamos_pipeline.cli.running import run_with_progress, tell_to_wait

if TYPE_CHECKING:
    from hishamos_pipeline.core.actor import Actor
    from hishamos_pipeline.core.pipeline.evaluation import EvaluatedStep, EvaluationFigures
    from hishamos_pipeline.generation.services import Services


@click.command("evaluate")
@click.argument("suite", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--case", default="", metavar="NAME", help="Evaluate one case alone.")
@click.option("--budget-usd", type=click.FloatRange(min=0), help="Begin no build once so much was spent.")
@click.option(
    "--compare", "earlier", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
    help="Compare with an evaluation that was kept, over the checkpoints that both have reached.",
)  # fmt: skip
@click.option("--plot", is_flag=True, help="Draw bars.")
@json_option
def command(
    suite: Path, case: str, budget_usd: float | None, earlier: Path | None, plot: bool, as_json: bool
) -> None:
    """Build every checkpoint of the cases in SUITE, and run their hidden tests on what is delivered.

    A case is a folder with `brief.md`, or `checkpoint_1.md` and so on, with `tests/`, and, where they are needed,
    `files/` and `case.yaml`.
    """
    from hishamos_pipeline.application import evaluations

    before = evaluations.read_evaluation(earlier) if earlier else None
    with opened() as (services, actor):
        done = evaluations.evaluate(
            services, actor, evaluations.EvaluateSuite(folder=suite, case=case, budget_usd=budget_usd),
            lambda key: _build(services, actor, key), lambda step: None if as_json else echo(_line(step)),
        )  # fmt: skip
    compared = evaluations.compare(before, done.evaluation) if before else None
    if as_json:
        print_json(compared or done)
        return
    if done.evaluation.stopped:
        echo(done.evaluation.stopped, err=True)
    columns = [("now", compared.second if compared else done.figures)]
    if compared:
        columns.insert(0, ("before", compared.first))
    if plot:
        _plot(columns)
    else:
        rows = [
            (name, *(_said(name, figures) for _, figures in columns))
            for name in type(done.figures).model_fields
        ]
        print_table(("figure", *(name for name, _ in columns)), rows)
    echo(f"kept as {done.kept_as}")


def _build(services: "Services", actor: "Actor", key: str) -> bool:
    """Build a project in this process, without a word but on failure."""
    from hishamos_pipeline.application import builds

    builds.prepare(services, actor)
    run = services.project(key)
    with builds.one_build_at_a_time(run, tell_to_wait(key)):
        kinds = builds.steps_to_make(run)
        return not kinds or run_with_progress(run, kinds, actor, quiet=True)


def _line(step: "EvaluatedStep") -> str:
    hidden = f"{len(step.passed)} of {len(step.passed) + len(step.failed)} hidden tests"
    wrong = ", verified wrongly" if step.was_wrong else ""
    why = "" if step.delivered else f": {step.reason}"[:200]
    return (
        f"{step.case} {step.checkpoint}: {step.state}, {step.verified} of {step.stories} stories, {hidden}{wrong}, "
        f"{step.calls} calls, {step.seconds:g} s{why}"
    )


def _said(name: str, figures: "EvaluationFigures") -> str:
    value = getattr(figures, name)
    return f"{value:.1%}" if name in ("delivered", "hidden_passed") else f"{value:,}"


def _plot(columns: "list[tuple[str, EvaluationFigures]]") -> None:
    for name in ("delivered", "hidden_passed", "calls", "tokens", "cost_usd"):
        echo(name.replace("_", " "))
        for line in bars([(label, float(getattr(figures, name))) for label, figures in columns]):
            echo(line)
