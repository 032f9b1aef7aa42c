"""PublishJob on a Git host on loopback: against a bare push, again with nothing new, and with faults."""

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import Row, medians, own_peak_mb
from hishamos_pipeline.core.artifacts.target import Publication, Target
from hishamos_pipeline.delivery.hosts.calling import RetryPolicy
from hishamos_pipeline.delivery.hosts.opening import open_host
from hishamos_pipeline.delivery.messages import Told
from hishamos_pipeline.delivery.publish_job import PublishJob, PublishRequest
from hishamos_pipeline.delivery.publishing import publish
from hishamos_pipeline.delivery.repository import git_module
from hishamos_pipeline.errors import HostError
from hishamos_pipeline.settings import GitHostSettings, Settings
from tests.fakes.git_hosts import GitHosts, git_hosts

TOKEN = "tok-0123456789abcdef-bench"
FILES, PROJECTS = 2000, 50
_FAULTS = (
    {"kind": "reset"},
    {"kind": "status", "status": 502},
    {"kind": "done_then", "status": 502},
    {"kind": "html"},
)


def _repository(folder: Path, files: int) -> Path:
    folder.mkdir(parents=True)
    for number in range(files):
        path = folder / f"src/p{number % 50}/module_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"VALUE = {number}\n" + f"# line of {number}\n" * 60)
    for command in (["init", "-q", "-b", "main"], ["add", "--all"], ["commit", "-q", "-m", "all"]):
        _git(folder, *command)
    return folder


def _git(folder: Path, *arguments: str, ca: str = "") -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "gc.auto=0")
    trusted = {"GIT_SSL_CAINFO": ca} if ca else {}
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, env={**os.environ, **trusted}, check=True, capture_output=True,
        text=True,
    )  # fmt: skip
    return done.stdout.strip()


def _publish(
    url: str, ca: str, repository: Path, name: str, record: Publication | None = None
) -> Publication:
    """Publish once, without pauses between writes; the record so far goes in, the new one comes out."""
    given = GitHostSettings(kind="github", url=url, token="T", ca=Path(ca))
    settings = Settings(git_hosts={"github": given}, host_write_seconds=0)
    retries = RetryPolicy(sleep=lambda _: None)
    order = PublishRequest(
        key=name, repository=repository, commit=_git(repository, "rev-parse", "HEAD"), target=Target(topics=("notes",)),
        secrets={}, told=Told(name, (), ()),
    )  # fmt: skip
    kept = [record or Publication(wanted=True)]
    job = PublishJob(
        open_host("github", settings, lambda _: TOKEN, retries), order, kept[0], save_record=kept.append,
        now=lambda: datetime.now(UTC), retries=retries,
    )  # fmt: skip
    try:
        return publish(job)
    except HostError as error:
        error.__notes__ = [kept[-1].model_dump_json()]
        raise


def memory(url: str, ca: str, repository: str) -> None:
    """Publish in this process, and print the megabytes that it and git took above having everything imported."""
    import github.Repository  # noqa: F401
    import gitlab  # noqa: F401

    git_module()
    idle = own_peak_mb()
    _publish(url, ca, Path(repository), "measured")
    of_git = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    print(json.dumps(own_peak_mb() - idle + of_git))


def _against_push(hosts: GitHosts, root: Path) -> list[Row]:
    repository, count = _repository(root / "large", FILES), iter(range(1000))

    def ours() -> float:
        started = time.perf_counter()
        _publish(hosts.url, str(hosts.ca), repository, f"ours-{next(count)}")
        return time.perf_counter() - started

    def bare() -> float:
        name = f"bare-{next(count)}"
        hosts.github.create(f"ada/{name}")
        url = hosts.url.replace("https://", f"https://x-access-token:{TOKEN}@")
        started = time.perf_counter()
        _git(repository, "push", "-q", f"{url}/ada/{name}.git", "main", ca=str(hosts.ca))
        return time.perf_counter() - started

    published, pushed = medians(ours, bare, runs=5)
    ratio = published / pushed
    program = "import sys; from benchmarks.publishing import memory; memory(*sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", program, hosts.url, str(hosts.ca), str(repository)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    added = float(done.stdout)
    record = _publish(hosts.url, str(hosts.ca), repository, "again")
    hosts.forget()
    _publish(hosts.url, str(hosts.ca), repository, "again", record)
    writes = len(hosts.writes())
    return [
        Row(f"publishing {FILES} files on loopback against a bare `git push`",
            f"{ratio:.2f} ({published:.2f} s / {pushed:.2f} s)", "under 1.5", ratio < 1.5),
        Row(f"memory that publishing {FILES} files adds, git included", f"{added:.0f} MB", "under 100 MB", added < 100),
        Row("requests that change something, when nothing is new", str(writes), "none", writes == 0),
    ]  # fmt: skip


def _with_faults(hosts: GitHosts, root: Path) -> Row:
    """Small projects, a tenth of all requests spoiled; each is published until it succeeds."""
    dice, tries, started = random.Random(7), 0, time.perf_counter()
    repositories = [_repository(root / f"small-{number}", 5) for number in range(PROJECTS)]
    for number, repository in enumerate(repositories):
        record: Publication | None = None
        while record is None or not record.done:
            tries += 1
            for _ in range(12):
                if dice.random() < 0.1:
                    hosts.faults.add(path=".", skip=dice.randrange(12), **dice.choice(_FAULTS))
            try:
                record = _publish(hosts.url, str(hosts.ca), repository, f"small-{number}", record)
            except HostError as error:
                record = Publication.model_validate_json(error.__notes__[0])
            hosts.faults.clear()
    passed = time.perf_counter() - started
    there = {name: repo for name, repo in hosts.github.repositories.items() if name.startswith("ada/small-")}
    whole = sum(
        list(there[f"ada/small-{number}"].branches.values()) == [_git(repository, "rev-parse", "HEAD")]
        for number, repository in enumerate(repositories)
    )
    kept = whole == PROJECTS == len(there)
    return Row(
        f"{PROJECTS} small publications, a tenth of the requests spoiled",
        f"{passed:.1f} s, {tries} tries, {whole} whole, {len(there)} repositories", "none lost, none twice", kept,
    )  # fmt: skip


def measure() -> list[Row]:
    """All rows on publishing."""
    with tempfile.TemporaryDirectory() as folder, git_hosts(Path(folder) / "hosts") as hosts:
        hosts.github.add_token(TOKEN, "ada")
        return [*_against_push(hosts, Path(folder)), _with_faults(hosts, Path(folder))]
