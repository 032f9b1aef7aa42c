"""The publications of the repository on Git hosts."""

import asyncio
import threading
from collections.abc import Callable

from hishamos_pipeline.core.artifacts.documents import Architecture, RepositoryRecord, Stories, VerifiedBuild
from hishamos_pipeline.core.artifacts.target import HostKind, Publication, Target
from hishamos_pipeline.core.text.secrets import register
from hishamos_pipeline.delivery import remote_git
from hishamos_pipeline.delivery.hosts.causes import host_error
from hishamos_pipeline.delivery.hosts.interface import GitHost, Secret
from hishamos_pipeline.delivery.hosts.opening import open_host, retry_policy_of
from hishamos_pipeline.delivery.messages import Told
from hishamos_pipeline.delivery.publish_job import PublishJob, PublishRequest
from hishamos_pipeline.delivery.publishing import publish as publish_on_host
from hishamos_pipeline.delivery.pushing import external_commits
from hishamos_pipeline.delivery.remote_git import end_git
from hishamos_pipeline.errors import CredentialError, HostError
from hishamos_pipeline.generation.artifact_storage import repository_of
from hishamos_pipeline.generation.context import DeliveryContext
from hishamos_pipeline.generation.producers.exporting import recorded


async def publish_on_github(step: DeliveryContext) -> Publication:
    """Publish the repository on GitHub, if it is asked for.

    Raises:
        HostError: the host refused or cannot be reached; what was done is recorded, and the next try goes on.
        CredentialError: a secret that the target names is not kept.
    """
    return await _publish(step, "github")


async def publish_on_gitlab(step: DeliveryContext) -> Publication:
    """Publish the repository on GitLab; see ``publish_on_github``."""
    return await _publish(step, "gitlab")


async def _publish(step: DeliveryContext, host_kind: HostKind) -> Publication:
    if not step.wants(host_kind):
        return Publication(wanted=False)
    interrupted = threading.Event()

    def sleep(seconds: float) -> None:
        interrupted.wait(seconds)
        if interrupted.is_set():
            raise host_error("interrupted", host_kind, "the run was ended")

    def work() -> Publication:
        try:
            made = publish_on_host(publishing_of(step, host_kind, sleep=sleep))
        except HostError:
            sleep(0)
            raise
        step.deliveries.complete_export(step.key, host_kind, url=made.web_url, checksum=made.commit)
        return made

    try:
        return await asyncio.to_thread(recorded, step, host_kind, work)
    except asyncio.CancelledError:
        interrupted.set()
        end_git()  # it may hang on a connection, and this process would wait for it
        raise


def publishing_of(
    step: DeliveryContext,
    host_kind: HostKind,
    *,
    options: Target | None = None,
    dry: bool = False,
    sleep: Callable[[float], None] | None = None,
) -> PublishJob:
    """A publication of a project on a kind of host, ready to begin, with the record of earlier tries.

    Args:
        step: the step that publishes.
        host_kind: of host.
        options: what comes before the brief, in place of the request that stands.
        dry: look, and change nothing.
        sleep: waits, in place of the usual.

    Raises:
        HostError: there is no such host, or no token for it.
        CredentialError: a secret that the target names is not kept.
    """
    target = step.target(host_kind, options)
    host = _host(step, host_kind, target, sleep)
    record = step.read("repository", RepositoryRecord)
    build = step.read("verified_build", VerifiedBuild)
    titles = {story.id: story.title for story in step.read("stories", Stories).stories}
    order = PublishRequest(
        key=step.key,
        repository=repository_of(step),
        commit=record.head,
        target=target,
        secrets=_secrets(step, target),
        told=Told(
            title=step.read("architecture", Architecture).title,
            stories=tuple((name, titles.get(name, "")) for name in build.stories_verified),
            checks=tuple((c.name, f"{c.figure:g} {c.unit}") for c in build.checks if c.passed),
        ),
        owners=step.settings.publish_owner_list,
        push_seconds=step.settings.push_seconds,
    )
    return PublishJob(
        host,
        order,
        step.deliveries.publication(step.key, host_kind) or Publication(wanted=True),
        save_record=lambda publication: step.deliveries.keep_publication(step.key, host_kind, publication),
        now=step.now,
        retries=retry_policy_of(step.settings, sleep),
        dry=dry,
    )


def host_commits(step: DeliveryContext, host_kind: HostKind) -> list[str]:
    """Subjects of the commits on the host's default branch that the project does not have.

    Raises:
        HostError: the host cannot be reached.
    """
    publication, job = (
        step.deliveries.publication(step.key, host_kind),
        publishing_of(step, host_kind, dry=True),
    )
    if publication is None or not publication.commit or publication.host != job.host.connection.name:
        return []
    access = job.access(job.host.connection.clone_url(publication.full_name))
    with remote_git.opened(job.order.repository, access) as git:
        return external_commits(git, job.order.commit, git.heads(), publication.default_branch)


def _host(
    step: DeliveryContext, host_kind: HostKind, target: Target, sleep: Callable[[float], None] | None
) -> GitHost:
    host = open_host(
        target.host or host_kind, step.settings, step.keys, retry_policy_of(step.settings, sleep)
    )
    if host.kind != host_kind:
        raise host_error(
            "refused",
            host.connection.name,
            f"`host` names a {host.kind}, and this is an export to {host_kind}",
        )
    return host


def _secrets(step: DeliveryContext, target: Target) -> dict[str, Secret]:
    """Values of the secrets that a target names: from the encrypted table alone, kept for this very project.

    A brief is not trusted: it must not be able to name another project's secret, or another credential of the operator.
    """
    kept, secrets = step.credentials.names(), {}
    for name in target.secrets:
        stored = f"secret:{step.key}/{name}"
        if stored not in kept:
            raise CredentialError(f"secret {name} is not kept: run `hishamos credentials add {stored}`")
        value = step.credentials.get(stored, step.settings.secret_key_list) or ""
        secrets[name] = Secret(register(value, short=True), kept[stored].isoformat())
    return secrets
