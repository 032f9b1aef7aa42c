"""The project store: one object that hands out the repositories of its tables."""

from contextlib import AbstractContextManager
from datetime import UTC, datetime

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, sessionmaker

from hishamos_pipeline.core.actor import INSTALLATION, Actor
from hishamos_pipeline.core.clock import Clock, SystemClock
from hishamos_pipeline.store import database
from hishamos_pipeline.store.agent_tasks.repository import AgentTasks
from hishamos_pipeline.store.artifacts.repository import Artifacts
from hishamos_pipeline.store.audit.repository import Audit
from hishamos_pipeline.store.backlog.repository import Backlog
from hishamos_pipeline.store.batches.repository import Batches
from hishamos_pipeline.store.builds.repository import BuildRequests
from hishamos_pipeline.store.calls.executions import Executions
from hishamos_pipeline.store.calls.repository import Calls
from hishamos_pipeline.store.calls.token_use import TokenUse
from hishamos_pipeline.store.conversations.repository import Conversations
from hishamos_pipeline.store.counters.repository import Counters
from hishamos_pipeline.store.credentials.repository import Credentials
from hishamos_pipeline.store.deliveries.repository import Deliveries
from hishamos_pipeline.store.edits.repository import Edits
from hishamos_pipeline.store.events.repository import Events
from hishamos_pipeline.store.exports.repository import ExportRequests
from hishamos_pipeline.store.forecasts.repository import Forecasts
from hishamos_pipeline.store.heartbeats.repository import Heartbeats
from hishamos_pipeline.store.housekeeping.repository import Housekeeping
from hishamos_pipeline.store.idempotency.repository import IdempotencyKeys
from hishamos_pipeline.store.issues.repository import IssueIdeas
from hishamos_pipeline.store.locks import Locks
from hishamos_pipeline.store.logins.repository import Logins
from hishamos_pipeline.store.notifications.repository import Notifications
from hishamos_pipeline.store.people.organizations import Organizations
from hishamos_pipeline.store.people.users import Users
from hishamos_pipeline.store.projects.repository import Projects
from hishamos_pipeline.store.providers.repository import StoredProviders
from hishamos_pipeline.store.sessions import Sessions, reachable
from hishamos_pipeline.store.units.repository import Units
from hishamos_pipeline.store.webhooks.repository import Webhooks
from hishamos_pipeline.store.workflows.human_tasks import HumanTasks
from hishamos_pipeline.store.workflows.runs import WorkflowRuns
from hishamos_pipeline.store.workflows.versions import WorkflowVersions


class ProjectStore:
    """Everything that HishamOS remembers about projects.

    Args:
        engine: an engine from ``store.database.open_engine`` whose schema is current.
        clock: where times come from.
        wait_seconds: how long a server that is away is waited for before a transaction.
        actor: whom it works for.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock | None = None,
        wait_seconds: float = 0.0,
        actor: Actor = INSTALLATION,
    ) -> None:
        self.engine = engine
        sessions = Sessions(
            sessionmaker(engine, expire_on_commit=False),
            sessionmaker(database.for_writing(engine), expire_on_commit=False),
            clock or SystemClock(),
            0.0 if engine.dialect.name == "sqlite" else wait_seconds,
            actor,
        )
        self._sessions = sessions
        self.locks = Locks(engine)
        self.projects = Projects(sessions)
        self.artifacts = Artifacts(sessions)
        self.units = Units(sessions)
        self.edits = Edits(sessions)
        self.backlog = Backlog(sessions)
        self.deliveries = Deliveries(sessions)
        self.export_requests = ExportRequests(sessions)
        self.calls = Calls(sessions)
        self.forecasts = Forecasts(sessions)
        self.token_use = TokenUse(sessions)
        self.executions = Executions(sessions)
        self.conversations = Conversations(sessions)
        self.agent_tasks = AgentTasks(sessions)
        self.credentials = Credentials(sessions)
        self.providers = StoredProviders(sessions)
        self.heartbeats = Heartbeats(sessions)
        self.notifications = Notifications(sessions)
        self.batches = Batches(sessions)
        self.issue_ideas = IssueIdeas(sessions)
        self.housekeeping = Housekeeping(sessions)
        self.audit = Audit(sessions)
        self.counters = Counters(sessions)
        self.builds = BuildRequests(sessions)
        self.events = Events(sessions)
        self.users = Users(sessions)
        self.organizations = Organizations(sessions)
        self.logins = Logins(sessions)
        self.idempotency_keys = IdempotencyKeys(sessions)
        self.webhooks = Webhooks(sessions)
        self.workflow_versions = WorkflowVersions(sessions)
        self.workflow_runs = WorkflowRuns(sessions)
        self.human_tasks = HumanTasks(sessions, self.workflow_runs)

    def acting_as(self, actor: Actor) -> "ProjectStore":
        """The same store for somebody: with the projects of their organization, and what they do recorded as theirs."""
        given = self._sessions
        return ProjectStore(self.engine, given.clock, given.wait_seconds, actor)

    @property
    def actor(self) -> Actor:
        """Whom the store works for."""
        return self._sessions.actor

    @property
    def clock(self) -> Clock:
        """Where the store takes its times from."""
        return self._sessions.clock

    def server_time(self) -> datetime | None:
        """The time by the database server's clock; ``None`` for the embedded store, which has none of its own."""
        if self.engine.dialect.name == "sqlite":
            return None
        with self.read() as session:
            told: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
        return told.astimezone(UTC)

    def read(self) -> AbstractContextManager[Session]:
        """A session for reading."""
        return self._sessions.read()


def open_store(url: str, clock: Clock | None = None, wait_seconds: float = 0.0) -> ProjectStore:
    """Open the store at ``url``; the embedded one is created and migrated by itself.

    Raises:
        StoreVersionError: the schema is not this release's and may not be changed unasked.
        StorageError: the folder of an embedded store cannot be made.
    """
    engine = database.open_engine(url)
    with reachable():
        database.prepare(engine)
    return ProjectStore(engine, clock, wait_seconds)
