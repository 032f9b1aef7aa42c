"""What GitHub's answers look like."""

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

from tests.fakes.git_hosts.plumbing import Commit
from tests.fakes.git_hosts.state import MAINTAIN, OWN, READ, WRITE, Account, Host, Pull, Release, Repo
from tests.fakes.git_hosts.wire import Call

LEVELS = {"pull": READ, "triage": READ, "push": WRITE, "maintain": MAINTAIN, "admin": OWN}
MERGING = {
    "allow_squash_merge": True,
    "allow_merge_commit": True,
    "allow_rebase_merge": True,
    "allow_auto_merge": False,
    "allow_update_branch": False,
    "delete_branch_on_merge": False,
    "squash_merge_commit_title": "COMMIT_OR_PR_TITLE",
    "squash_merge_commit_message": "COMMIT_MESSAGES",
    "merge_commit_title": "MERGE_MESSAGE",
    "merge_commit_message": "PR_TITLE",
    "web_commit_signoff_required": False,
    "use_squash_pr_title_as_default": False,
}
SETTINGS = {
    **MERGING,
    "has_issues": True,
    "has_projects": True,
    "has_wiki": True,
    "has_discussions": False,
    "has_downloads": True,
    "is_template": False,
    "allow_forking": True,
}
_USER_LINKS = (
    "followers following{/other_user} gists{/gist_id} starred{/owner}{/repo} subscriptions orgs repos "
    "events{/privacy} received_events"
).split()
_USER_LINK_NAMES = (
    "followers following gists starred subscriptions organizations repos events received_events"
).split()
_REPO_LINKS = """
    archive:/{archive_format}{/ref} assignees:/assignees{/user} blobs:/git/blobs{/sha} branches:/branches{/branch}
    collaborators:/collaborators{/collaborator} comments:/comments{/number} commits:/commits{/sha}
    compare:/compare/{base}...{head} contents:/contents/{+path} contributors:/contributors deployments:/deployments
    downloads:/downloads events:/events forks:/forks git_commits:/git/commits{/sha} git_refs:/git/refs{/sha}
    git_tags:/git/tags{/sha} hooks:/hooks issue_comment:/issues/comments{/number} issue_events:/issues/events{/number}
    issues:/issues{/number} keys:/keys{/key_id} labels:/labels{/name} languages:/languages merges:/merges
    milestones:/milestones{/number} notifications:/notifications{?since,all,participating} pulls:/pulls{/number}
    releases:/releases{/id} stargazers:/stargazers statuses:/statuses/{sha} subscribers:/subscribers
    subscription:/subscription tags:/tags teams:/teams trees:/git/trees{/sha}
"""


def moment(at: datetime | None) -> str:
    """A time as GitHub writes it."""
    return (at or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def node(kind: str, number: object) -> str:
    """An id of the kind that GraphQL knows."""
    return b64encode(f"{kind}{number}".encode()).decode()


def site(call: Call) -> str:
    """The host's address for people."""
    return call.url.removesuffix("/api/v3")


def simple_user(call: Call, account: Account) -> dict[str, Any]:
    """An owner or author."""
    url = f"{call.url}/users/{account.login}"
    links = {f"{name}_url": f"{url}/{path}" for name, path in zip(_USER_LINK_NAMES, _USER_LINKS, strict=True)}
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node("User", account.id),
        "avatar_url": f"{site(call)}/avatars/{account.id}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{site(call)}/{account.login}",
        **links,
        "type": "User" if account.is_user else "Organization",
        "site_admin": False,
    }


def user(call: Call, account: Account, *, own: bool) -> dict[str, Any]:
    """A user, with what only he himself may see."""
    known = {
        **simple_user(call, account),
        "user_view_type": "private" if own else "public",
        **dict.fromkeys(("name", "company", "location", "email", "hireable", "bio")),
        "blog": "",
        "public_repos": 0,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2020-01-01T00:00:00Z",
    }
    counts = ("private_gists", "total_private_repos", "owned_private_repos", "disk_usage", "collaborators")
    return {**known, **dict.fromkeys(counts, 0), "two_factor_authentication": True} if own else known


def organisation(call: Call, account: Account) -> dict[str, Any]:
    """An organisation."""
    url = f"{call.url}/orgs/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node("Organization", account.id),
        "url": url,
        **{f"{name}_url": f"{url}/{name}" for name in ("repos", "events", "hooks", "issues")},
        "members_url": f"{url}/members{{/member}}",
        "public_members_url": f"{url}/public_members{{/member}}",
        "avatar_url": f"{site(call)}/avatars/{account.id}",
        "description": None,
        "html_url": f"{site(call)}/{account.login}",
        "has_organization_projects": True,
        "has_repository_projects": True,
        "public_repos": 0,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "type": "Organization",
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2020-01-01T00:00:00Z",
        "archived_at": None,
    }


def team(call: Call, account: Account, slug: str) -> dict[str, Any]:
    """A team of an organisation."""
    url = f"{call.url}/orgs/{account.login}/teams/{slug}"
    return {
        "id": account.id * 100,
        "node_id": node("Team", slug),
        "url": url,
        "html_url": f"{site(call)}/orgs/{account.login}/teams/{slug}",
        "name": slug,
        "slug": slug,
        "description": "",
        "privacy": "closed",
        "permission": "pull",
        "members_url": f"{url}/members{{/member}}",
        "repositories_url": f"{url}/repos",
        "parent": None,
        "organization": organisation(call, account),
    }


def repository(call: Call, repo: Repo) -> dict[str, Any]:
    """A repository with all its fields."""
    url, page = f"{call.url}/repos/{repo.full_name}", f"{site(call)}/{repo.full_name}"
    account = call.host.accounts[repo.owner.lower()]
    links = (pair.split(":", 1) for pair in _REPO_LINKS.split())
    level = call.host.level(call.token.login, repo)
    zeros = "forks forks_count open_issues open_issues_count stargazers_count watchers watchers_count"
    known = {
        "id": repo.id,
        "node_id": node("Repository", repo.id),
        "name": repo.name,
        "full_name": repo.full_name,
        "owner": simple_user(call, account),
        "private": repo.private,
        "visibility": repo.visibility,
        "html_url": page,
        "description": repo.description,
        "homepage": repo.homepage,
        "fork": False,
        "url": url,
        **{f"{name}_url": url + path for name, path in links},
        "clone_url": f"{page}.git",
        "git_url": f"git://{page.removeprefix('https://')}.git",
        "ssh_url": f"git@127.0.0.1:{repo.full_name}.git",
        "svn_url": page,
        "mirror_url": None,
        **dict.fromkeys(zeros.split(), 0),
        "network_count": 0,
        "subscribers_count": 1,
        "size": 0,
        "language": None,
        "license": None,
        "topics": [*repo.topics],
        "default_branch": repo.default_branch,
        "has_pages": False,
        "archived": repo.archived,
        "disabled": False,
        "created_at": moment(repo.created_at),
        "updated_at": moment(repo.pushed_at or repo.created_at),
        "pushed_at": moment(repo.pushed_at or repo.created_at),
        "permissions": {name: level >= needed for name, needed in LEVELS.items()},
        **SETTINGS,
        **repo.settings,
    }
    return known if account.is_user else {**known, "organization": simple_user(call, account)}


def commit(call: Call, repo: Repo, sha: str) -> dict[str, Any]:
    """A commit, read from git."""
    told: Commit = repo.bare.describe(sha)
    url, page = f"{call.url}/repos/{repo.full_name}", f"{site(call)}/{repo.full_name}"
    who = {"name": told.name, "email": told.email, "date": moment(told.at)}
    owner = simple_user(call, call.host.accounts[repo.owner.lower()])
    return {
        "sha": sha,
        "node_id": node("Commit", sha),
        "url": f"{url}/commits/{sha}",
        "html_url": f"{page}/commit/{sha}",
        "comments_url": f"{url}/commits/{sha}/comments",
        "commit": {
            "url": f"{url}/git/commits/{sha}",
            "author": who,
            "committer": who,
            "message": told.message,
            "comment_count": 0,
            "tree": {"sha": told.tree, "url": f"{url}/git/trees/{told.tree}"},
        },
        "author": owner,
        "committer": owner,
        "parents": [
            {"sha": one, "url": f"{url}/commits/{one}", "html_url": f"{page}/commit/{one}"}
            for one in told.parents
        ],
    }


def pull_request(call: Call, repo: Repo, pull: Pull) -> dict[str, Any]:
    """A pull request with what clients read of it."""
    url = f"{call.url}/repos/{repo.full_name}"
    author = simple_user(call, call.host.accounts[pull.author.lower()])
    owner = simple_user(call, call.host.accounts[repo.owner.lower()])
    whole = repository(call, repo)
    heads = repo.branches

    def end(branch: str, sha: str) -> dict[str, Any]:
        return {"label": f"{repo.owner}:{branch}", "ref": branch, "sha": sha, "user": owner, "repo": whole}

    return {
        "id": repo.id * 1000 + pull.number,
        "node_id": node("PullRequest", pull.number),
        "number": pull.number,
        "url": f"{url}/pulls/{pull.number}",
        "html_url": f"{site(call)}/{repo.full_name}/pull/{pull.number}",
        "state": "open" if pull.state == "open" else "closed",
        "title": pull.title,
        "body": pull.body or None,
        "draft": pull.draft,
        "user": author,
        "head": end(pull.head, heads.get(pull.head, pull.sha) if pull.state == "open" else pull.sha),
        "base": end(pull.base, heads.get(pull.base, "")),
        "merged": pull.state == "merged",
        "merge_commit_sha": pull.merge_sha,
        "mergeable": True if pull.state == "open" else None,
        "created_at": moment(pull.created_at),
        "updated_at": moment(pull.created_at),
        "closed_at": None if pull.state == "open" else moment(None),
        "merged_at": moment(None) if pull.state == "merged" else None,
    }


def release(call: Call, repo: Repo, made: Release) -> dict[str, Any]:
    """A release."""
    url, page = f"{call.url}/repos/{repo.full_name}", f"{site(call)}/{repo.full_name}"
    return {
        "id": made.id,
        "node_id": node("Release", made.id),
        "url": f"{url}/releases/{made.id}",
        "html_url": f"{page}/releases/tag/{made.tag}",
        "assets_url": f"{url}/releases/{made.id}/assets",
        "upload_url": f"{url}/releases/{made.id}/assets{{?name,label}}",
        "tarball_url": f"{url}/tarball/{made.tag}",
        "zipball_url": f"{url}/zipball/{made.tag}",
        "tag_name": made.tag,
        "target_commitish": repo.default_branch,
        "name": made.name,
        "body": made.body,
        "draft": made.draft,
        "prerelease": made.prerelease,
        "created_at": moment(made.created_at),
        "published_at": None if made.draft else moment(made.created_at),
        "author": simple_user(call, call.host.accounts[call.token.login.lower()]),
        "assets": [],
    }


def ref(call: Call, repo: Repo, name: str, sha: str) -> dict[str, Any]:
    """A branch or tag as a git reference."""
    url = f"{call.url}/repos/{repo.full_name}/git"
    return {
        "ref": name,
        "node_id": node("Ref", name),
        "url": f"{url}/{name}",
        "object": {"type": "commit", "sha": sha, "url": f"{url}/commits/{sha}"},
    }


def protection(call: Call, repo: Repo, branch: str, asked: dict[str, Any]) -> dict[str, Any]:
    """A branch's protection, from what was asked for."""
    url = f"{call.url}/repos/{repo.full_name}/branches/{branch}/protection"
    switches = (
        "required_linear_history allow_force_pushes allow_deletions block_creations "
        "required_conversation_resolution lock_branch allow_fork_syncing"
    )
    shape: dict[str, Any] = {"url": url}
    shape |= {name: {"enabled": bool(asked.get(name))} for name in switches.split()}
    shape["enforce_admins"] = {"url": f"{url}/enforce_admins", "enabled": bool(asked.get("enforce_admins"))}
    shape["required_signatures"] = {"url": f"{url}/required_signatures", "enabled": False}
    checks, reviews = asked.get("required_status_checks"), asked.get("required_pull_request_reviews")
    if checks is not None:
        named = checks.get("checks") or [{"context": name} for name in checks.get("contexts", [])]
        shape["required_status_checks"] = {
            "url": f"{url}/required_status_checks",
            "contexts_url": f"{url}/required_status_checks/contexts",
            "strict": bool(checks.get("strict")),
            "contexts": [one["context"] for one in named],
            "checks": [{"context": one["context"], "app_id": one.get("app_id")} for one in named],
        }
    if reviews is not None:
        shape["required_pull_request_reviews"] = {
            "url": f"{url}/required_pull_request_reviews",
            "dismiss_stale_reviews": bool(reviews.get("dismiss_stale_reviews")),
            "require_code_owner_reviews": bool(reviews.get("require_code_owner_reviews")),
            "require_last_push_approval": bool(reviews.get("require_last_push_approval")),
            "required_approving_review_count": reviews.get("required_approving_review_count") or 0,
        }
    if asked.get("restrictions") is not None:
        ends = ("users", "teams", "apps")
        shape["restrictions"] = {
            "url": f"{url}/restrictions",
            **{f"{name}_url": f"{url}/restrictions/{name}" for name in ends},
            **{name: _restricted(call, repo, name, asked["restrictions"].get(name, [])) for name in ends},
        }
    return shape


def _restricted(call: Call, repo: Repo, kind: str, names: list[str]) -> list[dict[str, Any]]:
    host: Host = call.host
    if kind == "users":
        return [
            simple_user(call, host.accounts[name.lower()]) for name in names if name.lower() in host.accounts
        ]
    return [team(call, host.accounts[repo.owner.lower()], name) for name in names] if kind == "teams" else []
