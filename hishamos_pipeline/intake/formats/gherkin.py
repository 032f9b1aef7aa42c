"""Gherkin: a feature is a story, its scenarios are criteria, and examples are material for whoever tests."""

from collections.abc import Iterator, Mapping
from typing import Any

from gherkin.errors import ParserError
from gherkin.parser import Parser

from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.formats.writing import document, fenced, heading, line

_STEPS = {"Context": "given", "Action": "when", "Outcome": "then", "Conjunction": "and", "Unknown": "and"}
_MOST_TOLD = 5


def markdown_of_feature(text: str) -> str:
    """The Markdown that says what a feature file says.

    Raises:
        IdeaError: it is no Gherkin, or has no feature.
    """
    try:
        feature = Parser().parse(text).get("feature")
    except ParserError as error:
        told = [part.strip() for part in str(error).splitlines() if part.strip()][:_MOST_TOLD]
        problem = "; ".join(told).removeprefix("Parser errors:; ")
        raise IdeaError("brief", f"is not valid Gherkin: {problem}", "Correct these lines.") from error
    if not feature:
        raise IdeaError("brief", "has no feature", "Start with `Feature: …`.")
    title = feature["name"] or "Feature"
    parts = list(_story(f"Feature: {title}", feature, 2))
    if _has_material(feature):
        parts += [heading(3, "Examples as they were written"), fenced(text, "gherkin")]
    return document(title, parts)


def _story(title: str, node: Mapping[str, Any], level: int) -> Iterator[str]:
    """A feature, with its own scenarios, and its rules below it."""
    yield heading(level, title)
    yield line(node.get("description") or "")
    rules = [child["rule"] for child in node["children"] if "rule" in child]
    scenarios = [child["scenario"] for child in node["children"] if "scenario" in child]
    context = _context(node)
    if scenarios:
        yield heading(level + 1, "Acceptance criteria")
        yield "\n".join(f"- {_criterion(scenario, context)}" for scenario in scenarios)
    if rules:
        yield heading(level + 1, "Rules")
        yield "\n".join(f"- {line(rule['name'])}" for rule in rules)
        told = [
            child.get("scenario", {}).get("description", "") for rule in rules for child in rule["children"]
        ]
        yield "\n\n".join(
            line(text) for text in (*(rule["description"] for rule in rules), *told) if text.strip()
        )
        nested = [
            _criterion(child["scenario"], [*context, *_context(rule)])
            for rule in rules
            for child in rule["children"]
            if "scenario" in child
        ]
        if nested:
            yield heading(level + 1, "Acceptance criteria")
            yield "\n".join(f"- {criterion}" for criterion in nested)


def _context(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [step for child in node["children"] for step in child.get("background", {}).get("steps", ())]


def _criterion(scenario: Mapping[str, Any], context: list[Mapping[str, Any]]) -> str:
    steps = ", ".join(
        f"{_STEPS.get(step['keywordType'], 'and')} {line(step['text'])}"
        for step in (*context, *scenario["steps"])
    )
    name = line(scenario["name"])
    return f"{name}: {steps}" if name and steps else name or steps


def _has_material(node: Mapping[str, Any]) -> bool:
    """Whether a step or an outline has a table or a text."""
    if isinstance(node, dict):
        return bool(node.get("dataTable") or node.get("docString") or node.get("examples")) or any(
            map(_has_material, node.values())
        )
    return any(map(_has_material, node)) if isinstance(node, list) else False
