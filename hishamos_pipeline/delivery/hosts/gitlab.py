"""GitLab, gitlab.com or self-managed, over python-gitlab.

The token goes as ``Authorization: Bearer``: the library's ``private_token`` would follow a redirect to another machine.
Redirects are not followed, and waiting for limits is left to ``calling.RetryPolicy``, since the library knows no cap.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import requests

from hishamos_pipeline.core.artifacts.target import HostKind, Release, Target
from hishamos_pipeline.delivery.hosts.calling import of_requests, text_of, unless_missing, whole
from hishamos_pipeline.delivery.hosts.causes import cause_of_answer, wait_of
from hishamos_pipeline.delivery.hosts.connection import Connection
from hishamos_pipeline.delivery.hosts.gitlab_answers import (
    KeepingSession,
    by_plan,
    change_of,
    remote_on,
    said_by,
    tag_of,
)
from hishamos_pipeline.delivery.hosts.gitlab_fields import LEVELS, facts_of
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
    from gitlab import Gitlab

T = TypeVar("T")

_MAINTAINERS = 40
# Masked values may hold nothing else; see "Mask a CI/CD variable" in GitLab's documents.
_LEAST_MASKED = 8


class GitLabHost:
    """A GitLab with a personal, project or group access token."""

    kind: HostKind = "gitlab"
    git_user = "oauth2"

    def __init__(self, connection: Connection) -> None:
        import gitlab

        self.connection = connection
        self._session, self._wrote = KeepingSession(), -connection.write_seconds
        self._gitlab: Gitlab = gitlab.Gitlab(
            connection.url,
            oauth_token=connection.token,
            ssl_verify=connection.ca or True,
            timeout=connection.timeout,
            session=self._session,
        )

    def account(self) -> Account:
        """See ``GitHost``; tokens of apps have no record of their own."""
        login = self._get("/user", lambda user: text_of(user["username"]))
        try:
            return self._get(
                "/personal_access_tokens/self",
                lambda token: Account(
                    login, frozenset(token.get("scopes") or ()), str(token.get("expires_at") or "")
                ),
            )
        except HostError as error:
            if error.cause not in ("not_found", "scope", "permission", "refused"):
                raise
            return Account(login, None)

    def require_scopes(self, account: Account, *, with_workflows: bool) -> None:
        """See ``GitHost``; CI files need no right of their own here."""
        if account.scopes is not None and "api" not in account.scopes:
            raise self.connection.error("scope", "the token lacks the scope `api`")

    def owner(self, path: str) -> Owner:
        """See ``GitHost``."""
        return self._named("namespaces", path, lambda found: Owner(
            text_of(found["full_path"]), int(found["id"]), is_user=found.get("kind") == "user"
        ))  # fmt: skip

    def _named(self, kind: str, path: str, read: Callable[[Any], T]) -> T:
        """A namespace or group by its full path; GitLab takes a path of digits for a number, so what comes is compared.

        Raises:
            HostError: there is none.
        """

        def of_path(found: Any) -> T | None:
            return read(found) if text_of(found["full_path"]).lower() == path.lower() else None

        if (found := unless_missing(lambda: self._get(f"/{kind}/{_quoted(path)}", of_path))) is not None:
            return found

        def among(listed: Any) -> T | None:
            return next((made for item in listed if (made := of_path(item)) is not None), None)

        if (found := self._get(f"/{kind}", among, search=path)) is None:
            raise self.connection.error("not_found", f"{path!r} is no namespace here")
        return found

    def find(self, full_name: str) -> Remote | None:
        """See ``GitHost``; a path that leads to a project that was moved is taken."""
        try:
            return unless_missing(
                lambda: self._get(f"/projects/{_quoted(full_name)}", remote_on(self.connection, full_name))
            )
        except HostError as error:
            if error.cause == "redirect" and "/projects/" in self._session.last.get("location", ""):
                raise self.connection.error(
                    "name_taken", f"{full_name} leads to a project that was moved"
                ) from None
            raise

    def find_by_id(self, number: int) -> Remote | None:
        """See ``GitHost``."""
        return unless_missing(lambda: self._get(f"/projects/{number}", remote_on(self.connection)))

    def create(self, owner: Owner, name: str, target: Target) -> Remote:
        """See ``GitHost``. Nothing is put into it: the project brings its own first commit."""
        body = {
            "name": name,
            "path": name,
            "namespace_id": owner.id,  # a path would be ignored, and the project land elsewhere
            "description": target.description,
            "visibility": target.visibility,
            "initialize_with_readme": False,
        }
        full_name = f"{owner.path}/{name}"
        read = remote_on(self.connection, full_name)
        return self._send("POST", "/projects", body, read=read, repeat=False, about=full_name)

    def set_default_branch(self, remote: Remote, branch: str) -> None:
        """See ``GitHost``."""
        self._edit(remote, {"default_branch": branch})

    def settings(self, remote: Remote, target: Target, secrets: Mapping[str, Secret]) -> Iterator[Setting]:
        """See ``GitHost``."""
        if "visibility" in target.model_fields_set and remote.visibility != target.visibility:
            yield Setting("visibility", None, lambda: self._edit(remote, {"visibility": target.visibility}))
        facts = facts_of(target)
        if facts:
            yield Setting("repository", facts, lambda: self._edit(remote, facts))
        if topics := list(target.topics):
            yield Setting("topics", topics, lambda: self._edit(remote, {"topics": topics}))
        rules = target.protection
        if rules and rules.approvals:
            approvals = {"approvals_before_merge": rules.approvals}
            path = f"/projects/{remote.id}/approvals"
            setting = by_plan(self.connection, lambda: self._send("POST", path, approvals))
            yield Setting("approvals", approvals, setting)
        level = 0 if rules and rules.enforce_admins else _MAINTAINERS
        protected = [target.default_branch] if rules else []
        for branch in [*protected, *(item.name for item in target.branches if item.protect)]:
            wanted = {"push": level, "merge": _MAINTAINERS}
            yield Setting(f"protection of {branch}", wanted, self._protecting(remote, branch, level))
        for account, access in target.access.items():
            wanted_level = LEVELS[access]
            yield Setting(f"access of {account}", wanted_level, self._granting(remote, account, wanted_level))
        for name, value in target.variables.items():
            yield Setting(
                f"variable {name}", value, self._setting_variable(remote, name, value, secret=False)
            )
        for name, secret in secrets.items():
            apply = self._setting_variable(remote, name, secret.value, secret=True)
            yield Setting(f"secret {name}", secret.version, apply)

    def unknown(self, target: Target) -> list[str]:
        """See ``GitHost``."""
        asked = {"homepage": bool(target.homepage), "features.projects": target.features.projects is not None}
        return [name for name, given in asked.items() if given]

    def open_change(self, remote: Remote, branch: str) -> PullRequest | None:
        """See ``GitHost``."""
        return self._get(
            f"/projects/{remote.id}/merge_requests",
            lambda found: next((change_of(item, remote) for item in found), None),
            state="opened",
            source_branch=branch,
            target_branch=remote.default_branch,
        )

    def propose(self, remote: Remote, branch: str, title: str, body: str) -> PullRequest:
        """See ``GitHost``."""
        asked = {
            "source_branch": branch,
            "target_branch": remote.default_branch,
            "title": title,
            "description": body,
            "remove_source_branch": True,
        }
        path = f"/projects/{remote.id}/merge_requests"
        return self._send("POST", path, asked, read=lambda made: change_of(made, remote), repeat=False)

    def revise(self, remote: Remote, change: PullRequest, title: str, body: str) -> None:
        """See ``GitHost``."""
        path = f"/projects/{remote.id}/merge_requests/{change.number}"
        self._send("PUT", path, {"title": title, "description": body})

    def release(self, remote: Remote, release: Release, notes: str) -> str:
        """See ``GitHost``."""
        path = f"/projects/{remote.id}/releases"
        try:
            tag = self._get(f"{path}/{_quoted(release.tag)}", tag_of)
        except HostError as error:
            # GitLab says "forbidden" of a release that is not there.
            if error.cause not in ("not_found", "permission"):
                raise
            body = {"tag_name": release.tag, "name": release.title or release.tag, "description": notes}
            tag = self._send("POST", path, body, read=tag_of, repeat=False)
        return f"{remote.web_url}/-/releases/{_quoted(tag)}"

    def _edit(self, remote: Remote, facts: Mapping[str, Any]) -> None:
        self._send("PUT", f"/projects/{remote.id}", facts)

    def _protecting(self, remote: Remote, branch: str, push_level: int) -> Callable[[], None]:
        """Protecting is no change of what is protected already, as the default branch is from its first push."""
        path = f"/projects/{remote.id}/protected_branches"

        def strict(found: Any) -> bool:
            levels = [item.get("access_level") for item in found.get("push_access_levels", ())]
            return not found.get("allow_force_push") and bool(push_level or levels == [0])

        def apply() -> None:
            try:
                is_strict = self._get(f"{path}/{_quoted(branch)}", strict)
            except HostError as error:
                if error.cause != "not_found":
                    raise
            else:
                if is_strict:
                    return  # as strict as asked for; what people have added to it stays
                self._send("DELETE", f"{path}/{_quoted(branch)}", {})
            levels = {"push_access_level": push_level, "merge_access_level": _MAINTAINERS}
            self._send("POST", path, {"name": branch, **levels, "allow_force_push": False})

        return apply

    def _granting(self, remote: Remote, account: str, level: int) -> Callable[[], None]:
        def to_group() -> None:
            number = self._named("groups", account, lambda group: int(group["id"]))
            share = {"group_id": number, "group_access": level}
            self._tolerating(lambda: self._send("POST", f"/projects/{remote.id}/share", share))

        def numbered(users: Any) -> int | None:
            names = {text_of(user["username"]).lower(): int(user["id"]) for user in users}
            return names.get(account.lower())

        def to_user() -> None:
            number = self._get("/users", numbered, username=account)
            if number is None:
                to_group()  # a group at the top has no slash in its path
                return
            member = {"user_id": number, "access_level": level}
            path = f"/projects/{remote.id}/members"
            if self._tolerating(lambda: self._send("POST", path, member)):
                self._send("PUT", f"{path}/{member['user_id']}", {"access_level": level})

        return to_group if "/" in account else to_user

    def _setting_variable(self, remote: Remote, name: str, value: str, *, secret: bool) -> Callable[[], None]:
        maskable = len(value) >= _LEAST_MASKED and not any(c.isspace() for c in value)
        # What is secret is for protected branches alone, so that not every merge request can read it.
        body = {"value": value, "masked": secret and maskable, "protected": secret, "raw": True}
        path = f"/projects/{remote.id}/variables"

        def as_wanted(found: Any) -> bool:
            return all(found.get(key) == wanted for key, wanted in body.items())

        def apply() -> None:
            if secret and not maskable:
                raise self.connection.error(
                    "refused",
                    f"secret {name} cannot be masked: GitLab wants at least {_LEAST_MASKED} characters, no spaces",
                )
            found = unless_missing(lambda: self._get(f"{path}/{name}", as_wanted))
            if found is None:
                self._send("POST", path, {"key": name, **body})
            elif not found:
                self._send("PUT", f"{path}/{name}", body)

        return apply

    def _tolerating(self, work: Callable[[], object]) -> bool:
        """Whether something was there already."""
        try:
            work()
        except HostError as error:
            if error.cause != "name_taken":
                raise
            return True
        return False

    def request(
        self,
        verb: str,
        path: str,
        body: Any = None,
        *,
        read: Callable[[Any], T] = whole,
        query: Any = None,
        repeat: bool = True,
    ) -> T:
        """See ``GitHubHost.request``."""
        if verb == "GET":
            return self._get(path, read, **(query or {}))
        return self._send(verb, path, body or {}, read=read, repeat=repeat)

    def _get(self, path: str, read: Callable[[Any], T], **query: Any) -> T:
        """What is read off an answer; one that lacks what is read is none of such a host."""

        def work() -> T:
            found = self._gitlab.http_get(path, query_data=query, obey_rate_limit=False)
            if isinstance(found, requests.Response):
                raise ValueError("no JSON but " + found.headers.get("Content-Type", "nothing"))
            return read(found)

        return self._ask(work, path)

    def _send(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any],
        *,
        read: Callable[[Any], T] = whole,
        repeat: bool = True,
        about: str = "",
    ) -> T:
        def work() -> T:
            self.connection.retries.sleep(
                max(self._wrote + self.connection.write_seconds - time.monotonic(), 0)
            )
            try:
                answer = self._gitlab.http_request(verb, path, post_data=dict(body), obey_rate_limit=False)
            finally:
                self._wrote = time.monotonic()
            return read(answer.json() if answer.content else None)

        return self._ask(work, about or path, repeat=repeat)

    def _ask(self, work: Callable[[], T], about: str, *, repeat: bool = True) -> T:
        """Do a request, and tell apart why it fails."""
        import gitlab

        def once() -> T:
            self._session.last = {}
            try:
                return work()
            except gitlab.exceptions.GitlabParsingError:
                raise of_requests(json.JSONDecodeError("no JSON", "", 0), self.connection.name) from None
            except gitlab.exceptions.GitlabError as error:
                raise self._of(error, about) from None
            except (
                requests.RequestException,
                OSError,
                ValueError,
                TypeError,
                LookupError,
                AttributeError,
            ) as error:
                raise of_requests(error, self.connection.name) from None

        return self.connection.retries.persist(once, repeat=repeat)

    def _of(self, error: Any, about: str) -> HostError:
        body = error.response_body
        raw = body.decode(errors="replace") if isinstance(body, bytes) else str(body or "")
        said = said_by(error.error_message)
        understood = True
        try:
            # What tells an expired token from a wrong one is beside the message.
            data = json.loads(raw)
            said = "; ".join(filter(None, [said, str(data.get("error_description") or "")]))
        except (ValueError, AttributeError):
            understood, said = False, said or raw[:200]
        status = int(error.response_code or 0)
        headers = self._session.last
        if 300 <= status < 400:
            said = f"the answer leads to {headers.get('location', '')[:200] or 'nowhere'}"
        cause = cause_of_answer(status, said, headers)
        what = ": ".join(filter(None, [about, said or f"answer {status}"]))
        return self.connection.error(cause, what, wait=wait_of(headers), done=status >= 500 or not understood)


def _quoted(path: str) -> str:
    return quote(path, safe="")
