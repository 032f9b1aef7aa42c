"""Publishing by the command, with the daemon's job, on hosts that are played here; and the hunt for its token."""

import base64
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.git_hosts import GitHosts, git_hosts
from tests.support.commands import hishamos, hishamos_process, start_hishamos

pytestmark = pytest.mark.slow

TOKEN = "tok-0123456789abcdef-needle-0123"
BRIEF = """---
exports: [zip, github]
github: {topics: [notes], conflict: reuse}
---
# Notes

Keep notes.

## Features
- User can add a note
- User can list notes
"""


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHosts]:
    """Both hosts, with Ada's token."""
    with git_hosts(tmp_path_factory.mktemp("hosts")) as made:
        made.github.add_token(TOKEN, "ada")
        made.gitlab.add_token(TOKEN, "ada")
        yield made


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, hosts: GitHosts) -> Path:
    """A home with the brief, and a file with the encryption key."""
    home = tmp_path_factory.mktemp("cli")
    (home / "notes.md").write_text(BRIEF)
    key = hishamos(home, "credentials", "new-key").stdout
    (home / "keys").write_text(key)
    (home / "keys").chmod(0o600)
    return home


def environment(hosts: GitHosts, home: Path, **more: str) -> dict[str, str]:
    """Settings that name the hosts that are played here; no token."""
    return {
        "HISHAMOS_GIT_HOSTS": hosts.setting(),
        "HISHAMOS_SECRET_KEYS_FILE": str(home / "keys"),
        "HISHAMOS_HOST_WRITE_SECONDS": "0",
        **more,
    }


class Hunt:
    """Looks for a token, its base64 and its percent code: in commands of this machine while it runs, then in files."""

    def __init__(self, token: str) -> None:
        users = ("x-access-token", "oauth2", "")
        encoded = [base64.b64encode(f"{user}:{token}".encode()) for user in users]
        self._needles = [token.encode(), base64.b64encode(token.encode()), *encoded]
        self.found: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Hunt":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            for folder in Path("/proc").iterdir():
                try:
                    if folder.name.isdigit():
                        self.look(f"argv of {folder.name}", (folder / "cmdline").read_bytes())
                except OSError:
                    continue
            time.sleep(0.005)

    def look(self, where: str, data: bytes) -> None:
        """Remember a place that holds a needle."""
        if any(needle in data for needle in self._needles):
            self.found.add(where)

    def files(self, folder: Path) -> None:
        """Look at every file under a folder, as it is and as git or gzip unpacks it."""
        import zlib

        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                self.look(str(path), data)
                if "objects" in path.parts:
                    try:
                        self.look(str(path), zlib.decompress(data))
                    except zlib.error:
                        continue


def test_the_hunt_finds_planted_leaks(tmp_path: Path) -> None:
    """The negative controls: without them, finding nothing would say nothing."""
    with Hunt(TOKEN) as hunt:
        subprocess.run(
            [sys.executable, "-c", "import time; time.sleep(0.5)", f"https://u:{TOKEN}@h/"], check=True
        )
        (tmp_path / "config").write_text(f"url = https://x-access-token:{TOKEN}@h/\n")
        header = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
        (tmp_path / "store.db").write_bytes(b"\0\1Basic " + header.encode() + b"\0")
        subprocess.run(["git", "init", "-q", str(tmp_path / "repo")], check=True)
        subprocess.run(
            ["git", "hash-object", "-w", "--stdin"], input=TOKEN.encode(), cwd=tmp_path / "repo", check=True,
            capture_output=True,
        )  # fmt: skip
        hunt.files(tmp_path)
    assert any(place.startswith("argv") for place in hunt.found)
    assert {Path(place).name for place in hunt.found if "/" in place} >= {"config", "store.db"}
    assert any("objects" in place for place in hunt.found)


def test_a_brief_is_published_and_the_token_is_nowhere(home: Path, hosts: GitHosts, tmp_path: Path) -> None:
    given = environment(hosts, home)
    blocked = hishamos_process(home, "build", "notes.md", **given)
    assert blocked.returncode == 1 and "hishamos credentials add github" in blocked.stderr
    assert (home / "state/projects/notes/notes.zip").exists()
    with Hunt(TOKEN) as hunt:
        kept = hishamos_process(home, "credentials", "add", "github", stdin=TOKEN + "\n", **given)
        tried = hishamos_process(home, "credentials", "test", "github", **given)
        built = hishamos_process(home, "build", "notes", GIT_TRACE_CURL="1", GIT_TRACE="1", **given)
        shown = hishamos_process(home, "exports", "show", "notes", "github", **given)
        for done in (kept, tried, built, shown):
            assert done.returncode == 0, done.stderr
            hunt.look("output", f"{done.stdout}{done.stderr}".encode())
        hunt.files(home / "state")
        hunt.files(hosts.github.repositories["ada/notes"].path)
    assert hunt.found == set()
    assert "token of ada" in tried.stdout and "scopes: repo, workflow" in tried.stdout
    assert f"published    {hosts.url}/ada/notes" in built.stdout
    assert "made         github_repository" in built.stdout and "ada/notes" in shown.stdout
    assert "warning" not in shown.stdout
    clone = tmp_path / "clone"
    credentials = f"https://x-access-token:{TOKEN}@"
    url = hosts.url.replace("https://", credentials) + "/ada/notes.git"
    subprocess.run(
        ["git", "-c", f"http.sslCAInfo={hosts.ca}", "clone", "-q", url, str(clone)],
        check=True,
        capture_output=True,
    )
    unpacked = tmp_path / "unpacked"
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(home / "state/projects/notes/notes.zip"),
                    str(unpacked)], check=True)  # fmt: skip
    assert files_of(clone) == files_of(unpacked / "notes")


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


def test_again_and_to_the_other_host(home: Path, hosts: GitHosts) -> None:
    given = environment(hosts, home, GITLAB_TOKEN=TOKEN, GITHUB_TOKEN=TOKEN)
    hosts.forget()
    again = hishamos(home, "export", "notes", "--to", "github", "--json", **given)
    assert again.returncode == 0, again.stderr
    (published,) = json.loads(again.stdout)["published"]
    assert published["done"] == "unchanged" and hosts.writes() == []
    dry = hishamos(
        home, "export", "notes", "--to", "gitlab", "--dry-run", "--visibility", "internal", **given
    )
    assert "create ada/notes, internal" in dry.stdout and hosts.writes() == []
    done = hishamos(home, "export", "notes", "--to", "gitlab", "--visibility", "internal", **given)
    assert done.returncode == 0, done.stderr
    assert "created ada/notes on gitlab (internal)" in done.stdout
    assert hosts.gitlab.repositories["ada/notes"].visibility == "internal"
    listed = json.loads(hishamos(home, "exports", "list", "notes", "--json", **given).stdout)
    assert {row["to"]: row["status"] for row in listed} == {
        "git": "completed", "zip": "completed", "github": "completed", "gitlab": "completed",
    }  # fmt: skip


def test_an_export_stands_until_it_is_withdrawn(home: Path, hosts: GitHosts) -> None:
    given: dict[str, Any] = environment(hosts, home, GITLAB_TOKEN=TOKEN, GITHUB_TOKEN=TOKEN)
    (home / "notes.md").write_text(BRIEF + "- User can delete a note\n")
    built = hishamos(home, "build", "notes.md", **given)
    assert built.returncode == 0, built.stderr
    heads = {host.repositories["ada/notes"].branches["main"] for host in (hosts.github, hosts.gitlab)}
    assert len(heads) == 1
    withdrawn = hishamos(home, "exports", "withdraw", "notes", "gitlab", **given)
    assert withdrawn.returncode == 0 and "withdrew" in withdrawn.stdout
    before = dict(hosts.gitlab.repositories["ada/notes"].branches)
    (home / "notes.md").write_text(BRIEF + "- User can delete a note\n- User can edit a note\n")
    assert hishamos(home, "build", "notes.md", **given).returncode == 0
    assert hosts.gitlab.repositories["ada/notes"].branches == before
    assert hosts.github.repositories["ada/notes"].branches != before


def test_ctrl_c_ends_a_push_that_hangs(home: Path, hosts: GitHosts) -> None:
    given = environment(hosts, home, GITHUB_TOKEN=TOKEN)
    (home / "other.md").write_text("# Other\n\n## Features\n- User can add a note\n- User can list notes\n")
    assert hishamos(home, "build", "other.md", **given).returncode == 0
    hosts.faults.add("POST", r"git-receive-pack$", kind="hang", seconds=3600)
    process = start_hishamos(home, "export", "other", "--to", "github", **given)
    for _ in range(600):
        if not hosts.faults.left or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=300)  # long before the host answers, or the push is given up
    assert process.returncode == 130, out + errors
    waiting = json.loads(hishamos(home, "exports", "list", "other", "--json", **given).stdout)
    assert ("github", "request requested") in {(row["to"], row["status"]) for row in waiting}
    again = hishamos(home, "export", "other", "--to", "github", **given)
    assert again.returncode == 0 and hosts.github.repositories["ada/other"].branches, again.stderr


def test_wrong_use_is_told(home: Path, hosts: GitHosts) -> None:
    given = environment(hosts, home)
    assert "is for --to github" in hishamos(home, "export", "notes", "--owner", "acme", **given).stderr
    bad = hishamos(home, "export", "notes", "--to", "github", "--name", "a b", **given)
    assert bad.returncode == 2 and "--name" in bad.stderr
    unknown = hishamos(home, "export", "notes", "--to", "github", "--host", "elsewhere", "--dry-run", **given)
    assert "HISHAMOS_GIT_HOSTS knows github, gitlab" in unknown.stderr and unknown.returncode == 7
    (home / "keys").chmod(0o644)
    loose = hishamos(home, "credentials", "test", "github", **given)
    (home / "keys").chmod(0o600)
    assert loose.returncode == 6 and "chmod 600" in loose.stderr
    assert hishamos(home, "credentials", "add", "nobody", stdin="x", **given).returncode == 2
    assert hishamos(home, "exports", "show", "notes", "tar", **given).returncode == 3
