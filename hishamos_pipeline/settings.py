"""Environment variables to typed settings. Every limit has its unit in its name or its description."""

import os
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from hishamos_pipeline.core.artifacts.target import HostKind, Target
from hishamos_pipeline.core.pipeline.channel import Channel, LogChannel
from hishamos_pipeline.core.roles import Role
from hishamos_pipeline.core.text.secrets import register_logins
from hishamos_pipeline.core.text.shapes import SecretName, shaped
from hishamos_pipeline.errors import CredentialError

# A run has its own process, and what it tests may take up to HISHAMOS_CHECK_MEMORY_MB, 2 GB without that.
_BYTES_FOR_A_RUN = 2 * 1024**3


class Rate(BaseModel):
    """The price of a model in US dollars for a million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class RoleSettings(BaseModel):
    """What an operator sets for one role, or for one task as ``role/task``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: str = ""
    temperature: float | None = Field(None, ge=0, le=2)
    max_output_tokens: int | None = Field(None, gt=0)


_URL = shaped(r"https?://[^\s/@]+(/[^\s@]*)?", "a URL without a login, such as https://host.example.org/path")


class StorageOptions(BaseModel):
    """Options of a storage; keys are not among them, since settings are shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint_url: Annotated[str, _URL] | None = None
    profile: str | None = None


class GitHostSettings(BaseModel):
    """A Git host: GitHub or GitLab, its URL, and the variable or stored credential that holds the token for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: HostKind
    url: Annotated[
        str,
        shaped(r"https://[^\s/@]+(/[^\s@?#]*)?", "a URL without a login, such as https://git.example.org"),
    ]
    token: SecretName
    ca: Path | None = None


class IssueIntake(BaseModel):
    """A repository whose issues with a label are briefs.

    ``host`` is what the settings call its Git host; ``authors`` are patterns of the logins of those who may ask,
    nobody until they are named.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(max_length=60)
    repository: Annotated[
        str, shaped(r"[\w.-]+(/[\w.-]+)+", "OWNER/NAME, such as team/ideas"), Field(max_length=255)
    ]
    label: Annotated[str, shaped(r"[^,]+", "one label, without commas")] = "hishamos"
    authors: str = ""

    @field_validator("label")
    @classmethod
    def _is_a_name(cls, label: str) -> str:
        if label.lower() in ("any", "none"):
            raise ValueError("GitLab takes it for every issue with a label, or without one: choose another")
        return label


class OidcProvider(BaseModel):
    """A provider of OpenID Connect by which people log in, and what its groups may do.

    ``secret`` is what holds the client's secret, empty for a public client. ``roles`` are roles in ``organization`` by
    group; whoever is in none has ``default_role``, and without that is refused. ``create`` says whether somebody who
    has no account yet gets one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: Annotated[
        str,
        shaped(
            r"(https://[^\s/@?#]+|http://(127\.0\.0\.1|localhost)(:\d+)?)(/[^\s@?#]*)?",
            "a URL without a login, such as https://login.example.org; http:// only for this machine",
        ),
    ]
    client_id: str = Field(min_length=1, max_length=300)
    secret: SecretName | Literal[""] = ""
    organization: str = "default"
    groups: str = "groups"
    roles: dict[str, Role] = {}
    default_role: Role | Literal[""] = ""
    create: bool = True
    scopes: str = "openid email profile"


GIT_HOSTS = {
    "github": GitHostSettings(kind="github", url="https://github.com", token="GITHUB_TOKEN"),  # noqa: S106
    "gitlab": GitHostSettings(kind="gitlab", url="https://gitlab.com", token="GITLAB_TOKEN"),  # noqa: S106
}


class Settings(BaseSettings):
    """All settings of HishamOS; each is read from ``HISHAMOS_<NAME>``."""

    model_config = SettingsConfigDict(
        env_prefix="HISHAMOS_", env_ignore_empty=True, frozen=True, allow_inf_nan=False
    )

    home: Path = Field(Path(".hishamos"), description="Folder of everything that HishamOS keeps.")
    database_url: str = Field(
        "", description="SQLAlchemy URL of the project store; empty is SQLite under the home."
    )
    database_wait_seconds: float = Field(
        60, ge=0, description="How long a run waits for a database server that is away."
    )
    code_server: Annotated[str, shaped(r"([^\s:/]+:\d+)?", "HOST:PORT, such as code-server:4000")] = Field(
        "",
        description="`HOST:PORT` of the code server for webserver and daemon; empty: they load the code themselves.",
    )
    celery_broker: Annotated[
        str, shaped(r"(rediss?://.+)?", "the URL of a Redis, such as redis://:PASSWORD@redis:6379/0")
    ] = Field(
        "",
        description="URL of the Redis that hands runs to workers (`hishamos worker`); empty for runs on this machine.",
    )
    storage_url: Annotated[
        str,
        shaped(
            r"(s3://[^/@\s]+(/[^@\s]*)?|file:///.+)?", "s3://BUCKET/FOLDER without keys, or file:///FOLDER"
        ),
    ] = Field(
        "",
        description="Where trees, repositories and archives are kept besides the home: `s3://bucket/folder`, or "
        "`file:///folder`; empty for nowhere.",
    )
    storage_options: StorageOptions = Field(
        StorageOptions(),
        description="`endpoint_url` and `profile` for S3; JSON. Keys are read from AWS's variables.",
    )
    llm: str = Field(
        "blueprint",
        description="Who answers the roles' tasks: `blueprint`, or `provider:model`; after commas, fallbacks.",
    )
    llm_fast: str = Field("", description="The same for light tasks; empty is HISHAMOS_LLM.")
    llm_roles: dict[str, RoleSettings] = Field(
        {}, description="By role or role/task: `models`, `temperature`, `max_output_tokens`; JSON."
    )
    llm_urls: dict[str, Annotated[str, _URL]] = Field(
        {}, description="Base URLs by provider, without logins; JSON."
    )
    llm_prices: dict[str, Rate] = Field(
        {}, description="US dollars for a million `input` and `output` tokens by `provider:model`; JSON."
    )
    llm_free: str = Field(
        "", description="Models that cost nothing, such as `ollama:*`, separated by commas."
    )
    llm_structured: Literal["native", "prompted"] = Field(
        "native", description="How answers get their shape: enforced by the provider, or asked for in words."
    )
    llm_cache: Literal["use", "replay", "refresh"] = Field(
        "use",
        description="`replay` takes answers from the store alone, `refresh` asks for all of them again.",
    )
    llm_rounds: int = Field(2, ge=0, description="How often an invalid answer goes back with its errors.")
    llm_continuations: int = Field(4, ge=0, description="How often an answer that was cut off is continued.")
    llm_retries: int = Field(4, ge=0, description="How often a call is tried again where that can help.")
    llm_max_wait_seconds: float = Field(
        120, ge=0, description="Longest wait between tries; a provider that asks for more is given up."
    )
    llm_timeout_seconds: float = Field(600, gt=0, description="Wall time of one try, all of its stream.")
    llm_first_token_seconds: float = Field(120, gt=0, description="How long the first token may take.")
    llm_max_output_tokens: int = Field(8000, gt=0, description="Most tokens of one answer.")
    llm_context_tokens: int = Field(
        100_000, gt=0, description="Most tokens of one question; larger material is split or refused."
    )
    llm_concurrency: int | None = Field(
        None,
        gt=0,
        description="Most calls to a provider at the same time; without it 16, and 4 to `ollama` and `compatible`.",
    )
    llm_per_minute: int = Field(60, gt=0, description="Most calls to a provider in a minute.")
    llm_tool_calls: int = Field(20, ge=0, description="Most tools that an agent may use in one task.")
    llm_tool_tokens: int = Field(
        4000, gt=0, description="Most tokens of an answer of the API that an agent is shown at a time."
    )
    web_search_url: Annotated[str, _URL] | Literal[""] = Field(
        "", description="URL of the search page of a SearXNG server, which agents may ask; without a login."
    )
    web_hosts: str = Field(
        "", description="Hosts whose pages agents may read, such as `docs.python.org,*.readthedocs.io`."
    )
    http_hosts: str = Field("", description="Hosts that agents may send requests of any kind to.")
    web_seconds: float = Field(10.0, gt=0, description="Seconds that one of these requests may take.")
    web_bytes: int = Field(500_000, gt=0, description="Most bytes that are read of an answer.")
    query_databases: dict[str, str] = Field(
        {},
        description="URLs of SQLite and PostgreSQL databases that agents may read, by name; JSON. Give logins that see "
        "what agents may see.",
    )
    query_seconds: float = Field(5.0, gt=0, description="Seconds that a statement of an agent may take.")
    query_rows: int = Field(200, gt=0, description="Most rows that a statement of an agent gives.")
    llm_body_days: int = Field(
        90, ge=0, description="Days for which questions and answers are kept; rows with costs stay."
    )
    budget_call_usd: float | None = Field(1.0, ge=0, description="Most that one call may cost.")
    budget_call_tokens: int | None = Field(None, ge=0, description="Most tokens of one call.")
    budget_project_usd: float | None = Field(
        10.0, ge=0, description="Most that a project may cost; its brief may ask for less."
    )
    brief_budgets: float | None = Field(
        None, ge=0, description="US dollars that a brief may allow its project although that is more."
    )
    budget_project_tokens: int | None = Field(None, ge=0, description="The same in tokens.")
    budget_day_usd: float | None = Field(50.0, ge=0, description="Most that a day (UTC) may cost.")
    budget_day_tokens: int | None = Field(None, ge=0, description="The same in tokens.")
    budget_instance_usd: float | None = Field(None, ge=0, description="Most that everything may cost.")
    budget_instance_tokens: int | None = Field(None, ge=0, description="The same in tokens.")
    secret_keys: SecretStr = Field(
        SecretStr(""), description="Keys that stored credentials are encrypted with, by commas; newest first."
    )
    secret_keys_file: Path | None = Field(
        None, description="File that holds them instead, one a line, which nobody else may read."
    )

    api_url: str = Field(
        "",
        pattern="^(https?://[^/?#@]+)?$",
        description="Where people reach the API, such as `https://hishamos.example.org`; for links and for logins by a "
        "provider. Without it, where the request was sent to.",
    )
    api_origins: str = Field(
        "",
        description="Origins of other sites whose pages may use the API (CORS), by commas; none by default.",
    )
    api_proxies: str = Field(
        "127.0.0.1",
        pattern=r"^[0-9A-Fa-f.:/, ]*$",
        description="Addresses of proxies, by commas, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.",
    )
    api_per_minute: int = Field(
        600, gt=0, description="Most requests to the API of one person, token or address in a minute."
    )
    api_logins_per_minute: int = Field(
        60, gt=0, description="Most requests of one address in a minute that no valid login came with."
    )
    api_body_bytes: int = Field(
        30_000_000, gt=0, description="Largest body of a request to the API that hands files in, in bytes."
    )
    api_body_seconds: float = Field(
        60, gt=0, description="How long the body of a request to the API may take to arrive, in seconds."
    )
    webhook_private: bool = Field(
        False, description="Whether webhooks of organizations may go to addresses of private networks."
    )
    agent_workers: int = Field(
        2,
        ge=0,
        description="Tasks of agents and steps of workflows that one API process does at the same time; 0 for none.",
    )
    api_streams: int = Field(1000, gt=0, description="Most open event streams of one API process.")

    max_brief_bytes: int = Field(1_000_000, gt=0, description="Largest brief, in bytes.")
    max_handed_files: int = Field(200, gt=0, description="Most files that are handed in with a brief.")
    max_handed_file_bytes: int = Field(
        5_000_000, gt=0, description="Largest file that is handed in with a brief, in bytes."
    )
    max_handed_bytes: int = Field(
        20_000_000, gt=0, description="All files that are handed in with a brief together, in bytes."
    )
    max_features: int = Field(500, gt=0, le=1000, description="Most features in a brief.")
    brief_seconds: float = Field(
        10, gt=0, description="How long reading a brief from the inbox or an issue may take, in seconds."
    )
    inbox_ideas_per_tick: int = Field(20, gt=0, description="Most inbox files that one sensor tick reads.")
    inbox_quiet_seconds: float = Field(
        1.0, ge=0, description="How long an inbox file must be unchanged before it is read."
    )
    max_runs: int | None = Field(
        None,
        gt=0,
        description="Most runs at a time, on all machines together; without it one for each core and 2 GB of memory.",
    )
    runs_per_tick: int = Field(10, gt=0, description="Most runs that one sensor tick requests.")

    max_path_length: int = Field(200, gt=0, description="Longest path in a tree, in characters.")
    max_path_depth: int = Field(12, gt=0, description="Deepest path in a tree, in folders.")
    max_files: int = Field(10_000, gt=0, description="Most files in a tree.")
    max_planned_files: int = Field(
        150, gt=0, description="Most files that a model may plan, besides those that every project has."
    )
    max_file_bytes: int = Field(5_000_000, gt=0, description="Largest file in a tree, in bytes.")
    max_tree_bytes: int = Field(100_000_000, gt=0, description="Largest tree, in bytes.")

    sandbox: Literal["auto", "bubblewrap", "podman", "docker", "unsafe-subprocess"] = Field(
        "auto", description="What runs generated code; `auto` is the first isolating one that works here."
    )
    sandbox_unsafe_models: str = Field(
        "", description="Models whose code may run in `unsafe-subprocess`, such as `ollama:*`, by commas."
    )
    check_seconds: float = Field(300, gt=0, description="Wall time of one verification command.")
    check_cpu_seconds: int = Field(240, gt=0, description="CPU time of one process in a check.")
    check_memory_mb: int = Field(2048, gt=0, description="Memory of all processes of a check, MiB.")
    check_file_mb: int = Field(64, gt=0, description="Largest file that a check may write, MiB.")
    check_disk_mb: int = Field(256, gt=0, description="All that a check may write, MiB.")
    check_files: int = Field(20_000, gt=0, description="Most files that a check may make.")
    check_processes: int = Field(64, gt=0, description="Most processes of a check.")
    check_printed_mb: int = Field(64, gt=0, description="Most output of a check, MiB.")
    mutants_per_module: int = Field(1, ge=0, description="Most mistakes planted into a module; 0 for none.")
    min_mutants_killed: float = Field(
        50, ge=0, le=100, description="Least share of planted mistakes that tests notice, in percent."
    )
    deliver: Literal["verified", "all"] = Field(
        "verified",
        description="`verified`: a story that cannot be verified is deferred, and the rest delivered; `all`: all "
        "or nothing.",
    )
    retry_deferred: AwareDatetime | None = Field(
        None, description="A time: builds from before it try stories again that could not be verified."
    )
    min_coverage: float = Field(
        80, ge=0, le=100, description="Least line coverage of generated tests, in percent."
    )

    repair_rounds: int = Field(4, ge=0, description="Most rounds of repair for one thing that fails.")
    repair_rounds_in_all: int = Field(12, ge=0, description="Most rounds of repair of a build.")
    review_repair: str = Field(
        "critical,major",
        pattern="^(none|(critical|major|minor)(,(critical|major|minor))*)$",
        description="Severities of review findings that get one round of repair and are told in the README; or `none`.",
    )
    repair_files: int = Field(3, gt=0, description="Most files that one round of repair changes.")
    index_url: str = Field(
        "",
        description="Package index for dependencies of projects, with a login if it needs one; empty is pip's own "
        "setting.",
    )
    toolchains: Path | None = Field(
        None,
        description="Folder of what projects are tested with, which installations may share; empty is the home.",
    )
    toolchain_seconds: float = Field(300, gt=0, description="Longest that installing dependencies may take.")
    toolchain_mb: int = Field(500, gt=0, description="Most that the dependencies of a project may take, MiB.")
    toolchain_packages: int = Field(
        80, gt=0, description="Most packages that a project may depend on, in all."
    )
    toolchain_allow: str = Field(
        "", description="Packages that may be installed although their names look like others, by commas."
    )
    licences_denied: str = Field(
        "AGPL*, GPL*, SSPL*, BUSL*",
        description="Licences that a project's dependencies may not have, as SPDX patterns, by commas.",
    )

    git_hosts: dict[str, GitHostSettings] = Field(
        {},
        description="Git hosts by name, besides github.com as `github` and gitlab.com as `gitlab`: "
        "`kind`, `url`, `token` (the variable that holds it), `ca` (a file); JSON.",
    )
    github: Target = Field(Target(), description="What briefs that say nothing publish with on GitHub; JSON.")
    gitlab: Target = Field(Target(), description="The same on GitLab; JSON.")
    intake: tuple[IssueIntake, ...] = Field(
        (),
        description="Where labelled issues are briefs: `host`, `repository`, `label`, `authors`; JSON, a list.",
    )
    publish_owners: str = Field(
        "*", description="Owners that briefs may publish to, as patterns such as `acme, acme/*`, by commas."
    )
    host_timeout_seconds: int = Field(30, gt=0, description="Longest wait for one answer of a Git host.")
    host_max_wait_seconds: float = Field(
        60, ge=0, description="Longest wait between tries; a Git host that asks for more is given up."
    )
    host_retries: int = Field(4, ge=0, description="How often a request to a Git host is tried again.")
    host_write_seconds: float = Field(
        1.0, ge=0, description="Least time between two requests that change something on a Git host."
    )
    push_seconds: int = Field(600, gt=0, description="Longest that one push may take.")

    oidc: dict[str, OidcProvider] = Field(
        {},
        description="Providers of OpenID Connect by name: `issuer`, `client_id`, `secret`, `organization`, `groups`, "
        "`roles`, `default_role`, `create`, `scopes`; JSON. See people.md.",
    )
    notify: dict[str, Channel] = Field(
        {"log": LogChannel(kind="log")},
        description="Channels by name that people are notified over: `kind` is `log`, `webhook` (`url`, `secret`) or "
        "`email` (`host`, `port`, `tls`, `user`, `password`, `sender`, `to`); JSON.",
    )
    mail: str = Field(
        "",
        description="The channel of HISHAMOS_NOTIFY, of kind `email`, by which people get links they ask "
        "for; where people reach the API has to be set, too.",
    )
    open_registration: Literal["", "viewer", "developer"] = Field(
        "",
        description="The role in the first organization that anybody can join with, by a mailed link; empty for "
        "invitations alone.",
    )
    silent_looks: int = Field(
        8, gt=0, description="How often the `failed_runs` sensor looks in vain for a sign of life of a run."
    )

    log_format: Literal["human", "json"] = Field(
        "human", description="How log lines are written: for people, or as one JSON object a line."
    )

    keep_grace_hours: float = Field(24, ge=0, description="Nothing younger is removed by a cleanup.")
    keep_revisions: int = Field(
        20, gt=0, description="How many revisions of each artifact are kept whatever their age."
    )
    keep_revision_days: int = Field(90, ge=0, description="Days for which older revisions are kept.")
    keep_failed_days: int = Field(30, ge=0, description="Days for which trees that failed are kept.")
    keep_archive_days: int | None = Field(
        None, ge=0, description="Days for which ZIP and TAR of untouched projects are kept; empty for ever."
    )
    keep_run_days: int = Field(
        30,
        ge=0,
        description="Days for which Dagster's runs are kept; each project's last that succeeded stays.",
    )
    keep_event_days: int = Field(
        90, ge=0, description="Days for which events (`hishamos events`) and ended build requests are kept."
    )
    keep_toolchain_days: int = Field(
        30, ge=0, description="Days for which unused toolchains and pip's downloads are kept."
    )
    keep_idle_days: int | None = Field(
        None, ge=0, description="Days after which untouched projects are archived; empty for never."
    )
    keep_archived_days: int | None = Field(
        None, ge=0, description="Days after which archived projects are deleted; empty for never."
    )
    disk_quota_mb: int | None = Field(
        None,
        gt=0,
        description="Most that projects and toolchains may take, MB; archives, toolchains and downloads go first.",
    )

    author_name: str = Field("HishamOS", description="Author of generated commits.")
    author_email: str = Field("hishamos@localhost", description="E-mail of generated commits.")
    commit_date: AwareDatetime | None = Field(
        None, description="Time of a repository's first commit; empty is the time of the idea."
    )
    lock_seconds: float = Field(
        600, ge=0, description="How long a step waits for another run of the same step."
    )

    @property
    def dagster_home(self) -> Path:
        """Folder of Dagster's own storage and its ``dagster.yaml``."""
        return self.home / "dagster"

    @property
    def prompts_dir(self) -> Path:
        """Folder of an operator's own prompts, which come before the built-in ones."""
        return self.home / "prompts"

    @property
    def toolchains_dir(self) -> Path:
        """Folder of the environments that projects are tested in; it may be removed at any time."""
        return self.toolchains or self.home / "toolchains"

    @property
    def hosts(self) -> dict[str, GitHostSettings]:
        """The Git hosts by name."""
        return GIT_HOSTS | self.git_hosts

    @property
    def publish_owner_list(self) -> tuple[str, ...]:
        """Patterns of the owners that briefs may publish to."""
        return listed(self.publish_owners)

    @property
    def secret_key_list(self) -> tuple[str, ...]:
        """The encryption keys, the newest first.

        Raises:
            CredentialError: their file cannot be read, or others may read it too.
        """
        keys = listed(self.secret_keys.get_secret_value())
        return keys or (_read_keys(self.secret_keys_file) if self.secret_keys_file else ())

    @property
    def inbox(self) -> Path:
        """Folder that the ``new_ideas`` sensor watches."""
        return self.home / "inbox"

    def model_post_init(self, _: Any) -> None:
        """Have the logins of URLs masked, wherever they come to stand."""
        register_logins(self.model_dump(mode="json"))

    @property
    def runs_at_a_time(self) -> int:
        """Most runs at a time: what is set, or what this machine has room for."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return self.max_runs or max(1, min(os.cpu_count() or 1, memory // _BYTES_FOR_A_RUN))

    @property
    def projects_dir(self) -> Path:
        """Folder that holds one folder per project."""
        return self.home / "projects"

    @property
    def store_url(self) -> str:
        """URL of the project store."""
        from sqlalchemy import URL  # here, since importing it takes longer than all the rest

        embedded = URL.create("sqlite", database=str(self.home / "store.db"))
        return self.database_url or embedded.render_as_string(hide_password=False)


def listed(text: str) -> tuple[str, ...]:
    """The parts of a setting that are separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _read_keys(path: Path) -> tuple[str, ...]:
    where = f"HISHAMOS_SECRET_KEYS_FILE {path}"
    try:
        # One open file, so that what was checked is what is read.
        with path.open("rb") as stream:
            facts = os.fstat(stream.fileno())
            if facts.st_mode & 0o077:
                raise CredentialError(f"{where} can be read by others: run `chmod 600 {path}`")
            if facts.st_uid not in (os.geteuid(), 0):
                raise CredentialError(f"{where} belongs to somebody else: use a file of your own")
            text = stream.read(100_000).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialError(f"{where} cannot be read: {error}") from error
    return tuple(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))


@cache
def get_settings() -> Settings:
    """The settings of this process; ``home`` is absolute."""
    settings = Settings()
    return settings.model_copy(update={"home": settings.home.expanduser().absolute()})
