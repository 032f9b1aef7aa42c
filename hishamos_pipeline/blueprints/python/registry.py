"""The blueprint of each stack that has one."""

from collections.abc import Mapping

from hishamos_pipeline.blueprints.python.api import API
from hishamos_pipeline.blueprints.python.blueprint import Blueprint
from hishamos_pipeline.blueprints.python.cli import CLI

BLUEPRINTS: Mapping[str, Blueprint] = {item.stack.name: item for item in (CLI, API)}
