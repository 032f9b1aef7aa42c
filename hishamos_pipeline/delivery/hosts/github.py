"""GitHub and GitHub Enterprise over PyGithub, without its own retries and redirects.

PyGithub repeats a POST after a lost answer, sleeps for an hour on a limit, and takes some redirects and any page of
HTML for success; so each answer is looked at here, and trying again is left to ``calling.RetryPolicy``.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import requests
from urllib3 import Retry

from hishamos_pipeline.core.artifacts.target import HostKind, Protection, Release, Target
from hishamos_pipeline.delivery.hosts.calling import of_requests, text_of, unless_missing, whole
from hishamos_pipeline.delivery.hosts.causes import cause_of_answer, wait_of
from hishamos_pipeline.delivery.hosts.connection import Connection
from hishamos_pipeline.delivery.hosts.github_fields import PERMISSIONS, facts_of, protection_of
from hishamos_pipeline.delivery.hosts.interface import (
    Account,
    Owner,
    PullRequest,
    Remote,
    Secret,
    Setting,
)
from hishamos_pipeline.errors import HostError

if TYPE_CHECKING:
    from github import Github
    from github.Repository import Repository

T = TypeVar("T")

_REDIRECTS = (301, 302, 303, 307, 308)


class _RedirectedError(Exception):
    """An answer leads somewhere else."""


class _Once(Retry):
    """Tries once, and takes no redirect for an answer."""

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        return status_code in _REDIRECTS

    def increment(self, *args: Any, **kwargs: Any) -> "_Once":
        if kwargs.get("response") is not None:
            raise _RedirectedError(str(kwargs["response"].headers.get("Location", "")))
        return super().increment(*args, **kwargs)


class GitHubHost:
    """A GitHub with a personal access token, classic or fine-grained."""

    kind: HostKind = "github"
    git_user = "x-access-token"

    def __init__(self, connection: Connection) -> None:
        import github

        logging.getLogger("github").handlers.clear()  # the library prints to stderr unasked
        self.connection = connection
        machine = urlsplit(connection.url).hostname or ""
        # See https://docs.github.com/en/enterprise-cloud@latest/admin/data-residency for ghe.com.
        apart = machine == "github.com" or machine.endswith(".ghe.com")
        self._github: Github = github.Github(
            auth=github.Auth.Token(connection.token),
            base_url=f"https://api.{machine}" if apart else f"{connection.url}/api/v3",
            verify=connection.ca or True,
            timeout=connection.timeout,
            retry=_Once(total=0),
            seconds_between_requests=None,
            seconds_between_writes=connection.write_seconds,
            lazy=True,
        )

    def account(self) -> Account:
        """See ``GitHost``."""
        login = self._ask(lambda: text_of(self._github.get_user().login))
        scopes = self._github.oauth_scopes
        return Account(login, None if scopes is None else frozenset(filter(None, scopes)))

    def require_scopes(self, account: Account, *, with_workflows: bool) -> None:
        """See ``GitHost``; a fine-grained token does not tell what it may do."""
        if account.scopes is None:
            return
        if not account.scopes & {"repo", "public_repo"}:
            raise self.connection.error("scope", "the token has none of the scopes `repo` and `public_repo`")
        if with_workflows and "workflow" not in account.scopes:
            raise self.connection.error("workflow_scope", "the token lacks the scope `workflow`")

    def owner(self, path: str) -> Owner:
        """See ``GitHost``."""

        def look() -> Owner:
            found = self._github.get_user(path)
            return Owner(text_of(found.login), found.id, is_user=found.type != "Organization")

        return self._ask(look, about=f"owner {path!r}")

    def find(self, full_name: str) -> Remote | None:
        """See ``GitHost``; a name that leads to a renamed repository is taken."""
        return self._found(full_name, full_name)

    def find_by_id(self, number: int) -> Remote | None:
        """See ``GitHost``."""
        return self._found(number)

    def _found(self, which: str | int, asked: str = "") -> Remote | None:
        about = asked or f"repository {which}"
        return unless_missing(
            lambda: self._ask(lambda: self._remote(self._github.get_repo(which), asked), about=about)
        )

    def create(self, owner: Owner, name: str, target: Target) -> Remote:
        """See ``GitHost``. Nothing is put into it: the project brings its own first commit."""
        body: dict[str, Any] = {
            "name": name,
            "description": target.description,
            "homepage": target.homepage,
            "private": target.visibility != "public",
            "auto_init": False,
        }
        if target.visibility == "internal":
            if owner.is_user:
                said = "visibility `internal` exists in organizations of an enterprise alone"
                raise self.connection.error("refused", said)
            body["visibility"] = "internal"
        path = "/user/repos" if owner.is_user else f"/orgs/{owner.path}/repos"
        full_name = f"{owner.path}/{name}"

        def make() -> Remote:
            from github.Repository import Repository

            headers, data = self._github.requester.requestJsonAndCheck("POST", path, input=body)
            # What an answer lacks would be asked for at an address that it names itself.
            return self._remote(Repository(self._github.requester, headers, data, completed=True), full_name)

        return self._ask(make, about=full_name, repeat=False)

    def set_default_branch(self, remote: Remote, branch: str) -> None:
        """See ``GitHost``."""
        self._edit(remote, {"default_branch": branch})

    def settings(self, remote: Remote, target: Target, secrets: Mapping[str, Secret]) -> Iterator[Setting]:
        """See ``GitHost``."""
        repository = self._repository(remote)
        if "visibility" in target.model_fields_set and remote.visibility != target.visibility:
            yield Setting("visibility", None, lambda: self._edit(remote, {"visibility": target.visibility}))
        facts = facts_of(target)
        if facts:
            yield Setting("repository", facts, lambda: self._edit(remote, facts))
        if target.topics:
            topics = list(target.topics)
            yield Setting("topics", topics, lambda: self._ask(lambda: repository.replace_topics(topics)))
        rules = protection_of(target.protection or Protection())
        protected = [target.default_branch] if target.protection else []
        for branch in [*protected, *(item.name for item in target.branches if item.protect)]:
            path = f"/branches/{branch.replace('/', '%2F')}/protection"
            yield Setting(f"protection of {branch}", rules, self._putting(remote, path, rules))
        for account, access in target.access.items():
            permission = {"permission": PERMISSIONS[access]}
            yield Setting(f"access of {account}", permission, self._granting(remote, account, permission))
        for name, value in target.variables.items():
            yield Setting(f"variable {name}", value, self._setting_variable(repository, name, value))
        for name, secret in secrets.items():
            yield Setting(
                f"secret {name}", secret.version, self._setting_secret(repository, name, secret.value)
            )

    def unknown(self, target: Target) -> list[str]:
        """See ``GitHost``."""
        return []

    def open_change(self, remote: Remote, branch: str) -> PullRequest | None:
        """See ``GitHost``."""
        owner = remote.full_name.split("/")[0]
        query = {"state": "open", "base": remote.default_branch, "head": f"{owner}:{branch}"}

        def read(pulls: Any) -> PullRequest | None:
            return next((_change(pull, remote) for pull in pulls if pull["head"]["ref"] == branch), None)

        return self.request("GET", f"/repos/{remote.full_name}/pulls", read=read, query=query)

    def propose(self, remote: Remote, branch: str, title: str, body: str) -> PullRequest:
        """See ``GitHost``."""
        asked = {"base": remote.default_branch, "head": branch, "title": title, "body": body}
        path = f"/repos/{remote.full_name}/pulls"
        return self.request("POST", path, asked, read=lambda pull: _change(pull, remote), repeat=False)

    def revise(self, remote: Remote, change: PullRequest, title: str, body: str) -> None:
        """See ``GitHost``."""
        path = f"/repos/{remote.full_name}/pulls/{change.number}"
        self.request("PATCH", path, {"title": title, "body": body})

    def release(self, remote: Remote, release: Release, notes: str) -> str:
        """See ``GitHost``."""
        repository, title = self._repository(remote), release.title or release.tag
        if not unless_missing(
            lambda: self._ask(
                lambda: text_of(repository.get_release(release.tag).html_url), about=release.tag
            )
        ):
            self._ask(lambda: repository.create_git_release(release.tag, title, notes), repeat=False)
        return f"{remote.web_url}/releases/tag/{release.tag}"

    def _repository(self, remote: Remote) -> "Repository":
        return self._github.get_repo(remote.full_name)

    def _edit(self, remote: Remote, facts: Mapping[str, Any]) -> None:
        self.request("PATCH", f"/repos/{remote.full_name}", facts)

    def request(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        read: Callable[[Any], T] = whole,
        query: Mapping[str, Any] | None = None,
        repeat: bool = True,
    ) -> T:
        """A request to the REST interface; what is read off its answer. One that lacks it is none of such a host.

        Raises:
            HostError: with the cause and what to do.
        """
        asked = dict(query) if query else None
        given = None if body is None else dict(body)
        send = self._github.requester.requestJsonAndCheck
        return self._ask(lambda: read(send(verb, path, asked, None, given)[1]), about=path, repeat=repeat)

    def _putting(self, remote: Remote, path: str, body: Mapping[str, Any]) -> Callable[[], None]:
        return lambda: self.request("PUT", f"/repos/{remote.full_name}{path}", body)

    def _granting(self, remote: Remote, account: str, permission: Mapping[str, Any]) -> Callable[[], None]:
        organization, _, team = account.partition("/")
        if team:
            path = f"/orgs/{organization}/teams/{team}/repos/{remote.full_name}"
            return lambda: self.request("PUT", path, permission)
        return self._putting(remote, f"/collaborators/{account}", permission)

    def _setting_variable(self, repository: "Repository", name: str, value: str) -> Callable[[], None]:
        def apply() -> None:
            found = unless_missing(
                lambda: self._ask(lambda: repository.get_variable(name).value, about=f"variable {name}")
            )
            if found is None:
                self._ask(lambda: repository.create_variable(name, value), repeat=False)
            elif found != value:
                self._ask(lambda: repository.get_variable(name).edit(value))

        return apply

    def _setting_secret(self, repository: "Repository", name: str, value: str) -> Callable[[], None]:
        def apply() -> None:
            self._ask(lambda: repository.create_secret(name, value))

        return apply

    def _ask(self, work: Callable[[], T], *, about: str = "", repeat: bool = True) -> T:
        """Do a request, and tell apart why it fails."""
        import github

        def once() -> T:
            try:
                return work()
            except _RedirectedError as error:
                raise self._redirected(str(error), about) from None
            except github.GithubException as error:
                raise self._of(error, about) from None
            except (
                requests.RequestException,
                OSError,
                RuntimeError,
                AssertionError,
                ValueError,
                TypeError,
                LookupError,
                AttributeError,
            ) as error:
                raise of_requests(error, self.connection.name) from None

        return self.connection.retries.persist(once, repeat=repeat)

    def _of(self, error: Any, about: str) -> HostError:
        headers = {str(name).lower(): str(value) for name, value in (error.headers or {}).items()}
        data = error.data if isinstance(error.data, dict) else {"message": str(error.data or "")}
        details = [item.get("message") or item.get("code") or "" if isinstance(item, dict) else str(item)
                   for item in data.get("errors") or ()]  # fmt: skip
        said = "; ".join(filter(None, [str(data.get("message") or ""), *map(str, details)]))
        status = int(error.status)
        cause = cause_of_answer(status, said, headers)
        what = ": ".join(filter(None, [about, said or f"answer {status}"]))
        understood = isinstance(error.data, dict) and "message" in error.data
        return self.connection.error(cause, what, wait=wait_of(headers), done=status >= 500 or not understood)

    def _remote(self, found: "Repository", asked: str = "") -> Remote:
        """What an answer says of a repository.

        Raises:
            ValueError: it is no repository, or not the one that was asked for.
        """
        full_name = text_of(found.full_name)
        if asked and full_name.lower() != asked.lower():
            raise ValueError(f"asked for {asked}, got {full_name}")
        if not isinstance(found.id, int):
            raise ValueError("a repository without a number")
        return Remote(
            id=found.id,
            full_name=full_name,
            web_url=f"{self.connection.url}/{full_name}",
            clone_url=self.connection.clone_url(full_name),
            visibility=found.visibility or ("private" if found.private else "public"),
            default_branch=text_of(found.default_branch),
            created_at=found.created_at,
            archived=bool(found.archived),
        )

    def _redirected(self, location: str, about: str) -> HostError:
        if "/repositories/" in location and about:
            return self.connection.error("name_taken", f"{about} leads to a repository that was renamed")
        return self.connection.error("redirect", f"the answer leads to {location[:200] or 'nowhere'}")


def _change(pull: Mapping[str, Any], remote: Remote) -> PullRequest:
    number = int(pull["number"])
    url = f"{remote.web_url}/pull/{number}"
    return PullRequest(number, url, str(pull.get("title") or ""), str(pull.get("body") or ""))
