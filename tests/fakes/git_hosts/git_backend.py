"""The git side of both hosts: who may read and push, and git's own http-backend doing it."""

import base64
import binascii
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from functools import partial
from io import BufferedReader
from typing import IO, cast

from tests.fakes.git_hosts.hooks import Refusal, Rules, refusal
from tests.fakes.git_hosts.plumbing import GIT_ENVIRONMENT
from tests.fakes.git_hosts.state import OWN, READ, WRITE, Host, Repo, Token
from tests.fakes.git_hosts.wire import Answer, RefusedError

_PATH = re.compile(r"/(?P<name>.+?)(?:\.git)?/(?P<action>info/refs|git-upload-pack|git-receive-pack)")
_PLAIN = {"Content-Type": "text/plain; charset=UTF-8"}


@dataclass(frozen=True)
class GitCall:
    """A request of a git client."""

    method: str
    full_name: str
    action: str
    query: str
    headers: Message

    @property
    def pushes(self) -> bool:
        """Whether it belongs to a push."""
        return "git-receive-pack" in f"{self.action}?{self.query}"


def git_call(method: str, path: str, query: str, headers: Message) -> GitCall | None:
    """The request of a git client, if it is one."""
    found = _PATH.fullmatch(path)
    return GitCall(method, found["name"], found["action"], query, headers) if found else None


def credentials(headers: Message) -> tuple[str, str]:
    """User name and password; empty when there are none."""
    kind, _, text = headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def answer(host: Host, call: GitCall, body: IO[bytes]) -> Answer:
    """Let git's http-backend answer, when the client may."""
    token = host.tokens.get(credentials(call.headers)[1])
    repo = host.repositories.get(call.full_name.lower())
    if token is None or token.state in ("expired", "revoked"):
        if token is None and repo and not repo.private and not call.pushes and not repo.hidden:
            return _served(host, call, repo, body, Rules())
        realm = {"github": "GitHub", "gitlab": "GitLab"}[host.name]
        raise _refused(401, "Invalid username or token.", {"WWW-Authenticate": f'Basic realm="{realm}"'})
    if repo is None and call.full_name.lower() in host.moved:
        repo = _moved(host, call)
    if repo is None or repo.is_hidden() or host.level(token.login, repo) < READ:
        raise _refused(404, "Repository not found.")
    _check_scopes(host, token, repo, pushes=call.pushes)
    if call.pushes and host.level(token.login, repo) < WRITE:
        raise _refused(403, f"Permission to {repo.full_name}.git denied to {token.login}.")
    if call.pushes and repo.archived:
        raise _refused(403, "This repository was archived so it is read-only.")
    return _served(host, call, repo, body, _rules(host, token, repo))


def _refused(status: int, text: str, headers: Mapping[str, str] | None = None) -> RefusedError:
    return RefusedError(status, text.encode(), {**_PLAIN, **(headers or {})})


def _moved(host: Host, call: GitCall) -> Repo | None:
    repo = host.by_id(host.moved[call.full_name.lower()])
    if repo and host.name == "github":
        query = f"?{call.query}" if call.query else ""
        raise _refused(301, "", {"Location": f"/{repo.full_name}.git/{call.action}{query}"})
    return repo


def _check_scopes(host: Host, token: Token, repo: Repo, *, pushes: bool) -> None:
    if token.state == "sso" and not host.accounts[repo.owner.lower()].is_user:
        raise _refused(403, f"The '{repo.owner}' organization has enabled or enforced SAML SSO.")
    if host.name == "gitlab":
        reads, writes = {"read_repository", "write_repository", "api"}, {"write_repository", "api"}
    else:
        reads = writes = {"repo"} if repo.private else {"repo", "public_repo"}
    lacks = not token.fine_grained and not (writes if pushes else reads) & {*token.scopes}
    if lacks and (pushes or repo.private):
        raise _refused(403, "Write access to repository not granted.")
    if pushes and token.state == "read_only":
        raise _refused(403, "Write access to repository not granted.")


def _rules(host: Host, token: Token, repo: Repo) -> Rules:
    level = host.level(token.login, repo)
    branches: dict[str, Refusal] = {}
    for branch, protection in repo.protection.items():
        if host.name == "gitlab":
            closed = protection["push"] == 0 or protection["push"] > level
        else:
            binds = protection.get("enforce_admins") or level < OWN
            closed = binds and bool(protection.get("required_pull_request_reviews"))
        if closed:
            branches[f"refs/heads/{branch}"] = refusal(f"{host.name}_protected")
    workflows = host.name == "gitlab" or token.fine_grained or "workflow" in token.scopes
    return Rules(host.hooks[0] if host.hooks else None, branches, workflows)


def _served(host: Host, call: GitCall, repo: Repo, body: IO[bytes], rules: Rules) -> Answer:
    size = body.seek(0, 2)
    body.seek(0)
    environment = {
        **GIT_ENVIRONMENT,
        "GIT_PROJECT_ROOT": str(repo.path.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_HOSTS_RULES": rules.dumped(),
        "GIT_PROTOCOL": call.headers.get("Git-Protocol", ""),
        "PATH_INFO": f"/{repo.path.name}/{call.action}",
        "REQUEST_METHOD": call.method,
        "QUERY_STRING": call.query,
        "CONTENT_TYPE": call.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(size) if call.method == "POST" else "",
        "HTTP_CONTENT_ENCODING": call.headers.get("Content-Encoding", ""),
    }
    backend = subprocess.Popen(
        ["git", "http-backend"],
        stdin=body,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    output = cast(BufferedReader, backend.stdout)
    status, headers = 200, {}
    for line in iter(output.readline, b"\r\n"):
        name, _, value = line.decode().strip().partition(": ")
        if name == "Status":
            status = int(value[:3])
        else:
            headers[name] = value
    settle = partial(host.settle, repo) if call.pushes else None
    return Answer(status, _stream(backend, output, settle), headers)


def _stream(
    backend: subprocess.Popen[bytes], output: BufferedReader, settle: Callable[[], None] | None
) -> Iterator[bytes]:
    with backend:
        while chunk := output.read1(65536):
            yield chunk
    if settle:
        settle()
