"""What every export has in common: it is recorded when it begins, when it is there, and when it failed."""

from collections.abc import Callable
from typing import TypeVar

from hishamos_pipeline.errors import HostError
from hishamos_pipeline.generation.context import DeliveryContext

T = TypeVar("T")


def recorded(step: DeliveryContext, export: str, work: Callable[[], T]) -> T:
    """Do an export, and record how it went, for the requests that asked for it too.

    Args:
        step: the step that exports.
        export: ``git``, ``zip``, ``tar``, ``github`` or ``gitlab``.
        work: does it.
    """
    request = step.requests.standing(step.key, export)
    step.deliveries.begin_export(step.key, export)
    try:
        made = work()
    except Exception as error:
        step.deliveries.fail_export(step.key, export, str(error))
        if request and not (isinstance(error, HostError) and error.cause == "interrupted"):
            step.requests.finish(step.key, export, request.id, str(error))
        raise
    if request:
        step.requests.finish(step.key, export, request.id)
    return made
