"""What GitLab's answers look like."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from tests.fakes.git_hosts.state import Account, Pull, Release, Repo, Token
from tests.fakes.git_hosts.wire import Call

SETTINGS: dict[str, Any] = {
    "issues_enabled": True,
    "merge_requests_enabled": True,
    "wiki_enabled": True,
    "jobs_enabled": True,
    "snippets_enabled": True,
    "packages_enabled": True,
    "container_registry_enabled": True,
    "lfs_enabled": True,
    "shared_runners_enabled": True,
    "request_access_enabled": True,
    "auto_devops_enabled": False,
    "ci_config_path": "",
    "merge_method": "merge",
    "squash_option": "default_off",
    "remove_source_branch_after_merge": True,
    "only_allow_merge_if_pipeline_succeeds": False,
    "only_allow_merge_if_all_discussions_are_resolved": False,
    "allow_merge_on_skipped_pipeline": False,
    "printing_merge_request_link_enabled": True,
    "issues_access_level": "enabled",
    "wiki_access_level": "enabled",
    "builds_access_level": "enabled",
    "merge_commit_template": None,
    "squash_commit_template": None,
    "suggestion_commit_message": None,
}


def moment(at: datetime | None) -> str:
    """A time as GitLab writes it."""
    return (at or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def site(call: Call) -> str:
    """The host's address for people."""
    return call.url.removesuffix("/api/v4")


def user(call: Call, account: Account) -> dict[str, Any]:
    """A user."""
    return {
        "id": account.id,
        "username": account.login,
        "name": account.login,
        "state": "active",
        "locked": False,
        "avatar_url": None,
        "web_url": f"{site(call)}/{account.login}",
    }


def token(call: Call, shown: Token) -> dict[str, Any]:
    """A token's data about itself."""
    return {
        "id": 1,
        "name": "a token",
        "revoked": False,
        "created_at": "2026-01-01T00:00:00.000Z",
        "description": "",
        "scopes": [*shown.scopes],
        "user_id": call.host.accounts[shown.login.lower()].id,
        "last_used_at": moment(None),
        "active": True,
        "expires_at": None,
    }


def namespace(call: Call, account: Account) -> dict[str, Any]:
    """A user or group as the place of projects."""
    parent = call.host.accounts.get(account.login.rpartition("/")[0].lower())
    page = account.login if account.is_user else f"groups/{account.login}"
    return {
        "id": account.id,
        "name": account.name,
        "path": account.name,
        "kind": "user" if account.is_user else "group",
        "full_path": account.login,
        "parent_id": parent.id if parent else None,
        "avatar_url": None,
        "web_url": f"{site(call)}/{page}",
    }


def group(call: Call, account: Account) -> dict[str, Any]:
    """A group."""
    parent = call.host.accounts.get(account.login.rpartition("/")[0].lower())
    return {
        "id": account.id,
        "web_url": f"{site(call)}/groups/{account.login}",
        "name": account.name,
        "path": account.name,
        "full_name": account.login.replace("/", " / "),
        "full_path": account.login,
        "description": "",
        "visibility": account.visibility,
        "avatar_url": None,
        "parent_id": parent.id if parent else None,
        "created_at": "2020-01-01T00:00:00.000Z",
        "project_creation_level": "developer",
        "default_branch": None,
        "default_branch_protection": 2,
    }


def project(call: Call, repo: Repo) -> dict[str, Any]:
    """A project with its settings."""
    owner = call.host.accounts[repo.owner.lower()]
    page = f"{site(call)}/{repo.full_name}"
    shape = {
        "id": repo.id,
        "description": repo.description,
        "name": repo.title or repo.name,
        "name_with_namespace": f"{repo.owner.replace('/', ' / ')} / {repo.title or repo.name}",
        "path": repo.name,
        "path_with_namespace": repo.full_name,
        "created_at": moment(repo.created_at),
        "default_branch": repo.default_branch,
        "tag_list": [*repo.topics],
        "topics": [*repo.topics],
        "ssh_url_to_repo": f"git@127.0.0.1:{repo.full_name}.git",
        "http_url_to_repo": f"{page}.git",
        "web_url": page,
        "readme_url": None,
        "forks_count": 0,
        "star_count": 0,
        "avatar_url": None,
        "last_activity_at": moment(repo.pushed_at or repo.created_at),
        "namespace": namespace(call, owner),
        "empty_repo": repo.empty,
        "archived": repo.archived,
        "visibility": repo.visibility,
        "creator_id": call.host.accounts[call.token.login.lower()].id,
        "import_status": "none",
        "shared_with_groups": [
            {"group_id": int(number), "group_access_level": level} for number, level in repo.teams.items()
        ],
        **SETTINGS,
        **repo.settings,
    }
    return {**shape, "owner": user(call, owner)} if owner.is_user else shape


def project_with_access(call: Call, repo: Repo) -> dict[str, Any]:
    """A project, and what the token's user may do with it."""
    access = {"access_level": call.host.level(call.token.login, repo), "notification_level": 3}
    by_group = "/" in repo.owner or not call.host.accounts[repo.owner.lower()].is_user
    permissions = {
        "project_access": None if by_group else access,
        "group_access": access if by_group else None,
    }
    return {**project(call, repo), "permissions": permissions}


def commit(call: Call, repo: Repo, sha: str) -> dict[str, Any]:
    """A commit, read from git."""
    told = repo.bare.describe(sha)
    at = moment(told.at)
    return {
        "id": sha,
        "short_id": sha[:8],
        "created_at": at,
        "parent_ids": [*told.parents],
        "title": told.message.partition("\n")[0],
        "message": told.message,
        "author_name": told.name,
        "author_email": told.email,
        "authored_date": at,
        "committer_name": told.name,
        "committer_email": told.email,
        "committed_date": at,
        "web_url": f"{site(call)}/{repo.full_name}/-/commit/{sha}",
    }


def branch(call: Call, repo: Repo, name: str, sha: str) -> dict[str, Any]:
    """A branch."""
    return {
        "name": name,
        "commit": commit(call, repo, sha),
        "merged": False,
        "protected": name in repo.protection,
        "developers_can_push": False,
        "developers_can_merge": False,
        "can_push": True,
        "default": name == repo.default_branch,
        "web_url": f"{site(call)}/{repo.full_name}/-/tree/{quote(name)}",
    }


def protected_branch(name: str, levels: dict[str, Any]) -> dict[str, Any]:
    """A protected branch and who may push to it and merge into it."""
    words = {0: "No one", 30: "Developers + Maintainers", 40: "Maintainers", 60: "Instance admins"}

    def access(kind: str) -> list[dict[str, Any]]:
        level = levels[kind]
        return [{"id": level + 1, "access_level": level, "access_level_description": words[level]}]

    return {
        "id": sum(name.encode()),
        "name": name,
        "push_access_levels": access("push"),
        "merge_access_levels": access("merge"),
        "unprotect_access_levels": [],
        "allow_force_push": bool(levels.get("allow_force_push")),
        "code_owner_approval_required": bool(levels.get("code_owner_approval_required")),
        "inherited": False,
    }


def merge_request(call: Call, repo: Repo, pull: Pull) -> dict[str, Any]:
    """A merge request."""
    sha = repo.branches.get(pull.head, pull.sha) if pull.state == "open" else pull.sha
    return {
        "id": repo.id * 1000 + pull.number,
        "iid": pull.number,
        "project_id": repo.id,
        "source_project_id": repo.id,
        "target_project_id": repo.id,
        "title": pull.title,
        "description": pull.body,
        "state": {"open": "opened"}.get(pull.state, pull.state),
        "created_at": moment(pull.created_at),
        "updated_at": moment(pull.created_at),
        "source_branch": pull.head,
        "target_branch": pull.base,
        "author": user(call, call.host.accounts[pull.author.lower()]),
        "draft": pull.draft,
        "sha": sha,
        "merge_commit_sha": pull.merge_sha,
        "squash": False,
        "force_remove_source_branch": pull.drop_branch,
        "merge_status": "can_be_merged",
        "detailed_merge_status": "mergeable",
        "has_conflicts": False,
        "web_url": f"{site(call)}/{repo.full_name}/-/merge_requests/{pull.number}",
    }


def release(call: Call, repo: Repo, made: Release) -> dict[str, Any]:
    """A release."""
    return {
        "tag_name": made.tag,
        "name": made.name,
        "description": made.body,
        "created_at": moment(made.created_at),
        "released_at": moment(made.created_at),
        "upcoming_release": False,
        "commit": commit(call, repo, repo.bare.refs("tags")[made.tag]),
        "_links": {"self": f"{site(call)}/{repo.full_name}/-/releases/{made.tag}"},
    }
