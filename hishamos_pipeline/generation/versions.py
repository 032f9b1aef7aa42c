"""What an artifact's making depends on besides its inputs: our code, the engine, the shape of the answer."""

from hishamos_pipeline.agents.engine import Engine
from hishamos_pipeline.agents.tasks import TASK_OF
from hishamos_pipeline.core.pipeline.rules import rule_version, shape_version
from hishamos_pipeline.core.text.hashing import sha256_text


def code_version(artifact: str, engine: Engine) -> str:
    """What an artifact's making depends on: our code, the engine's version, and the answer's schema."""
    rules, task = rule_version(f"artifact/{artifact}"), TASK_OF.get(artifact)
    if task is None:
        return rules
    schema = shape_version(f"answer/{artifact}", task.answer)
    return sha256_text(f"{rules}{engine.version(task)}{schema}")[:16]
