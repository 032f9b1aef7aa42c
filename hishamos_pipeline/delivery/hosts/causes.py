"""Why a Git host refuses, and what to do about it: the same words for all hosts, libraries and for git."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, get_args

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.core.text.untrusted import one_line
from hishamos_pipeline.errors import HostError

Cause = Literal[
    "token_missing",
    "token_expired",
    "token_revoked",
    "scope",
    "workflow_scope",
    "sso",
    "not_found",
    "permission",
    "not_allowed",
    "name_taken",
    "foreign_history",
    "gone",
    "elsewhere",
    "archived",
    "invalid_name",
    "quota",
    "plan",
    "tls",
    "dns",
    "timeout",
    "unreachable",
    "rate_limit",
    "secondary_limit",
    "host_error",
    "redirect",
    "not_a_host",
    "file_too_large",
    "secret_scanning",
    "protected_branch",
    "moved_meanwhile",
    "interrupted",
    "refused",
]

# {host} is the host's name, {variable} what holds its token.
ADVICE: dict[str, str] = {
    "token_missing": "set {variable}, or run `hishamos credentials add {host}`",
    "token_expired": "make a new token and set {variable}, or run `hishamos credentials add {host}`",
    "token_revoked": "it is wrong, has expired or was revoked: make a new one, and set {variable} "
    "or run `hishamos credentials add {host}`",
    "scope": "make a token that may create and push repositories (GitHub: scope `repo`, or Administration and "
    "Contents; GitLab: `api`)",
    "workflow_scope": "the repository holds CI files: give the token the scope `workflow` (fine-grained: "
    "Workflows, write)",
    "sso": "the organization asks for single sign-on: authorize the token for it in the host's token settings",
    "not_found": "check the name; hosts say the same where the token may not see it",
    "permission": "ask an owner to let the token's user do that, or publish to another owner",
    "not_allowed": "publish to another `owner`, or have the operator change the setting",
    "name_taken": "choose another `name`, or another `conflict`: `reuse` takes an empty one or the project's own, "
    "`rename` the next free name",
    "foreign_history": "it holds what this project did not make: choose another `name`, or set `conflict` to `rename`",
    "gone": "if it was deleted on purpose, run `hishamos exports forget` and export again; else look at the "
    "token's rights",
    "elsewhere": "to publish it anew, run `hishamos exports forget` first; what is published already stays as it is",
    "archived": "unarchive it on the host, or run `hishamos exports forget` and choose another `name`",
    "invalid_name": "choose another `name`",
    "quota": "delete what is not needed, or ask for more",
    "plan": "have the owner's plan upgraded, or take the setting out of the brief; on some, a public repository has it",
    "tls": "its certificate is not trusted: name the authority's file as `ca` in HISHAMOS_GIT_HOSTS",
    "dns": "its name is not known: check the URL in HISHAMOS_GIT_HOSTS and the network",
    "timeout": "try again later, or raise HISHAMOS_HOST_TIMEOUT_SECONDS or HISHAMOS_PUSH_SECONDS",
    "unreachable": "check the network, a proxy, and the URL in HISHAMOS_GIT_HOSTS; then export again",
    "rate_limit": "wait as long as it says, or a few minutes, and export again; nothing that was done is done twice",
    "secondary_limit": "wait as long as it says, or a few minutes, and export again; nothing that was done is done "
    "twice",
    "host_error": "the host has a fault of its own: export again later",
    "redirect": "it leads elsewhere, where the token is not sent: correct the URL in HISHAMOS_GIT_HOSTS",
    "not_a_host": "that is no answer of such a host: check the URL in HISHAMOS_GIT_HOSTS, and whether a proxy is "
    "in between",
    "file_too_large": "make the file smaller, or leave it out",
    "secret_scanning": "remove the secret from the named file; nothing was pushed",
    "protected_branch": "set `publish` to `pull_request`, or let the token's user push to the branch",
    "moved_meanwhile": "somebody pushed at the same time: export again",
    "interrupted": "export again to go on",
    "refused": "correct what it names, and export again",
}

# Only these can be otherwise a moment later.
TRANSIENT = frozenset({"timeout", "unreachable", "rate_limit", "secondary_limit", "host_error"})
# A person has to do something first.
WAITING_FOR_PEOPLE = frozenset(get_args(Cause)) - TRANSIENT - {"moved_meanwhile", "interrupted"}


def host_error(
    cause: Cause, host: str, what: str, *, variable: str = "", wait: float | None = None, done: bool = False
) -> HostError:
    """The error with the advice of its cause.

    Args:
        cause: why.
        host: name of the host.
        what: what happened, as the host says it; secrets in it are masked.
        variable: what holds the host's token.
        wait: seconds that the host asks to wait.
        done: whether it may have been done nevertheless.
    """
    wait = min(wait, _LONGEST_WAIT) if wait is not None else None
    when = f" Try again in {wait:.0f} s (at {_clock_time(wait)})." if wait else ""
    advice = ADVICE[cause].format(host=host, variable=variable or "its token's variable")
    said = mask(one_line(what))[:600].rstrip(".")
    return HostError(
        f"{host}: {said} ({cause.replace('_', ' ')}); {advice}.{when}", cause, wait=wait, done=done
    )


# Nobody is told to come back later than tomorrow, whatever a header says.
_LONGEST_WAIT = 86_400.0


def wait_of(headers: dict[str, str], now: datetime | None = None) -> float | None:
    """Seconds that an answer asks to wait: ``Retry-After`` as seconds or a date, else the limit's reset time.

    See RFC 9110, 10.2.3, and the hosts' documents on rate limits. ``None`` where it asks for nothing.
    """
    now = now or datetime.now(UTC)
    asked = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", asked):
        return float(asked)
    if asked:
        try:
            return max((parsedate_to_datetime(asked) - now).total_seconds(), 0.0)
        except (TypeError, ValueError):
            return None
    spent = headers.get("x-ratelimit-remaining", headers.get("ratelimit-remaining", "")).strip() == "0"
    reset = headers.get("x-ratelimit-reset", headers.get("ratelimit-reset", "")).strip()
    if spent and re.fullmatch(r"\d{1,12}", reset):
        return max(float(reset) - now.timestamp(), 0.0) + 1
    return None


def _clock_time(wait: float) -> str:
    at = datetime.fromtimestamp(datetime.now(UTC).timestamp() + wait, UTC)
    return at.strftime("%H:%M:%S UTC")


def cause_of_answer(status: int, text: str, headers: dict[str, str]) -> Cause:
    """The cause behind an HTTP answer that is no success.

    Args:
        status: the status code.
        text: the body, or what the library made of it.
        headers: with names in lower case.
    """
    said = text.lower()
    limited = status in (403, 429) and (
        status == 429 or "rate limit" in said or "abuse detection" in said or "retry-after" in headers
    )
    if limited:
        secondary = "secondary" in said or "abuse" in said
        return (
            "secondary_limit" if secondary or ("retry-after" in headers and status == 403) else "rate_limit"
        )
    if "x-github-sso" in headers or "saml" in said or "single sign" in said:
        return "sso"
    if status == 401:
        return "token_expired" if "expired" in said else "token_revoked"
    if status in (301, 302, 303, 307, 308):
        return "redirect"
    if status >= 500:
        return "host_error"
    if "archived" in said:
        return "archived"
    for pattern, cause in _WORDS:
        if re.search(pattern, said):
            return cause
    if status == 404:
        return "not_found"
    return "permission" if status == 403 else "refused"


_WORDS: tuple[tuple[str, Cause], ...] = (
    (
        r"insufficient_scope|higher privileges than provided|missing.{0,20}scope|personal access token \(classic\)",
        "scope",
    ),
    (r"workflow.{0,40}scope", "workflow_scope"),
    (r"resource not accessible by", "scope"),
    (r"upgrade to|upgrade your|plan does not|only available (in|on)", "plan"),
    (
        r"limit_reached|projects? limit|quota|exceeded.{0,40}(limit|repositories)|limit of \d+|repository limit",
        "quota",
    ),
    (r"already (exists|been taken)|name already|still being deleted|pending deletion", "name_taken"),
    (
        r"is (a )?reserved|reserved name|(name|path).{0,80}(invalid|can contain only|is too long|must )",
        "invalid_name",
    ),
)

_GIT: tuple[tuple[str, Cause], ...] = (
    (r"without `?workflow`? scope|workflows? permission", "workflow_scope"),
    (r"GH001|exceeds? .{0,40}file size|file size limit|larger than the maximum|exceeds? the .{0,20}limit|"
     r"pack exceeds maximum", "file_too_large"),
    (r"push protection|push cannot contain secrets|secret.{0,30}(detected|scanning)", "secret_scanning"),
    (r"archived", "archived"),
    (r"returned error: 403|Write access to repository not granted|not allowed to upload code|"
     r"not allowed to push code to this project", "permission"),
    (r"GH006|GH013|repository rule violations|protected branch|not allowed to (force )?push", "protected_branch"),
    (r"cannot lock ref '.*': '.*' exists", "refused"),
    (r"non-fast-forward|fetch first|stale info|cannot lock ref|failed to update ref|already exists", "moved_meanwhile"),
    (r"SSL certificate|certificate verif|server certificate|unable to get local issuer|CAfile|SSL peer", "tls"),
    (r"Could not resolve (host|proxy)|Name or service not known", "dns"),
    (r"unable to update url base from redirection|returned error: 30\d", "redirect"),
    (r"returned error: 429", "rate_limit"),
    (r"Authentication failed|could not read (Username|Password)|error: 401|HTTP Basic: Access denied", "token_revoked"),
    (r"repository '.*' not found|returned error: 404|Repository not found", "not_found"),
    (r"is this a git repository|invalid server response|unexpected content.type|protocol error: bad line length|"
     r"git-http-push failed",
     "not_a_host"),
    (r"returned error: 5\d\d", "host_error"),
    (r"Operation too slow|timed out|Timeout: the command|did not complete in \d+ secs", "timeout"),
    (r"Failed to connect|Connection refused|Could ?n.t connect|Connection reset|hung up|RPC failed|early EOF|"
     r"Recv failure|Send failure|curl \d+|gnutls|OpenSSL SSL_", "unreachable"),
    (r"remote rejected|declined", "refused"),
)  # fmt: skip


def cause_of_git(text: str) -> Cause:
    """The cause behind what git and the host's hooks said; in English, since git is run with ``LC_ALL=C``."""
    said = re.sub(r"https://[^\s']+", "URL", text)  # names of projects say nothing about causes
    return next((cause for pattern, cause in _GIT if re.search(pattern, said, re.IGNORECASE)), "refused")
