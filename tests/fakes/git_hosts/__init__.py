"""GitHub and GitLab on loopback, over bare repositories that git itself serves."""

from tests.fakes.git_hosts.server import GitHosts, git_hosts
from tests.fakes.git_hosts.state import Host, Repo
from tests.fakes.git_hosts.wire import Exchange

__all__ = ["Exchange", "GitHosts", "Host", "Repo", "git_hosts"]
