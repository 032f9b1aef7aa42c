"""Delivery by story: what cannot be made to pass goes back to the backlog, and the rest is verified again as a whole.

A deferred story takes with it the stories that depend on it, its tests, and the code that serves nothing else. All
checks hold on what is left; where nothing is left, nothing is delivered.
"""

import ast
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from hishamos_pipeline.agents.file_questions import FileRequest
from hishamos_pipeline.core.artifacts.documents import Deferral, Story, TreeFile
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.ids import EXAMPLES, story_test_path
from hishamos_pipeline.core.text.parsing import parse_python
from hishamos_pipeline.core.text.untrusted import markdown_line, one_line
from hishamos_pipeline.generation.assembling import Parts
from hishamos_pipeline.generation.readme_sections import README, with_section
from hishamos_pipeline.generation.repair import Judge, Repaired
from hishamos_pipeline.generation.repair_rounds import code_of
from hishamos_pipeline.stacks.python import scaffold
from hishamos_pipeline.stacks.python.formatting import tidy_file
from hishamos_pipeline.verification import readme
from hishamos_pipeline.verification.failures import Failure, failures
from hishamos_pipeline.verification.imports import imports

_NOT_YET = "What it does not do yet"
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Delivered:
    """A tree that was judged as a whole, and the stories that it does without."""

    done: Repaired
    deferrals: tuple[Deferral, ...] = ()


async def without_what_fails(done: Repaired, judge: Judge, theirs: Collection[str] = ()) -> Delivered:
    """The largest part of a tree that passes, as far as leaving out stories leads there; the tree itself if none does.

    Args:
        done: a tree that repair could not make pass.
        judge: verifies a tree; it is told the number of the round.
        theirs: files that people have edited, whose words are left to them.
    """
    parts, verdict, reasons = done.parts, done.verdict, dict[str, str]()
    rounds, deferrals = len(done.rounds), dict[str, Deferral]()
    while not verdict.build.passed:
        found = failures(verdict.build.checks, verdict.tests, code_of(parts))
        blamed = blame(found, parts)
        kept = parts.stories.planned
        dropped = with_dependents(kept, blamed)
        shown = [item for item in found if item.check == "readme_commands" and README not in theirs]
        changed = without_failing_commands(parts, shown)
        if set(dropped) == {story.id for story in kept} or (not dropped and changed is parts):
            return Delivered(done)
        for story in kept:
            if story.id in dropped:
                reasons[story.id] = _reason(story, blamed.get(story.id, ()), done, dropped)
                deferrals[story.id] = _deferral(
                    story, reasons[story.id], blamed.get(story.id, ()), parts, done
                )
        parts = await without(changed, dropped, reasons, theirs)
        rounds += 1
        verdict = await judge(parts, rounds)
    listed = tuple(deferrals[story.id] for story in done.parts.stories.planned if story.id in deferrals)
    return Delivered(replace(done, parts=parts, verdict=verdict), listed)


def blame(found: Sequence[Failure], parts: Parts) -> dict[str, list[Failure]]:
    """Which stories stand for each failure: that of a failing test, else those that a failing file serves.

    A file that serves all of them tells nothing, and neither does an example of the brief.
    """
    planned = {story.id for story in parts.stories.planned}
    tests = {story_test_path(story.id, story.title): story.id for story in parts.stories.planned}
    blamed: dict[str, list[Failure]] = {}
    for item in found:
        named = [item.name.split("::")[0].split(":")[0], *item.files]
        stories = {tests[path] for path in named if path in tests}
        if not stories and EXAMPLES not in named:
            files = [parts.paths[path] for path in named if path in parts.paths]
            stories = set(files[0].stories) & planned if files else set()
            stories = stories if stories != planned else set()
        for name in stories:
            blamed.setdefault(name, []).append(item)
    return blamed


def with_dependents(stories: Sequence[Story], dropped: Collection[str]) -> tuple[str, ...]:
    """Stories that are dropped, and those that depend on one of them, in their order."""
    gone = set(dropped)
    while more := {story.id for story in stories if story.id not in gone and gone & set(story.depends_on)}:
        gone |= more
    return tuple(story.id for story in stories if story.id in gone)


async def without(
    parts: Parts, dropped: Collection[str], reasons: Mapping[str, str], theirs: Collection[str] = ()
) -> Parts:
    """The parts without stories: their tests, and the code that serves nothing else; documents say so.

    Args:
        parts: the tree.
        dropped: ids of the stories that go now.
        reasons: why, of all stories that have gone.
        theirs: files that people have edited; a README among them keeps all of its lines.
    """
    stories = parts.stories.deferring(reasons)
    tests = {story_test_path(story.id, story.title) for story in parts.stories.stories if story.id in dropped}
    gone = tests | removable(parts, dropped, tests)
    files = tuple(
        file.model_copy(update={"stories": tuple(name for name in file.stories if name not in dropped)})
        for file in parts.files
        if file.path not in gone
    )
    plan = parts.architecture.model_copy(
        update={"files": tuple(file for file in parts.architecture.files if file.path not in gone)}
    )
    first = {path: text for path, text in parts.first_tests.items() if path not in gone}
    left = replace(parts, files=files, architecture=plan, stories=stories, first_tests=first)
    texts = await _rendered_again(parts, left)
    if README in left.paths and README not in theirs:
        texts[README] = _claiming_less(left.text(README), dropped)
    return await telling_what_it_lacks(left.changed(texts))


async def telling_what_it_lacks(parts: Parts) -> Parts:
    """The parts with a section of their README that names every story that is left out, and why."""
    left_out = parts.stories.left_out
    if README not in parts.paths or not left_out:
        return parts
    listed = [f"{_named(item)}: {markdown_line(item.reason)}" for item in left_out]
    text = await with_section(parts.text(README), _NOT_YET, listed, parts.architecture.package)
    return parts.changed({README: text})


def tells_what_it_lacks(parts: Parts) -> bool:
    """Whether the README as it was written names every story that is left out, as the blueprint engine's does."""
    return all(_named(item) in parts.text(README) for item in parts.stories.left_out)


def _named(story: Story) -> str:
    return f"{story.id} {markdown_line(story.title)}"


def removable(parts: Parts, dropped: Collection[str], tests: Collection[str]) -> set[str]:
    """Code that serves dropped stories alone, and that nothing which stays imports or is planned to need."""
    plan, package = parts.architecture, parts.architecture.package
    fixed = {plan.entry.partition(":")[0], package, *(item.module for item in plan.prescriptions.names)}
    gone = {
        file.path
        for file in parts.files
        if file.stories
        and set(file.stories) <= set(dropped)
        and file.path not in tests
        and not file.path.startswith("tests/")
        and not file.path.endswith(("__init__.py", "__main__.py"))
        and plan.module_of(file.path) not in fixed
        and file.path not in plan.prescriptions.paths
    }
    needs = {file.path: set(file.depends_on) for file in plan.files if not file.path.endswith(".py")}
    while True:
        staying = [file for file in parts.files if file.path not in gone and file.path not in tests]
        needed = {name for file in staying for name in needs.get(file.path, ())}
        modules = {
            name for file in staying if file.path.endswith(".py") for name in _imported(parts.text(file.path))
        }
        kept = {path for path in gone if path in needed or plan.module_of(path) in modules}
        data = {name for file in plan.files for name in file.depends_on if file.path not in gone}
        kept |= {path for path in gone if not path.endswith(".py") and path in data}
        if not kept:
            return gone
        gone -= kept


def _imported(text: str) -> set[str]:
    """Modules that Python code imports, and names that could be modules of a package; none of what is no Python."""
    try:
        parse_python(text)
    except SyntaxError:
        return set()
    found = {name for _, name in imports(text)}
    for node in ast.walk(parse_python(text)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def without_failing_commands(parts: Parts, found: Sequence[Failure]) -> Parts:
    """A README without the blocks whose commands fail: what a reader would try in vain is not shown."""
    failing = {match[1] for item in found if (match := re.search(r"`(.+)` fails$", item.name))}
    if not failing or README not in parts.paths:
        return parts
    text = readme.without_blocks(parts.text(README), failing)
    return parts.changed({README: text}) if text != parts.text(README) else parts


async def _rendered_again(before: Parts, after: Parts) -> dict[str, str]:
    """Documents that follow from the plan and the backlog, as they are now."""
    texts = {}
    for file in after.files:
        old, new = (
            scaffold.text_of(FileRequest(path=file.path, architecture=p.architecture, stories=p.stories))
            for p in (before, after)
        )
        if new is not None and old != new:
            texts[file.path] = await tidy_file(file.path, new, after.architecture.package)
    return texts


def _claiming_less(text: str, dropped: Collection[str]) -> str:
    """A README without the lines that claim nothing but dropped stories."""
    return "\n".join(line for line in text.splitlines() if not _claims_only(line, dropped))


def _claims_only(line: str, dropped: Collection[str]) -> bool:
    named = set(re.findall(r"\bUS-\d+\b", line))
    return bool(named) and named <= set(dropped)


def _reason(story: Story, found: Sequence[Failure], done: Repaired, dropped: Collection[str]) -> str:
    if not found:
        on = [name for name in story.depends_on if name in dropped]
        return f"depends on {', '.join(on)}, which could not be verified"
    said = one_line(found[0].message.strip().splitlines()[0]) if found[0].message.strip() else ""
    tried = f"{len(done.rounds)} rounds of repair" if done.rounds else "no repair"
    return (
        f"could not be verified: {found[0].check}: {found[0].name}: {said}"[:_LONGEST_REASON] + f" ({tried})"
    )


def _deferral(story: Story, reason: str, found: Sequence[Failure], parts: Parts, done: Repaired) -> Deferral:
    path = story_test_path(story.id, story.title)
    tests: tuple[TreeFile, ...] = (parts.paths[path],) if path in parts.paths else ()
    mine = [item for item in done.rounds if any(path in name for name in item.failed)]
    return Deferral(
        story=story.id,
        title=story.title,
        reason=reason,
        failed=tuple(f"{item.check}: {item.name}" for item in found),
        tests=tests,
        rounds=len(mine),
        calls=sum(item.calls for item in mine),
        cost_usd=round(sum(item.cost_usd for item in mine), 6),
    )
