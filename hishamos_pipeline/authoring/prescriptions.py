"""What an author has prescribed: taken over from a draft only as the brief has it, and held against plans.

What is at fault is told in sentences for the model, all at once.
"""

import ast
from collections.abc import Iterator

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from hishamos_pipeline.authoring.drafts import PrescriptionsDraft
from hishamos_pipeline.authoring.refusing import refuse
from hishamos_pipeline.core.artifacts.documents import Architecture, PlannedFile
from hishamos_pipeline.core.artifacts.idea import Idea
from hishamos_pipeline.core.artifacts.prescriptions import (
    PrescribedName,
    Prescriptions,
    defined_names,
    not_in_brief,
)
from hishamos_pipeline.core.text.conformance import conformance
from hishamos_pipeline.core.text.interfaces import is_empty, normalised, read_interface
from hishamos_pipeline.core.text.parsing import parse_python
from hishamos_pipeline.errors import PathError
from hishamos_pipeline.stacks.python.layout import is_taken
from hishamos_pipeline.toolchains.vetting import vet
from hishamos_pipeline.workspace.paths import check_path


def prescribed(idea: Idea, draft: PrescriptionsDraft) -> Prescriptions:
    """The prescriptions of a draft.

    Raises:
        ValueError: the brief does not have one of them, or it is nothing that code can be held to.
    """
    made = Prescriptions.model_validate(draft.model_dump())
    faults = [
        f"{item} is no prescription: the brief does not have it" for item in not_in_brief(made, idea.whole)
    ]
    faults += [*_faults_of_stubs(made), *_faults_of_examples(made), *_faults_of_paths(made)]
    if made.python:
        try:
            SpecifierSet(made.python)
        except InvalidSpecifier:
            faults.append(f"`python` is {made.python!r}, which is no specifier such as >=3.11")
    faults += [f"dependencies: {item}" for item in vet(made.dependencies)[1]]
    refuse(faults)
    return made


def _faults_of_stubs(given: Prescriptions) -> Iterator[str]:
    for item in given.names:
        try:
            if is_empty(normalised(item.stub)):
                yield f"the stub for {item.module} defines nothing: {item.stub[:60]!r}"
        except ValueError as error:
            yield f"the stub for {item.module}: {error}"


def _faults_of_examples(given: Prescriptions) -> Iterator[str]:
    for example in given.examples:
        for step in example.steps:
            if bool(step.command) == bool(step.request):
                yield f"a step of the example {example.title!r} has to be either a command or a request"


def _faults_of_paths(given: Prescriptions) -> Iterator[str]:
    beside = [file.path for example in given.examples for file in example.files]
    for path in (*given.paths, *beside):
        try:
            check_path(path)
        except PathError as error:
            yield str(error)


def _faults_of_commands(plan: Architecture) -> Iterator[str]:
    """Examples that nothing of the plan could answer."""
    known = {"python", "python3", "sh", "bash", plan.distribution}
    for example in plan.prescriptions.examples:
        for step in example.steps:
            if step.request and plan.stack != "python-api":
                yield f"the example {example.title!r} is a request, and a {plan.stack} answers none"
            if step.command and step.command[0] not in known:
                yield (
                    f"the example {example.title!r} calls {step.command[0]!r}, and the program is "
                    f"called {plan.distribution!r}: name it in `program`"
                )


def faults_of_plan(plan: Architecture) -> Iterator[str]:
    """Where a plan does not keep what is prescribed: a path that it lacks, a name that it has otherwise or nowhere."""
    there = {file.path for file in plan.files}
    for path in plan.prescriptions.paths:
        if (
            path not in there
            and not path.startswith("tests/")
            and not any(p.startswith(f"{path}/") for p in there)
        ):
            yield f"the brief prescribes the file {path}, which is not planned"
    for item in plan.prescriptions.names:
        yield from faults_of_name(plan, item)
    yield from _faults_of_commands(plan)


def faults_of_name(
    plan: Architecture, item: PrescribedName, who: str = "the brief prescribes"
) -> Iterator[str]:
    """Where a plan does not have a name as somebody wants it.

    Args:
        plan: the plan.
        item: the module and the stub.
        who: who wants it, as the beginning of a sentence.
    """
    file = next((one for one in plan.files if plan.module_of(one.path) == item.module), None)
    if file is None:
        if not is_taken(item.module.partition(".")[0]):
            yield f"{who} the module {item.module}, which is not planned"
        return
    for name in defined_names(item.stub):
        defining = _defining(plan, file, name)
        if defining is None:
            yield f"{who} {name} in {item.module}, and the interface of {file.path} does not have it"
        else:
            said = (
                one
                for one in conformance(_only(item.stub, name), defining.interface)
                if "is not planned" not in one
            )
            for one in said:
                wanted = one.replace("planned is", "wanted is")
                yield f"{who} {name} otherwise: the plan's {defining.path} {wanted}"


def _defining(plan: Architecture, file: PlannedFile, name: str) -> PlannedFile | None:
    """The planned file that defines a name which a module offers, itself or passed on."""
    found = read_interface(file.interface)
    if name in found.functions or name in found.classes or name in found.constants:
        return file
    if name not in found.exports and name not in (found.listed or ()):
        return None
    own = (one for one in plan.files if one.interface and one is not file)
    for other in own:
        offered = read_interface(other.interface)
        if name in offered.functions or name in offered.classes or name in offered.constants:
            return other
    return None


def _only(stub: str, name: str) -> str:
    """The statements of a stub that define a name."""
    nodes = [node for node in parse_python(stub).body if name in defined_names(ast.unparse(node))]
    return "\n".join(ast.unparse(node) for node in nodes) + "\n"
