"""The Dagster UI in a real browser: add a partition, materialize the graph, and read what was made."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from hishamos_pipeline.core.artifacts.target import Target
from hishamos_pipeline.core.pipeline.graph import STEPS
from hishamos_pipeline.store.batches.repository import BatchLimits
from hishamos_pipeline.store.store import open_store
from tests.fakes.git_hosts import GitHosts, git_hosts
from tests.fakes.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.real_servers]

KEY = "shelf"
TOKEN = "tok-0123456789abcdef-ui"
BRIEF = "A shelf where users can add, list and delete books."
LOCATION = "global@global"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the server."""
    return tmp_path_factory.mktemp("ui")


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHosts]:
    """Both Git hosts, with Ada's token."""
    with git_hosts(tmp_path_factory.mktemp("hosts")) as made:
        made.github.add_token(TOKEN, "ada")
        made.gitlab.add_token(TOKEN, "ada")
        yield made


@pytest.fixture(scope="module")
def server(home: Path, hosts: GitHosts) -> Iterator[str]:
    """``hishamos dev`` on a free port, with an empty home and both Git hosts."""
    port = free_port()
    environment = {
        **os.environ,
        "HISHAMOS_HOME": str(home),
        "HISHAMOS_GIT_HOSTS": hosts.setting(),
        "HISHAMOS_HOST_WRITE_SECONDS": "0",
        "GITHUB_TOKEN": TOKEN,
        "GITLAB_TOKEN": TOKEN,
    }
    log = (home / "dev.log").open("wb")
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "hishamos_pipeline.cli.main",
            "dev",
            "--port",
            str(port),
            "--api-port",
            str(free_port()),
        ],
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, process, home / "dev.log")
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) is not None
        log.close()


def _wait_for(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page of headless Chromium; the one of the system, since none is downloaded."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "Chromium is missing: install the package `chromium` (make test does it as root)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True)
        opened = browser.new_page(viewport={"width": 1900, "height": 1100})
        opened.set_default_timeout(180_000)
        expect.set_options(timeout=180_000)
        yield opened
        browser.close()


def test_a_project_is_built_and_read_in_the_ui(server: str, page: Page) -> None:
    """A partition is added, the whole graph is materialized with a brief, and its results are read."""
    page.goto(f"{server}/asset-groups")
    page.get_by_role("button", name="Materialize all…").click()
    _add_partition(page)
    _paste_brief(page)
    _launch(page)
    _wait_until_runs_have_ended(server)

    _open_until(
        page, f"{server}/assets/verified_build?view=partitions&partition={KEY}", "Verification passed"
    )
    expect(page.get_by_text("tests_need_code").first).to_be_visible()
    expect(page.get_by_text("content_hash").first).to_be_visible()
    _screenshot(page, "verified-build")

    _open_until(page, f"{server}/assets/zip_archive?view=partitions&partition={KEY}", f"{KEY}.zip")
    page.goto(f"{server}/assets/stories?view=partitions&partition={KEY}")
    expect(page.get_by_text("US-001").first).to_be_visible()
    page.goto(f"{server}/assets/verified_build/checks/verification_passed")
    expect(page.get_by_text("Passed").first).to_be_visible()


def test_one_asset_can_be_materialized_for_one_project(server: str, page: Page) -> None:
    """The job page of one asset offers the same project; what is up to date is found, not made again."""
    page.goto(f"{server}/assets/requirements?view=partitions&partition={KEY}")
    page.get_by_role("button", name=re.compile("Materialize")).first.click()
    _choose_partition(page)
    _launch(page)
    _wait_until_runs_have_ended(server)
    _open_until(page, f"{server}/assets/requirements?view=partitions&partition={KEY}", "found up to date")


def test_the_graph_shows_every_asset(server: str, page: Page) -> None:
    """Every group of the graph can be opened."""
    page.goto(f"{server}/asset-groups")
    expect(page.get_by_text("delivery", exact=True).locator("visible=true").last).to_be_visible()
    opened = ",".join(f"{LOCATION}:{name}" for name in ("planning", "build", "quality", "delivery"))
    page.goto(f"{server}/asset-groups/?expanded={opened}")
    page.get_by_text("Hide navigation").click()
    expect(page.get_by_text("idea", exact=True).first).to_be_visible()
    nodes = [page.get_by_text(kind, exact=True).first for kind in STEPS]
    for _ in range(8):  # what is outside of the picture is not drawn
        page.wait_for_timeout(1000)
        if all(node.is_visible() for node in nodes):
            break
        page.get_by_label("zoom_out").click()
    assert [kind for kind, node in zip(STEPS, nodes, strict=True) if not node.is_visible()] == []
    _screenshot(page, "asset-graph")


def test_the_daemon_builds_what_is_dropped_into_the_inbox(server: str, home: Path) -> None:
    """No browser, no command: the sensor takes the file in, and the daemon runs the build."""
    (home / "inbox" / "memos.md").write_text(
        "# Memos\n\n## Features\n- User can add a memo\n- User can list memos\n"
    )
    (home / "inbox" / "bad.yaml").write_text("colour: red\n")
    store = open_store(f"sqlite:///{home}/store.db")
    state = ""
    for _ in range(600):
        state = next((row.state for row in store.projects.all() if row.key == "memos"), "")
        if state in ("exported", "failed", "blocked"):
            break
        time.sleep(1)
    store.engine.dispose()
    assert state == "exported"
    assert (home / "projects" / "memos" / "memos.zip").exists()
    assert "colour: is not a field" in (home / "inbox" / "bad.yaml.error.txt").read_text()
    assert (home / "inbox" / "accepted" / "memos.r1.md").exists()


def test_a_batch_is_rebuilt_by_the_daemon(server: str, home: Path, page: Page) -> None:
    """Runs that the sensor requests and the UI lists by their tag; the figures are written down."""
    store = open_store(f"sqlite:///{home}/store.db")
    keys = [KEY, "memos"]
    batch = store.batches.begin("again", "rebuild", keys, canary=0, limits=BatchLimits(slots=1))
    for _ in range(400):
        if store.batches.get("again").state != "running":
            break
        time.sleep(1)
    members = store.batches.members(batch)
    assert [(m.project, m.state, m.reason) for m in members] == [
        (key, "verified", "") for key in sorted(keys)
    ]
    assert all(m.requirements_verified > 0 and m.seconds > 0 for m in members)
    assert store.batches.get("again").state == "finished"
    assert all(store.artifacts.require(key, "verified_build").batch == "again" for key in keys)
    assert [store.projects.get(key).state for key in keys] == ["exported", "exported"]
    store.engine.dispose()
    _open_until(page, f"{server}/runs?q[0]=tag%3Ahishamos%2Fbatch%3Dagain", "hishamos/batch: again")
    expect(page.get_by_text("Success").first).to_be_visible()
    _screenshot(page, "batch")


def test_a_requested_export_is_published_by_the_daemon(
    server: str, home: Path, page: Page, hosts: GitHosts
) -> None:
    """The sensor picks the request out of the store; the UI shows where it went."""
    store = open_store(f"sqlite:///{home}/store.db")
    store.export_requests.add(KEY, "github", Target(visibility="public", topics=("books",)), "test")
    store.export_requests.add(KEY, "gitlab", Target(), "test")
    for _ in range(600):
        requests = store.export_requests.of_project(KEY)
        if all(request.status != "requested" for request in requests):
            break
        time.sleep(1)
    store.engine.dispose()
    assert [(request.status, request.error) for request in requests] == [("completed", "")] * 2
    published = hosts.github.repositories[f"ada/{KEY}"]
    _open_until(
        page, f"{server}/assets/github_repository?view=partitions&partition={KEY}", published.branches["main"]
    )
    for text in ("clone_url", "visibility", "public", "created", f"ada/{KEY}"):
        expect(page.get_by_text(text).first).to_be_visible()
    _screenshot(page, "github-repository")
    page.goto(f"{server}/assets/github_repository?view=checks&checkDetail=github_has_no_foreign_commits")
    expect(page.get_by_text("Passed").first).to_be_visible()


def _launch(page: Page) -> None:
    """Launch, and wait until the server has answered: leaving the page would withdraw the request."""
    page.get_by_role("button", name=re.compile("^Launch")).last.click()
    expect(page.get_by_text(re.compile("^Launch runs to materialize"))).to_have_count(0)


def _add_partition(page: Page) -> None:
    page.get_by_text("Add a partition").click()
    page.get_by_placeholder("name").fill(KEY)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_placeholder("name")).to_have_count(0)
    _choose_partition(page)


def _choose_partition(page: Page) -> None:
    """Choose the project's partition, unless the dialog has done so by itself."""
    chosen = page.get_by_text("1 partition", exact=True)
    for _ in range(10):
        try:
            chosen.wait_for(state="visible", timeout=3000)
            return
        except PlaywrightTimeoutError:
            pass  # the dialog is slow, or it waits for a choice
        with suppress(PlaywrightTimeoutError):
            page.get_by_text("Select a partition").click(timeout=2000)
            page.get_by_text(KEY, exact=True).locator("visible=true").last.click(timeout=3000)
            page.keyboard.press("Escape")
    expect(chosen).to_be_visible()


def _paste_brief(page: Page) -> None:
    page.get_by_text("Config", exact=True).click()
    page.get_by_role("button", name="Add config").click()
    # Named, since the page behind has an editor too (its filter), and this one comes a moment later.
    editor = page.locator(".CodeMirror.cm-s-config-editor")
    editor.click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(f'ops: {{idea: {{config: {{brief: "{BRIEF}"}}}}}}')
    expect(editor).to_contain_text(BRIEF)
    page.get_by_role("button", name="Save config").click()


def _wait_until_runs_have_ended(server: str) -> None:
    """A page that is loaded meanwhile would take the time that the run needs."""
    query = {"query": "{ runsOrError(limit: 1000) { ... on Runs { results { status } } } }"}
    asked = urllib.request.Request(
        f"{server}/graphql", json.dumps(query).encode(), {"Content-Type": "application/json"}
    )
    for _ in range(300):
        with urllib.request.urlopen(asked, timeout=60) as answer:
            runs = json.load(answer)["data"]["runsOrError"]["results"]
        if runs and all(run["status"] in ("SUCCESS", "FAILURE", "CANCELED") for run in runs):
            return
        time.sleep(1)
    raise AssertionError(f"some runs have not ended: {runs}")


def _open_until(page: Page, address: str, text: str) -> None:
    """Load a page again and again until it shows a text: Dagster's own figures come a moment after its runs."""
    for _ in range(60):
        page.goto(address)
        try:
            page.get_by_text(text).first.wait_for(state="visible", timeout=8000)
            return
        except PlaywrightTimeoutError:
            continue
    _screenshot(page, "missing")
    raise AssertionError(f"{address} never showed {text!r}: {page.inner_text('body')[:2000]}")


def _screenshot(page: Page, name: str) -> None:
    folder = os.environ.get("HISHAMOS_SCREENSHOTS")
    if folder:
        page.wait_for_timeout(3000)
        page.screenshot(path=Path(folder) / f"{name}.png")
