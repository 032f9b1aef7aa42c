"""Who acts: a person, a run, a sensor, an agent; through which door, for which organization, on whose behalf."""

import getpass
import os
from dataclasses import dataclass
from typing import Literal

from hishamos_pipeline.core.roles import Role

ActorKind = Literal["user", "agent", "run", "sensor", "installation"]
DEFAULT_ORGANIZATION = "default"
# What belongs to the installation itself sees the projects of every organization.
EVERY_ORGANIZATION = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever wants something, as use cases, the audit log and events know them.

    Args:
        name: of the person, the agent, the sensor, or the run's id.
        kind: what it is.
        organization: the key of the organization whose projects it sees; ``EVERY_ORGANIZATION`` for all.
        via: the door: ``command line``, ``dagster``, ``inbox``, ``issue``, ``api``, ``console``, ``workflow``.
        on_behalf_of: the label of the person that an agent or a run acts for, if that is known.
        user_id: the person's number in the store; 0 for whoever has no account.
        role: the person's role in the organization; empty for none.
        superuser: whether the person operates the installation, and may do everything in it.
        scopes: the actions that a token is limited to; ``None`` for all that the person may do.
        project: the key of the only project that a token is about; empty for all of the organization.
        task: the run and step, or the task, that an agent does; empty for everybody else.
        known_by: what a person has shown: the kind of its token and that one's hash, or ``access:`` and since when.
    """

    name: str
    kind: ActorKind = "user"
    organization: str = DEFAULT_ORGANIZATION
    via: str = "command line"
    on_behalf_of: str = ""
    user_id: int = 0
    role: Role | Literal[""] = ""
    superuser: bool = False
    scopes: frozenset[str] | None = None
    project: str = ""
    task: str = ""
    known_by: str = ""

    @property
    def label(self) -> str:
        """The actor in one word, for the audit log: ``user:ann``, ``run:ID``."""
        return f"{self.kind}:{self.name}" if self.name else self.kind

    @property
    def responsible(self) -> str:
        """The label of the person behind it, or its own."""
        return self.on_behalf_of or self.label


INSTALLATION = Actor("", "installation", EVERY_ORGANIZATION, "")


def this_user(name: str = "") -> Actor:
    """The person at this machine's command line, under another name if they say one; the store is theirs anyway."""
    return Actor(name or _login(), role="admin", superuser=True)


def _login() -> str:
    """The name of whoever sits at the command line; in a container, a number may have none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"user {os.getuid()}"
