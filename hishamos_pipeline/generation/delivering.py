"""What leaves the pipeline: the repository, its archives, and its publications on Git hosts."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hishamos_pipeline.core.documents import (
    Architecture,
    Archive,
    RepositoryRecord,
    SprintPlan,
    Stories,
    VerifiedBuild,
)
from hishamos_pipeline.core.secrets import register
from hishamos_pipeline.core.target import Publication, Target
from hishamos_pipeline.delivery import archives, remote_git, repository
from hishamos_pipeline.delivery.bringing import foreign
from hishamos_pipeline.delivery.commits import BRANCH, Identity
from hishamos_pipeline.delivery.hosts.causes import host_error
from hishamos_pipeline.delivery.hosts.interface import GitHost, HostKind, Secret
from hishamos_pipeline.delivery.hosts.opening import open_host, patience_of
from hishamos_pipeline.delivery.publication import Order, Publishing
from hishamos_pipeline.delivery.publishing import publish as publish_on_host
from hishamos_pipeline.delivery.remote_git import end_git
from hishamos_pipeline.delivery.wording import Told
from hishamos_pipeline.errors import ArtifactMissingError, CredentialError, HostError, VerificationError
from hishamos_pipeline.generation.project import ProjectRun
from hishamos_pipeline.generation.safekeeping import keep_archive, keep_repository, restore_repository
from hishamos_pipeline.generation.targets import target_of

T = TypeVar("T")


async def build_repository(run: ProjectRun) -> RepositoryRecord:
    """Commit the verified tree: story by story the first time, one commit for each change later.

    Raises:
        VerificationError: the tree has not passed its verification; nothing unverified is delivered.
        ToolMissingError: git is not installed.
    """
    if not run.read("verified_build", VerifiedBuild).passed:
        raise VerificationError(
            f"project {run.key!r} has not passed verification: run `hishamos projects show {run.key}`"
        )
    return await asyncio.to_thread(_exported, run, "git", lambda: _build_repository(run))


def _build_repository(run: ProjectRun) -> RepositoryRecord:
    build = run.read("verified_build", VerifiedBuild)
    architecture = run.read("architecture", Architecture)
    submitted = run.store.projects.idea_revision(run.key, 1).submitted_at
    published = run.folder.path("repository")
    recorded = run.store.artifacts.head(run.key, "repository") is not None
    with run.folder.staging("repository") as staging:
        staged = staging / "repository"
        commits = repository.build_repository(
            staged,
            # What was never recorded is left from an earlier project of the same key.
            published if (published / ".git").is_dir() and recorded else None,
            build,
            run.store.units.texts(file.sha256 for file in build.files),
            stories=run.read("stories", Stories),
            plan=run.read("sprint_plan", SprintPlan),
            title=architecture.title,
            identity=Identity(architecture.author or run.settings.author_name, run.settings.author_email),
            start=run.settings.commit_date or submitted,
            now=run.store.clock.now(),
        )
        head = commits[-1].sha
        if recorded:
            repository.require_unchanged(published, staged)
        keep_repository(run.storage, run.folder, staged, head)
        run.folder.publish_folder("repository", staged, head)
    run.store.deliveries.complete_export(run.key, "git", url=published.as_uri(), checksum=head)
    return RepositoryRecord(
        path="repository",
        branch=BRANCH,
        head=head,
        tree_hash=build.tree_hash,
        commits=commits,
        files=len(build.files),
    )


def repository_of(run: ProjectRun) -> Path:
    """The repository's folder, after it was brought back from the storage if another machine has made it.

    Raises:
        ArtifactMissingError: it was never made, or is neither here nor in the storage.
        StorageError: the storage cannot be reached.
    """
    record = run.read("repository", RepositoryRecord)
    with run.folder.lock("restore-repository", wait_seconds=run.settings.lock_seconds):
        if not restore_repository(run.storage, run.folder, record):
            raise ArtifactMissingError(
                f"the repository of {run.key!r} is not on this machine: run `hishamos build {run.key}`"
            )
    return run.folder.path(record.path)


async def write_archive(run: ProjectRun, kind: str) -> Archive:
    """Write one archive of the repository's head, if the idea asks for it.

    Args:
        run: the project.
        kind: ``zip`` or ``tar``.

    Raises:
        StorageError: disk full or read-only.
    """
    if not run.wants(kind):
        return Archive(wanted=False)
    return await asyncio.to_thread(_exported, run, kind, lambda: _write_archive(run, kind))


def _write_archive(run: ProjectRun, kind: str) -> Archive:
    architecture = run.read("architecture", Architecture)
    name = f"{run.key}.{'zip' if kind == 'zip' else 'tar.gz'}"
    write = archives.write_zip if kind == "zip" else archives.write_tar
    with run.folder.staging(f"{kind}_archive") as staging:
        staged = staging / name
        written = write(repository_of(run), staged, architecture.distribution)
        keep_archive(run.storage, run.folder, staged)
        run.folder.publish_file(f"{name}.sha256", Path(f"{staged}.sha256"))
        path = run.folder.publish_file(name, staged)
    url = run.storage.object_url(run.key, written.sha256, name) if run.storage else path.as_uri()
    run.store.deliveries.complete_export(run.key, kind, url=url, checksum=written.sha256)
    return Archive(
        wanted=True,
        path=name,
        sha256=written.sha256,
        size=written.size,
        files=written.files,
        commit=written.commit,
    )


async def publish(run: ProjectRun, kind: HostKind) -> Publication:
    """Publish the repository on a Git host, if the idea or a request asks for it.

    Raises:
        HostError: the host refused or cannot be reached; what was done is recorded, and the next try goes on.
        CredentialError: a secret that the target names is not kept.
    """
    if not run.wants(kind):
        return Publication(wanted=False)
    interrupted = threading.Event()

    def sleep(seconds: float) -> None:
        interrupted.wait(seconds)
        if interrupted.is_set():
            raise host_error("interrupted", kind, "the run was ended")

    def work() -> Publication:
        try:
            made = publish_on_host(publishing_of(run, kind, sleep=sleep))
        except HostError:
            sleep(0)
            raise
        run.store.deliveries.complete_export(run.key, kind, url=made.web_url, checksum=made.commit)
        return made

    try:
        return await asyncio.to_thread(_exported, run, kind, work)
    except asyncio.CancelledError:
        interrupted.set()
        end_git()  # it may hang on a connection, and this process would wait for it
        raise


def publishing_of(
    run: ProjectRun,
    kind: HostKind,
    *,
    options: Target | None = None,
    dry: bool = False,
    sleep: Callable[[float], None] | None = None,
) -> Publishing:
    """A publication of a project on a kind of host, ready to begin, with the record of earlier tries.

    Args:
        run: the project.
        kind: of host.
        options: what comes before the brief, in place of the request that stands.
        dry: look, and change nothing.
        sleep: waits, in place of the usual.

    Raises:
        HostError: there is no such host, or no token for it.
        CredentialError: a secret that the target names is not kept.
    """
    target = target_of(run, kind, options)
    host = _host(run, kind, target, sleep)
    record = run.read("repository", RepositoryRecord)
    build = run.read("verified_build", VerifiedBuild)
    titles = {story.id: story.title for story in run.read("stories", Stories).stories}
    order = Order(
        key=run.key,
        repository=repository_of(run),
        commit=record.head,
        target=target,
        secrets=_secrets(run, target),
        told=Told(
            title=run.read("architecture", Architecture).title,
            stories=tuple((name, titles.get(name, "")) for name in build.stories_verified),
            checks=tuple((c.name, f"{c.figure:g} {c.unit}") for c in build.checks if c.passed),
        ),
        owners=run.settings.publish_owner_list,
        push_seconds=run.settings.push_seconds,
    )
    return Publishing(
        host,
        order,
        run.store.deliveries.publication(run.key, kind) or Publication(wanted=True),
        save_record=lambda publication: run.store.deliveries.keep_publication(run.key, kind, publication),
        now=run.store.clock.now,
        patience=patience_of(run.settings, sleep),
        dry=dry,
    )


def foreign_commits(run: ProjectRun, kind: HostKind) -> list[str]:
    """Subjects of the commits on the host's default branch that the project does not have.

    Raises:
        HostError: the host cannot be reached.
    """
    publication, job = run.store.deliveries.publication(run.key, kind), publishing_of(run, kind, dry=True)
    if publication is None or not publication.commit or publication.host != job.host.connection.name:
        return []
    access = job.access(job.host.connection.clone_url(publication.full_name))
    with remote_git.opened(job.order.repository, access) as git:
        return foreign(git, job.order.commit, git.heads(), publication.default_branch)


def _host(run: ProjectRun, kind: HostKind, target: Target, sleep: Callable[[float], None] | None) -> GitHost:
    host = open_host(target.host or kind, run.settings, run.keys, patience_of(run.settings, sleep))
    if host.kind != kind:
        raise host_error(
            "refused", host.connection.name, f"`host` names a {host.kind}, and this is an export to {kind}"
        )
    return host


def _secrets(run: ProjectRun, target: Target) -> dict[str, Secret]:
    """Values of the secrets that a target names: from the encrypted table alone, kept for this very project.

    A brief is not trusted: it must not be able to name another project's secret, or another credential of the operator.
    """
    kept, secrets = run.store.credentials.names(), {}
    for name in target.secrets:
        stored = f"secret:{run.key}/{name}"
        if stored not in kept:
            raise CredentialError(f"secret {name} is not kept: run `hishamos credentials add {stored}`")
        value = run.store.credentials.get(stored, run.settings.secret_key_list) or ""
        secrets[name] = Secret(register(value, short=True), kept[stored].isoformat())
    return secrets


def _exported(run: ProjectRun, kind: str, work: Callable[[], T]) -> T:
    """Do an export, and record how it went, for the requests that asked for it too."""
    request = run.store.export_requests.standing(run.key, kind)
    run.store.deliveries.begin_export(run.key, kind)
    try:
        made = work()
    except Exception as error:
        run.store.deliveries.fail_export(run.key, kind, str(error))
        if request and not (isinstance(error, HostError) and error.cause == "interrupted"):
            run.store.export_requests.finish(run.key, kind, request.id, str(error))
        raise
    if request:
        run.store.export_requests.finish(run.key, kind, request.id)
    return made
