"""The Jinja environments of the blueprints: their own templates come before those of the stack."""

from functools import cache
from pathlib import Path

import jinja2

from hishamos_pipeline.blueprints.python.selections import ended, is_open
from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.intake.attributes import attribute_name
from hishamos_pipeline.stacks.python.rendering import folders_of, open_environment

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment(stack: str) -> jinja2.Environment:
    """The environment of a stack's blueprints."""
    made = open_environment(TEMPLATES / stack, TEMPLATES / "shared", *folders_of(stack))
    made.filters["article"] = words.with_article
    made.filters["identifier"] = attribute_name
    made.filters["ended"] = ended
    made.filters["open_while"] = is_open
    return made


def render(stack: str, template: str, **context: object) -> str:
    """Render one template; values are data and are never rendered themselves."""
    return environment(stack).get_template(template).render(**context)
