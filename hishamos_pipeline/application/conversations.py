"""Conversations with roles: everybody's own, turn by turn."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from hishamos_pipeline.application.agents import AssignTask, TaskAnswer, assign_task, conversations_of
from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.application.rights import require, requires
from hishamos_pipeline.application.view import UseCaseInput, View
from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.generation.services import Services
from hishamos_pipeline.store.conversations.records import Conversation
from hishamos_pipeline.store.pages import PageQuery


class ConversationView(View):
    """A conversation: with which task of which role, about which project, and how long it is."""

    id: int
    name: str
    role: str
    task: str
    project: str
    turns: int
    updated_at: datetime


class Said(View):
    """What was said in a conversation, by the person or by the role; a role's answer is JSON as its task has it."""

    by: Literal["person", "role"]
    text: str


class ConversationDetails(ConversationView):
    """A conversation with what was said, in order; what tools were asked and told is left out."""

    said: tuple[Said, ...]


class ContinueConversation(UseCaseInput):
    """What is said next in a conversation: the fields of its task's question."""

    conversation: int
    question: Mapping[str, Any] = Field(repr=False)


@requires("agents.read", project="project")
def list_conversations(
    services: Services, actor: Actor, page: PageQuery, project: str = ""
) -> Page[ConversationView]:
    """A page of the actor's own conversations, the newest first.

    Raises:
        ProjectNotFoundError: there is no such project.
        InputError: the page's order or cursor is none.
    """
    found = services.store.conversations.page(page, conversations_of(actor), project)
    return Page.showing(found, lambda item: _view(actor, item))


@requires("agents.read")
def show_conversation(services: Services, actor: Actor, conversation: int) -> ConversationDetails:
    """One of the actor's own conversations.

    Raises:
        ArtifactMissingError: they have none of that number.
    """
    found = services.store.conversations.get(conversation, conversations_of(actor))
    view = _view(actor, found)
    return ConversationDetails(**view.model_dump(), said=_said(found.messages))


@requires("agents.run")
async def continue_conversation(
    services: Services, actor: Actor, command: ContinueConversation
) -> TaskAnswer:
    """Say something in one of the actor's own conversations.

    Raises:
        ArtifactMissingError: they have none of that number.
        RoleError: the question lacks something.
        ModelError: nobody gave a valid answer, or no model is set.
    """
    found = services.store.conversations.get(command.conversation, conversations_of(actor))
    name = found.name.removeprefix(conversations_of(actor))
    asked = AssignTask(
        role=found.role, task=found.task, question=command.question, project=found.project, conversation=name
    )
    return await assign_task(services, actor, asked)


@requires("agents.run")
def remove_conversation(services: Services, actor: Actor, conversation: int) -> None:
    """Forget one of the actor's own conversations.

    Raises:
        ArtifactMissingError: they have none of that number.
    """
    found = services.store.conversations.get(conversation, conversations_of(actor))
    if found.project:
        require(services, actor, "agents.run", found.project)
    services.store.conversations.remove(found.id)


def _view(actor: Actor, found: Conversation) -> ConversationView:
    return ConversationView.of(found, name=found.name.removeprefix(conversations_of(actor)))


def _said(messages: str) -> tuple[Said, ...]:
    """Who has said what, of messages as pydantic-ai keeps them."""
    said: list[Said] = []
    for message in json.loads(messages):
        for part in message.get("parts", ()):
            text = part.get("content")
            if isinstance(text, str) and text and part.get("part_kind") in ("user-prompt", "text"):
                said.append(Said(by="person" if part["part_kind"] == "user-prompt" else "role", text=text))
    return tuple(said)
