"""The prompts: their versions, their texts, and what has changed in one since it was used."""

import difflib
from datetime import datetime
from pathlib import Path

from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.errors import UsageError
from hishamos_pipeline.generation.services import Services


class PromptView(View):
    """A prompt: of which role and task, in which version, and where its text comes from."""

    role: str
    task: str
    version: str
    source: str


class PromptVersion(View):
    """A version of a prompt: since when it was used, and whether it is now."""

    version: str
    first_used_at: datetime
    is_active: bool


class PromptDiff(View):
    """What is different in a prompt from a version that was used before; empty where it never had another one."""

    now: str
    before: str
    diff: str


@requires("agents.read", project="project")
def list_prompts(services: Services, actor: Actor, project: str = "") -> list[PromptView]:
    """All prompts, with those of a project's own roles."""
    acting = services.acting_as(actor)
    library, own = acting.library(project), str(acting.settings.prompts_dir)
    return [
        PromptView(
            role=role.name,
            task=task.name,
            version=library.version(role.name, task.name),
            source=own if library.is_own(role.name, task.name) else role.source,
        )
        for role in acting.registry(project).roles
        for task in role.tasks
    ]


@requires("agents.read", project="project")
def read_prompt(services: Services, actor: Actor, role: str, task: str, project: str = "") -> str:
    """A prompt with everything that it includes.

    Raises:
        RoleError: there is no such role or task.
    """
    acting = services.acting_as(actor)
    acting.registry(project).role(role).task(task)
    return acting.library(project).source(role, task)


@requires("installation.operate")
def copy_prompt(services: Services, actor: Actor, role: str, task: str) -> Path:
    """Copy a built-in prompt into the home folder, where it can be changed; the task may be ``system``.

    Raises:
        RoleError: there is no such role or task.
    """
    acting = services.acting_as(actor)
    found = acting.registry().role(role)
    if task != "system":
        found.task(task)
    return acting.library().copy(role, task)


@requires("agents.read")
def list_versions(services: Services, actor: Actor, role: str, task: str) -> list[PromptVersion]:
    """The versions in which a prompt was used, the newest first.

    Raises:
        RoleError: there is no such role or task.
    """
    services.registry().role(role).task(task)
    now = services.library().version(role, task)
    used = services.store.conversations.prompt_texts(role, task)
    return [
        PromptVersion(version=row.version, first_used_at=row.first_used_at, is_active=row.version == now)
        for row in used
    ]


@requires("installation.operate")
def activate_version(services: Services, actor: Actor, role: str, task: str, version: str) -> PromptVersion:
    """Use a prompt again as it was in a version: its files are written into the operator's folder.

    Files that it shares with other prompts are theirs, too. What was made with another version is made anew.

    Raises:
        RoleError: there is no such role or task, or the version cannot be had again.
        UsageError: it was never used in that version.
    """
    services.registry().role(role).task(task)
    used = {row.version: row for row in services.store.conversations.prompt_texts(role, task)}
    if version not in used:
        raise UsageError(f"{role}/{task} was never used in version {version}")
    library = services.library()
    if (now := library.version(role, task)) != version:
        conversations = services.store.conversations
        # So that what is replaced can be had again.
        conversations.keep_prompts([(now, role, task, library.source(role, task))])
        library.restore(role, task, used[version].text)
        services.store.audit.record("prompt.activate", f"{role}/{task}", {"version": version})
    return PromptVersion(version=version, first_used_at=used[version].first_used_at, is_active=True)


@requires("agents.read", project="project")
def diff_prompt(
    services: Services, actor: Actor, role: str, task: str, *, version: str = "", project: str = ""
) -> PromptDiff:
    """What is different in a prompt from a version that was used before.

    Args:
        services: the services.
        actor: whoever asks.
        role: the role.
        task: its task.
        version: the version; the last other one by default.
        project: whose roles are known besides.

    Raises:
        RoleError: there is no such role or task.
        UsageError: it was never used in that version.
    """
    acting = services.acting_as(actor)
    acting.registry(project).role(role).task(task)
    library = acting.library(project)
    now, text = library.version(role, task), library.source(role, task)
    used = acting.store.conversations.prompt_texts(role, task, project)
    earlier = [row for row in used if (row.version == version if version else row.version != now)]
    if not earlier:
        if version:
            raise UsageError(f"{role}/{task} was never used in version {version}")
        return PromptDiff(now=now, before="", diff="")
    old = earlier[0]
    lines = difflib.unified_diff(
        old.text.splitlines(),
        text.splitlines(),
        f"{role}/{task} {old.version}",
        f"{role}/{task} {now}",
        lineterm="",
    )
    return PromptDiff(now=now, before=old.version, diff="\n".join(lines))
