"""What agents leave behind besides artifacts: conversations, the tools they used, and prompt texts."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Select, select

from hishamos_pipeline.store.conversations.records import PromptText, ToolCall
from hishamos_pipeline.store.conversations.tables import ConversationRow, PromptTextRow, ToolCallRow
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, insert_new


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

    def keep_prompts(self, prompts: Iterable[tuple[str, str, str, str]]) -> None:
        """Keep prompt texts, each as version, role, task and text; a known version stays as it is."""
        now = self._sessions.clock.now()
        rows = [
            {"version": version, "role": role, "task": task, "text": text, "first_used_at": now}
            for version, role, task, text in prompts
        ]
        with self._sessions.write() as session:
            insert_new(session, PromptTextRow, rows)

    def prompt_texts(self, role: str, task: str) -> list[PromptText]:
        """The versions of a prompt that were ever used, the newest first."""
        with self._sessions.read() as session:
            query = select(PromptTextRow).where(PromptTextRow.role == role, PromptTextRow.task == task)
            rows = session.scalars(query.order_by(PromptTextRow.first_used_at.desc()))
            return [record(PromptText, row) for row in rows]


def _one(name: str, role: str, task: str, project: str) -> Select[ConversationRow]:
    return select(ConversationRow).where(
        ConversationRow.name == name,
        ConversationRow.role == role,
        ConversationRow.task == task,
        ConversationRow.project == project,
    )
