"""What can happen to a project, as the events name it."""

KINDS = (
    "idea.submitted",
    "build.requested",
    "build.started",
    "build.ended",
    "build.cancelled",
    "step.made",
    "step.failed",
    "story.verified",
    "story.deferred",
    "approval.wanted",
    "approval.given",
    "budget.hit",
    "edit.made",
    "proposal.made",
    "export.requested",
    "export.done",
    "export.failed",
)
