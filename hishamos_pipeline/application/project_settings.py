"""Settings of a project: what it may cost, who approves what, what it has to hold, and where it goes.

They are fields of the brief: changing them makes its next revision, with the same text.
"""

from hishamos_pipeline.application.rights import requires
from hishamos_pipeline.application.view import UseCaseInput, View, require_etag
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.core.artifacts.idea import (
    Approvable,
    Export,
    Idea,
    Licence,
    ProjectBudget,
    ShortText,
    SprintRules,
)
from hishamos_pipeline.core.artifacts.target import Target
from hishamos_pipeline.generation.services import Services


class ProjectSettings(View):
    """The settings of a project, as its brief has them, in a revision of it."""

    project: str
    revision: int
    budget: ProjectBudget
    approvals: tuple[Approvable, ...]
    exports: tuple[Export, ...]
    github: Target
    gitlab: Target
    licence: Licence
    author: str
    sprint: SprintRules
    required_stories: tuple[ShortText, ...]


# The fields of a brief that are settings.
SETTINGS = tuple(name for name in ProjectSettings.model_fields if name in Idea.model_fields)


class ChangeSettings(UseCaseInput):
    """What changes of a project's settings; what is not given stays. ``expected`` is the ``etag`` of what was seen."""

    key: str
    budget: ProjectBudget | None = None
    approvals: tuple[Approvable, ...] | None = None
    exports: tuple[Export, ...] | None = None
    github: Target | None = None
    gitlab: Target | None = None
    licence: Licence | None = None
    author: str | None = None
    sprint: SprintRules | None = None
    required_stories: tuple[ShortText, ...] | None = None
    expected: str = ""


@requires("projects.read", project="key")
def show_settings(services: Services, actor: Actor, key: str) -> ProjectSettings:
    """The settings of a project.

    Raises:
        ProjectNotFoundError: there is no such project.
    """
    projects = services.store.projects
    return _view(key, projects.idea_revision(key).revision, projects.idea(key))


@requires("projects.configure", project="command.key")
def change_settings(services: Services, actor: Actor, command: ChangeSettings) -> ProjectSettings:
    """Change settings of a project: the brief's next revision has them, and a build of it is asked for.

    Raises:
        ProjectNotFoundError: there is no such project.
        ChangedMeanwhileError: they are not what they were expected to be.
    """
    projects = services.store.projects
    before = show_settings(services, actor, command.key)
    require_etag(before, command.expected)
    idea = projects.idea(command.key)
    given = {name: value for name in SETTINGS if (value := getattr(command, name)) is not None}
    changed = idea.model_copy(update=given)
    valid = Idea.model_validate(changed.model_dump())
    done = projects.submit(valid, "settings", seen=before.revision)
    return _view(command.key, done.revision, valid)


def _view(key: str, revision: int, idea: Idea) -> ProjectSettings:
    return ProjectSettings(project=key, revision=revision, **{name: getattr(idea, name) for name in SETTINGS})
