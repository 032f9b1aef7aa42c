"""What a target asks for, in GitLab's fields."""

from collections.abc import Mapping
from typing import Any

from hishamos_pipeline.core.artifacts.target import Access, Target

# Levels of https://docs.gitlab.com/ee/api/members.html#roles
LEVELS: Mapping[Access, int] = {"read": 20, "triage": 20, "write": 30, "maintain": 40, "admin": 40}


def facts_of(target: Target) -> dict[str, Any]:
    """What one PUT of the project sets; only what the target speaks of."""
    facts: dict[str, Any] = {}
    if "description" in target.model_fields_set:
        facts["description"] = target.description
    for feature, field in (("issues", "issues_access_level"), ("wiki", "wiki_access_level")):
        switched = getattr(target.features, feature)
        if switched is not None:
            facts[field] = "enabled" if switched else "disabled"
    rules = target.protection
    if target.merge_ways or (rules and rules.linear_history):
        linear = bool(rules and rules.linear_history) or "merge" not in target.merge_ways
        facts["merge_method"] = "ff" if linear else "merge"
    if target.merge_ways:
        only_squash = target.merge_ways == ("squash",)
        facts["squash_option"] = (
            "always" if only_squash else "default_off" if "squash" in target.merge_ways else "never"
        )
    if target.delete_merged_branches is not None:
        facts["remove_source_branch_after_merge"] = target.delete_merged_branches
    if rules:
        facts["only_allow_merge_if_pipeline_succeeds"] = bool(rules.required_checks)
        facts["only_allow_merge_if_all_discussions_are_resolved"] = rules.conversation_resolution
    return facts
