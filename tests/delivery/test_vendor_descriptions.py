"""Every exchange with the hosts, held against the vendors' own OpenAPI descriptions, where they are at hand."""

import os
from pathlib import Path

import pytest

from hishamos_pipeline.core.artifacts.target import Target
from tests.delivery.conftest import Project
from tests.fakes.git_hosts import GitHosts
from tests.fakes.git_hosts.judge import complaints
from tests.support.publishing import publish_everything

# Read now: tests see no variable of ours.
SPECS = os.environ.get("HISHAMOS_VENDOR_SPECS", "")


@pytest.mark.skipif(
    not SPECS, reason="HISHAMOS_VENDOR_SPECS names no folder with github_subset.json and gitlab_subset.json"
)
def test_requests_and_answers_are_as_the_vendors_describe_them(project: Project, hosts: GitHosts) -> None:
    publish_everything(project)
    project.target = Target()
    project.publish(publish="pull_request", release={"tag": "v1"})
    project.commit("feat: more")
    project.publish()
    judged = [exchange for exchange in hosts.exchanges if exchange.path.startswith("/api/")]
    assert len(judged) > 20 and complaints(judged, Path(SPECS)) == []
