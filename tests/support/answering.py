"""A recorded provider that answers some tasks otherwise."""

from collections.abc import Callable

from tests.fakes.providers import Asked, Reply
from tests.generation.conftest import Recorded

Answers = dict[str, list[str]]


def answering(recorded: Recorded, answers: Answers) -> list[str]:
    """Have some tasks answered in turn, the last answer again and again; the tasks that were asked, in order."""
    usual: Callable[[Asked], Reply] = recorded.server.answer
    asked: list[str] = []

    def answer(request: Asked) -> Reply:
        task = next((name for name in answers if f"# Task {name}" in request.text), "")
        if not task:
            return usual(request)
        asked.append(task)
        queue = answers[task]
        return Reply(queue.pop(0) if len(queue) > 1 else queue[0], usage=(500, 100))

    recorded.server.answer = answer
    return asked
