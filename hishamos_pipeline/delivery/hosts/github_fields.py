"""What a target asks for, in GitHub's fields."""

from collections.abc import Mapping
from typing import Any

from hishamos_pipeline.core.artifacts.target import Access, Protection, Target

PERMISSIONS: Mapping[Access, str] = {
    "read": "pull",
    "triage": "triage",
    "write": "push",
    "maintain": "maintain",
    "admin": "admin",
}


def facts_of(target: Target) -> dict[str, Any]:
    """What one PATCH of the repository sets; only what the target speaks of."""
    given = target.model_fields_set
    facts: dict[str, Any] = {
        name: getattr(target, name) for name in ("description", "homepage") if name in given
    }
    facts |= {
        f"has_{name}": value for name, value in target.features.model_dump().items() if value is not None
    }
    if target.merge_ways:
        for way, field in (("merge", "merge_commit"), ("squash", "squash_merge"), ("rebase", "rebase_merge")):
            facts[f"allow_{field}"] = way in target.merge_ways
    if target.delete_merged_branches is not None:
        facts["delete_branch_on_merge"] = target.delete_merged_branches
    return facts


def protection_of(rules: Protection) -> dict[str, Any]:
    """The whole rule: GitHub wants every field, and takes null where it says boolean for an error."""
    reviews = {"required_approving_review_count": rules.approvals} if rules.approvals else None
    checks = {"strict": False, "contexts": list(rules.required_checks)} if rules.required_checks else None
    return {
        "required_status_checks": checks,
        "enforce_admins": rules.enforce_admins,
        "required_pull_request_reviews": reviews,
        "restrictions": None,
        "required_linear_history": rules.linear_history,
        "required_conversation_resolution": rules.conversation_resolution,
        "allow_force_pushes": False,
        "allow_deletions": False,
        "block_creations": False,
        "lock_branch": False,
        "allow_fork_syncing": False,
    }
