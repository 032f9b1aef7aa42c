"""Roles of people: in an organization, and in a project."""

from typing import Literal, get_args

Role = Literal["viewer", "developer", "manager", "admin"]
ProjectRole = Literal["viewer", "developer", "admin", "owner"]
# From the one who may least to the one who may most.
ROLES: tuple[Role, ...] = get_args(Role)
PROJECT_ROLES: tuple[ProjectRole, ...] = get_args(ProjectRole)
