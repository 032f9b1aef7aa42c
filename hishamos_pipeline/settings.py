"""Environment variables to typed settings. Every limit has its unit in its name or its description."""

from functools import cache
from pathlib import Path

from pydantic import AwareDatetime, Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL


class Settings(BaseSettings):
    """All settings of HishamOS; each is read from ``HISHAMOS_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix="HISHAMOS_", frozen=True)

    home: Path = Field(Path(".hishamos"), description="Folder of everything that HishamOS keeps.")
    database_url: str = Field(
        "", description="SQLAlchemy URL of the project store; empty is SQLite under the home."
    )
    engine: str = Field("blueprint", description="Engine that answers the roles' tasks.")

    max_brief_bytes: int = Field(1_000_000, gt=0, description="Largest brief, in bytes.")
    max_features: int = Field(500, gt=0, le=1000, description="Most features in a brief.")
    inbox_ideas_per_tick: int = Field(20, gt=0, description="Most inbox files that one sensor tick reads.")
    inbox_quiet_seconds: float = Field(
        1.0, ge=0, description="How long an inbox file must be unchanged before it is read."
    )
    runs_per_tick: int = Field(10, gt=0, description="Most runs that one sensor tick requests.")

    max_path_length: int = Field(200, gt=0, description="Longest path in a tree, in characters.")
    max_path_depth: int = Field(12, gt=0, description="Deepest path in a tree, in folders.")
    max_files: int = Field(10_000, gt=0, description="Most files in a tree.")
    max_file_bytes: int = Field(2_000_000, gt=0, description="Largest file in a tree, in bytes.")
    max_tree_bytes: int = Field(100_000_000, gt=0, description="Largest tree, in bytes.")

    check_seconds: float = Field(300, gt=0, description="Wall time of one verification command.")
    check_cpu_seconds: int = Field(240, gt=0, description="CPU time of one process in a check.")
    check_memory_mb: int = Field(2048, gt=0, description="Memory of one process in a check, MiB.")
    check_file_mb: int = Field(64, gt=0, description="Largest file that a check may write, MiB.")
    min_coverage: float = Field(
        80, ge=0, le=100, description="Least line coverage of generated tests, in percent."
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
    def inbox(self) -> Path:
        """Folder that the ``new_ideas`` sensor watches."""
        return self.home / "inbox"

    @property
    def projects_dir(self) -> Path:
        """Folder that holds one folder per project."""
        return self.home / "projects"

    @property
    def store_url(self) -> str:
        """URL of the project store."""
        embedded = URL.create("sqlite", database=str(self.home / "store.db"))
        return self.database_url or embedded.render_as_string(hide_password=False)


@cache
def get_settings() -> Settings:
    """The settings of this process; ``home`` is absolute."""
    settings = Settings()
    return settings.model_copy(update={"home": settings.home.expanduser().absolute()})
