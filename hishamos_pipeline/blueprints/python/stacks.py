"""The kinds of project that there are blueprints for."""

from collections.abc import Mapping

from hishamos_pipeline.blueprints.python.api import API
from hishamos_pipeline.blueprints.python.cli import CLI
from hishamos_pipeline.blueprints.python.stack import Stack

STACKS: Mapping[str, Stack] = {stack.name: stack for stack in (CLI, API)}
