"""Where and how a repository is published: what a brief, an operator or a request may say about it."""

from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, StringConstraints, model_serializer

from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.text import linear_re as re

Visibility = Literal["private", "internal", "public"]
# Who may do what, from least to most; hosts have names of their own for them.
Access = Literal["read", "triage", "write", "maintain", "admin"]
Conflict = Literal["fail", "reuse", "rename"]
MergeWay = Literal["merge", "squash", "rebase"]
HostKind = Literal["github", "gitlab"]
HOSTS: tuple[HostKind, ...] = get_args(HostKind)

_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"


def _ref(value: str) -> str:
    """A branch or tag name that no host and no shell stumbles over; a subset of git-check-ref-format."""
    if not re.fullmatch(rf"{_SEGMENT}(/{_SEGMENT})*", value) or ".." in value:
        raise ValueError("use letters, digits, '.', '_', '-' and '/'")
    if value.endswith((".lock", ".")) or ".lock/" in value or "./" in value:
        raise ValueError("no part may end with '.' or '.lock'")
    return value


def _topic(value: str) -> str:
    """Hosts take lower case alone; GitHub refuses others and GitLab makes new ones of them."""
    topic = value.strip().lower().replace(" ", "-")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,49}", topic):
        raise ValueError("use up to 50 letters, digits and '-'")
    return topic


def _repository_name(value: str) -> str:
    if value and (
        not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", value) or value.endswith((".", ".git", ".atom"))
    ):
        raise ValueError("use up to 100 letters, digits, '-', '_' and '.', and no '.git' at the end")
    return value


def _owner(value: str) -> str:
    if value and not re.fullmatch(rf"{_SEGMENT}(/{_SEGMENT})*", value):
        raise ValueError(
            "write the name of a user or an organization, or the path of a group such as team/tools"
        )
    return value


def _host(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{0,40}", value):
        raise ValueError(
            "write the name of a host that the operator has set up in HISHAMOS_GIT_HOSTS, never a URL"
        )
    return value


def _homepage(value: str) -> str:
    if value and not re.fullmatch(r"https?://\S+", value):
        raise ValueError("write a URL that begins with https://")
    return value


def _branch(value: str) -> str:
    if value == "hishamos" or value.startswith("hishamos/"):
        raise ValueError("branches under hishamos/ are for proposals: choose another name")
    return value


def _account(value: str) -> str:
    if not re.fullmatch(rf"@?{_SEGMENT}(/{_SEGMENT})*", value):
        raise ValueError("write a login, `organization/team`, or the path of a group with a slash in it")
    return value.removeprefix("@")


def _variable(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", value) or value.upper().startswith(
        ("GITHUB_", "CI_")
    ):
        raise ValueError(
            "use letters, digits and '_'; names that begin with GITHUB_ or CI_ belong to the hosts"
        )
    return value


def _line(value: str) -> str:
    """One line without control characters, as hosts want it."""
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())


Ref = Annotated[str, StringConstraints(max_length=100), AfterValidator(_ref)]
Topic = Annotated[str, AfterValidator(_topic)]
VariableName = Annotated[str, AfterValidator(_variable)]
AccountName = Annotated[str, StringConstraints(max_length=255), AfterValidator(_account)]


class Protection(Document):
    """What the default branch is protected by; ``required_checks`` are names of CI jobs."""

    approvals: int = Field(default=0, ge=0, le=6)
    required_checks: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = ()
    linear_history: bool = False
    enforce_admins: bool = False
    conversation_resolution: bool = False


class ExtraBranch(Document):
    """A branch that is made of the default branch when the repository is published first."""

    name: Annotated[Ref, AfterValidator(_branch)]
    protect: bool = False


class Release(Document):
    """A tag and a release; its notes list the stories where ``notes`` is empty."""

    tag: Ref
    title: Annotated[str, Field(max_length=200)] = ""
    notes: Annotated[str, Field(max_length=20_000)] = ""


class Features(Document):
    """Features of the host that are switched on or off; ``None`` leaves the host's own default."""

    issues: bool | None = None
    wiki: bool | None = None
    projects: bool | None = None


class Target(Document):
    """A publication on a Git host.

    ``host`` names one of the operator's hosts, never a URL: the operator's token goes where the host is. ``owner`` is
    a user, an organization or the path of a group, empty for the token's own user; ``name`` is the project's key where
    it is empty. ``access`` is by login, or ``organization/team`` (a group's path on GitLab). ``secrets`` are names of
    stored credentials ``secret:KEY/NAME``; values never stand in a brief. ``conflict`` says what is done when the name
    is taken, ``publish`` whether changes are pushed to the default branch or proposed.
    """

    host: Annotated[str, AfterValidator(_host)] = ""
    owner: Annotated[str, StringConstraints(max_length=255), AfterValidator(_owner)] = ""
    name: Annotated[str, AfterValidator(_repository_name)] = ""
    description: Annotated[str, Field(max_length=350), AfterValidator(_line)] = ""
    homepage: Annotated[str, StringConstraints(max_length=255), AfterValidator(_homepage)] = ""
    visibility: Visibility = "private"
    default_branch: Annotated[Ref, AfterValidator(_branch)] = "main"
    topics: tuple[Topic, ...] = Field(default=(), max_length=20)
    branches: tuple[ExtraBranch, ...] = Field(default=(), max_length=20)
    protection: Protection | None = None
    access: dict[AccountName, Access] = Field(default={}, max_length=50)
    variables: dict[VariableName, Annotated[str, Field(min_length=1, max_length=10_000)]] = Field(
        default={}, max_length=100
    )
    secrets: tuple[VariableName, ...] = Field(default=(), max_length=100)
    features: Features = Features()
    merge_ways: tuple[MergeWay, ...] = ()
    delete_merged_branches: bool | None = None
    conflict: Conflict = "fail"
    publish: Literal["push", "pull_request"] = "push"
    release: Release | None = None

    @model_serializer(mode="wrap")
    def _as_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What was given and nothing else, so that a stored target still lets an operator's defaults through."""
        return {name: value for name, value in handler(self).items() if name in self.model_fields_set}

    def over(self, defaults: "Target") -> "Target":
        """The target with what ``defaults`` say where it says nothing."""
        return Target.model_validate({**defaults.model_dump(), **self.model_dump()})


class Publication(Document):
    """Artifacts ``github_repository`` and ``gitlab_project``, and how far a publication has come.

    Nothing but ``wanted`` when not asked for. ``asked`` is where it was asked for: the host's URL, owner and name.
    ``begun_at`` is the time (ISO 8601) from which on an empty repository of that name must be ours, while the answer to
    its creation is not known; ``repository_id`` is the host's number, 0 until the host has told it. ``adopted`` says
    that nothing but its files told that it is this project's. ``commit`` is what was pushed last, to ``branch``, and
    ``default_branch`` the one that people see; ``change_url`` is the pull or merge request. ``settled`` holds a hash
    for each setting that has been made, ``warnings`` what did not work.
    """

    wanted: bool
    host: str = ""
    asked: str = ""
    begun_at: str = ""
    full_name: str = ""
    repository_id: int = 0
    created: bool = False
    adopted: bool = False
    web_url: str = ""
    clone_url: str = ""
    visibility: str = ""
    default_branch: str = ""
    branch: str = ""
    commit: str = ""
    change_url: str = ""
    release_url: str = ""
    settled: dict[str, str] = Field(default={})
    warnings: tuple[str, ...] = ()
    done: str = ""
