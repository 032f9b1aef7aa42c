"""Requests for builds and events, as the command shows them; reading commands import what they use alone."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.built import BuiltProject
from tests.support.commands import hishamos, start_hishamos

pytestmark = pytest.mark.slow
HEAVY = (
    "dagster",
    "pydantic_ai",
    "opentelemetry",
    "requests",
    "git",
    "github",
    "gitlab",
    "structlog",
    "alembic",
)


def test_a_build_is_requested_listed_and_cancelled(tmp_path: Path) -> None:
    (tmp_path / "shed.md").write_text("# Shed\n\n## Features\n- User can add a tool\n")
    made = hishamos(tmp_path, "build", "shed.md", "--queue")
    assert made.returncode == 0 and "requested build 1 of shed" in made.stdout
    again = json.loads(hishamos(tmp_path, "build", "shed", "--queue", "--json", LOGNAME="bob").stdout)
    assert (again["id"], again["status"], again["project"]) == (1, "requested", "shed"), (
        "it is asked for already"
    )
    (listed,) = json.loads(hishamos(tmp_path, "builds", "list", "shed", "--json").stdout)
    assert listed == again
    cancelled = hishamos(tmp_path, "builds", "cancel", "shed", LOGNAME="ann")
    assert "1 requests cancelled, 0 runs ended" in cancelled.stdout, cancelled.stderr
    assert "cancelled by user:ann" in hishamos(tmp_path, "builds", "list").stdout
    assert "there is no request and no run to cancel" in hishamos(tmp_path, "builds", "cancel", "shed").stdout
    shown = json.loads(hishamos(tmp_path, "projects", "show", "shed", "--json").stdout)
    assert (shown["state"], shown["reason"]) == ("failed", "cancelled by user:ann")
    assert hishamos(tmp_path, "build", "nowhere", "--queue").returncode == 3
    assert hishamos(tmp_path, "build", "shed", "--queue", "--replay").returncode == 2


def test_a_sprint_is_built_and_the_rest_waits(tmp_path: Path) -> None:
    (tmp_path / "shed.md").write_text(
        "---\nsprint: {capacity: 3}\n---\n# Shed\n\n## Features\n- User can add a tool\n- User can list tools\n"
    )
    unknown = hishamos(tmp_path, "build", "shed.md", "--sprint", "7")
    assert unknown.returncode == 2 and "shed has no sprint 7: it has 1, 2" in unknown.stderr
    first = hishamos(tmp_path, "build", "shed", "--sprint", "1")
    assert first.returncode == 0 and "waiting      US-002" in first.stdout, first.stdout + first.stderr
    assert "1 of 2 implemented and verified" in first.stdout
    other = hishamos(tmp_path, "build", "shed", "--stories", "US-009")
    assert other.returncode == 2 and "shed has no story US-009: it has US-001, US-002" in other.stderr
    assert hishamos(tmp_path, "build", "shed", "--stories", "US-001", "--queue").returncode == 0
    shown = json.loads(hishamos(tmp_path, "build", "shed", "--json").stdout)
    assert (shown["implemented"], shown["waiting"], shown["state"]) == (2, [], "exported")


def test_scripts_are_told_in_their_own_way(tmp_path: Path, built_notes: BuiltProject) -> None:
    home = built_notes.copy_to(tmp_path)
    gone = hishamos(home, "projects", "show", "nowhere", "--json")
    assert gone.returncode == 3 and json.loads(gone.stdout)["exit_code"] == 3 and gone.stderr == ""
    assert "no project 'nowhere'" in json.loads(gone.stdout)["error"]
    wrong = hishamos(home, "build", "notes", "--stories", ",", "--json")
    assert wrong.returncode == 2 and "names no story" in json.loads(wrong.stdout)["error"]
    assert hishamos(home, "build", "notes", "--strict").returncode == 0
    (home / "deep.md").write_text(
        "# Deep\n\n## Features\n- User can add a note\n- The system predicts the weather\n"
    )
    assert hishamos(home, "build", "deep.md").returncode == 0
    assert hishamos(home, "build", "deep", "--strict").returncode == 8
    assert hishamos(home, "projects", "archive", "deep").returncode == 0
    assert "deep was archived; this brings it back" in hishamos(home, "build", "deep").stderr
    every = hishamos(home, "batch", "build", "one")
    assert every.returncode == 2 and "say so with --all" in every.stderr
    assert hishamos(home, "batch", "build", "one", "--all").returncode == 0
    assert hishamos(home, "dev", "--port", "99999999").returncode == 2


def test_events_tell_what_a_build_was(tmp_path: Path, built_notes: BuiltProject) -> None:
    home = built_notes.copy_to(tmp_path)
    events = json.loads(hishamos(home, "events", "notes", "--last", "200", "--json").stdout)
    kinds = [event["kind"] for event in events]
    assert kinds[:3] == ["build.requested", "idea.submitted", "build.started"] and kinds[-1] == "build.ended"
    assert kinds.count("step.made") == 16 and kinds.count("story.verified") == 2
    assert {e["subject"] for e in events if e["kind"] == "export.done"} == {"git", "zip", "tar"}
    assert events[-1]["payload"]["state"] == "exported"
    chosen = hishamos(home, "events", "--kind", "story.verified").stdout.splitlines()
    assert len(chosen) == 2 and "story.verified" in chosen[0] and "notes US-001" in chosen[0]
    (request,) = json.loads(hishamos(home, "builds", "list", "--json").stdout)
    assert request["status"] == "completed" and request["finished_at"]


def test_events_are_followed(tmp_path: Path) -> None:
    hishamos(tmp_path, "projects", "list")  # the store is there
    follower = start_hishamos(tmp_path, "events", "--follow", "--json")
    try:
        (tmp_path / "shed.md").write_text("# Shed\n")
        time.sleep(2)
        assert hishamos(tmp_path, "ideas", "submit", "shed.md").returncode == 0
        assert follower.stdout is not None
        lines = [json.loads(follower.stdout.readline()) for _ in range(2)]
        assert [line["kind"] for line in lines] == ["build.requested", "idea.submitted"]
    finally:
        follower.send_signal(signal.SIGINT)
        follower.communicate(timeout=60)
    assert follower.returncode == 130


@pytest.mark.parametrize(
    "command",
    ["projects list", "projects show notes", "artifacts list notes", "history notes", "files list notes", "costs",
     "builds list", "exports list", "events", "proposals list notes", "ideas list", "audit list", "notifications list"],
)  # fmt: skip
def test_a_command_that_reads_imports_what_it_uses_alone(
    command: str, tmp_path: Path, built_notes: BuiltProject
) -> None:
    home = built_notes.copy_to(tmp_path)
    program = (
        "import sys\nfrom hishamos_pipeline.cli.main import main\n"
        f"sys.argv = ['hishamos', *{command.split()!r}]\n"
        "try:\n    main()\nexcept SystemExit as error:\n    assert not error.code, error.code\n"
        f"found = [name for name in {HEAVY!r} if name in sys.modules]\nassert not found, found\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HISHAMOS_HOME", str(home / "state"))
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
