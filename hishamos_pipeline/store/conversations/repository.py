"""What agents leave behind besides artifacts: conversations, the tools they used, and prompt texts."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import ColumnElement, Select, delete, false, or_, select
from sqlalchemy.orm import Session

from hishamos_pipeline.errors import ArtifactMissingError
from hishamos_pipeline.store.conversations.records import Conversation, PromptText, ToolCall
from hishamos_pipeline.store.conversations.tables import ConversationRow, PromptTextRow, ToolCallRow
from hishamos_pipeline.store.organizations.scope import actor_of, visible
from hishamos_pipeline.store.pages import PageOf, PageQuery, read_page
from hishamos_pipeline.store.projects.tables import ProjectRow
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, find_project, insert_new


@dataclass(frozen=True, slots=True)
class UsedTool:
    """A tool call for the audit; ``arguments`` and ``result`` are JSON or text, already shortened."""

    project: str
    role: str
    task: str
    tool: str
    arguments: str
    result: str = ""
    error: str = ""


class Conversations:
    """Keeps conversations, tool calls and prompt texts."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def messages(self, name: str, role: str, task: str, project: str) -> str:
        """The messages of a conversation as JSON; empty where it has not begun."""
        with self._sessions.read() as session:
            row = session.scalars(_one(name, role, task, project)).one_or_none()
            return row.messages if row else ""

    def save(self, name: str, role: str, task: str, messages: str, project: str) -> int:
        """Keep a conversation's messages after a turn, and return the number of turns."""
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            row = session.scalars(_one(name, role, task, project)).one_or_none()
            if row is None:
                row = ConversationRow(name=name, role=role, task=task, project=project, turns=0)
                session.add(row)
            row.messages, row.turns, row.updated_at = messages, row.turns + 1, now
            return row.turns

    def page(self, page: PageQuery, prefix: str, project: str = "") -> PageOf[Conversation]:
        """A page of the conversations whose names begin so, of one project if it is named, the newest first.

        Raises:
            ProjectNotFoundError: there is no such project.
            InputError: the page's order or cursor is none.
        """
        with self._sessions.read() as session:
            query = select(ConversationRow).where(*_own(session, prefix))
            if project:
                query = query.where(ConversationRow.project == find_project(session, project).key)
            return read_page(
                session,
                query,
                {"-id": ConversationRow.id},
                ConversationRow.id,
                page,
                partial(record, Conversation),
            )

    def get(self, conversation_id: int, prefix: str) -> Conversation:
        """A conversation whose name begins so.

        Raises:
            ArtifactMissingError: there is none.
        """
        with self._sessions.read() as session:
            query = select(ConversationRow).where(
                ConversationRow.id == conversation_id, *_own(session, prefix)
            )
            row = session.scalars(query).one_or_none()
            if row is None:
                raise ArtifactMissingError(f"there is no conversation {conversation_id}")
            return record(Conversation, row)

    def remove(self, conversation_id: int) -> None:
        """Forget a conversation."""
        with self._sessions.write() as session:
            session.execute(delete(ConversationRow).where(ConversationRow.id == conversation_id))

    def used(self, call: UsedTool) -> None:
        """Record a tool call."""
        with self._sessions.write() as session:
            session.add(
                ToolCallRow(
                    project=call.project,
                    role=call.role,
                    task=call.task,
                    tool=call.tool,
                    arguments=call.arguments,
                    result=call.result,
                    error=call.error,
                    called_at=self._sessions.clock.now(),
                )
            )

    def tool_calls(self, project: str) -> list[ToolCall]:
        """The tool calls of a project, in order."""
        with self._sessions.read() as session:
            rows = session.scalars(
                select(ToolCallRow).where(ToolCallRow.project == project).order_by(ToolCallRow.id)
            )
            return [record(ToolCall, row) for row in rows]

    def keep_prompts(self, prompts: Iterable[tuple[str, str, str, str]], project: str = "") -> None:
        """Keep prompt texts, each as version, role, task and text; a known version stays as it is.

        Args:
            prompts: the texts.
            project: whose own role has them; empty for those of the installation.
        """
        now = self._sessions.clock.now()
        rows = [
            {
                "version": version,
                "role": role,
                "task": task,
                "text": text,
                "project": project,
                "first_used_at": now,
            }
            for version, role, task, text in prompts
        ]
        with self._sessions.write() as session:
            insert_new(session, PromptTextRow, rows)

    def prompt_texts(self, role: str, task: str, project: str = "") -> list[PromptText]:
        """The versions of a prompt that were ever used, the newest first: the installation's, and a project's own."""
        with self._sessions.read() as session:
            query = select(PromptTextRow).where(
                PromptTextRow.role == role,
                PromptTextRow.task == task,
                PromptTextRow.project.in_(("", project)),
            )
            rows = session.scalars(query.order_by(PromptTextRow.first_used_at.desc()))
            return [record(PromptText, row) for row in rows]


def _own(session: Session, prefix: str) -> tuple[ColumnElement[bool], ...]:
    """The conditions that hold for somebody's own conversations, as far as they still see what those are about."""
    mine = select(ProjectRow.key).where(visible(session))
    free = false() if actor_of(session).project else ConversationRow.project == ""
    about = or_(ConversationRow.project.in_(mine), free)
    named = (
        ConversationRow.name.startswith(prefix, autoescape=True)
        if prefix
        else ConversationRow.name.not_like("%/%")
    )
    return named, about


def _one(name: str, role: str, task: str, project: str) -> Select[ConversationRow]:
    return select(ConversationRow).where(
        ConversationRow.name == name,
        ConversationRow.role == role,
        ConversationRow.task == task,
        ConversationRow.project == project,
    )
