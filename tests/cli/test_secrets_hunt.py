"""A login in any setting that is or holds a URL, and any other secret of the settings, is nowhere to be read."""

import json
from pathlib import Path

import pytest

from hishamos_pipeline.settings import Settings
from tests.cli.test_publishing_cli import Hunt
from tests.support.commands import hishamos_process

pytestmark = pytest.mark.slow
CANARY = "canary-0123456789-needle-4567"
LOGIN = f"ada:{CANARY}@127.0.0.1:1"
PLANTED = {
    "database_url": f"postgresql+psycopg2://{LOGIN}/store",
    "celery_broker": f"redis://{LOGIN}/0",
    "storage_url": f"s3://{LOGIN}/folder",
    "storage_options": json.dumps({"endpoint_url": f"http://{LOGIN}"}),
    "llm_urls": json.dumps({"openai-chat": f"http://{LOGIN}/v1"}),
    "index_url": f"http://{LOGIN}/simple",
    "api_url": f"https://{LOGIN}",
    "git_hosts": json.dumps({"forge": {"kind": "gitlab", "url": f"https://{LOGIN}", "token": "FORGE_TOKEN"}}),
    "notify": json.dumps(
        {
            "hook": {"kind": "webhook", "url": f"http://{LOGIN}/", "secret": CANARY},
            "mail": {"kind": "email", "host": "127.0.0.1", "port": 1, "user": "ada", "password": CANARY,
                     "sender": "a@example.org", "to": ["b@example.org"]},
        }
    ),
    "web_search_url": f"http://{LOGIN}/search",
    "query_databases": json.dumps({"figures": f"postgresql+psycopg2://{LOGIN}/figures"}),
    "secret_keys": CANARY,
}  # fmt: skip
MORE = {
    "notify": ("notifications test hook", "notifications test mail"),
    "storage_url": ("cleanup --dry-run",),
    "git_hosts": ("credentials test forge", "export notes --to forge"),
    "secret_keys": ("credentials list",),
}
# A build in this process does not look at them; what it says of failures is hunted for below.
NO_MATTER_TO_A_BUILD = ("celery_broker", "secret_keys", "notify", "query_databases")
BRIEF = "# Notes\n\n## Features\n- User can add a note\n"
# It has dependencies, which are installed from the index.
API = f"---\nstack: python-api\n---\n{BRIEF}"


def test_every_setting_that_holds_a_url_is_planted() -> None:
    told = {
        name
        for name, field in Settings.model_fields.items()
        if "url" in name or "url" in (field.description or "").lower() or "Secret" in str(field.annotation)
    }
    assert told == PLANTED.keys()


@pytest.mark.parametrize("name", PLANTED)
def test_a_login_in_a_setting_is_nowhere(tmp_path: Path, name: str, toolchains_dir: Path) -> None:
    (tmp_path / "notes.md").write_text(API if name == "index_url" else BRIEF)
    # A toolchain of its own where the index matters: nothing that is there already is used.
    toolchains = tmp_path / "toolchains" if name == "index_url" else toolchains_dir
    given = {f"HISHAMOS_{name.upper()}": PLANTED[name], "HISHAMOS_TOOLCHAINS": str(toolchains)}
    with Hunt(CANARY) as hunt:
        building = () if name in NO_MATTER_TO_A_BUILD else ("build notes.md",)
        for words in ("projects list", "doctor --json", *building, *MORE.get(name, ())):
            done = hishamos_process(tmp_path, *words.split(), **given)
            hunt.look(f"output of {words}", f"{done.stdout}{done.stderr}".encode())
        hunt.files(tmp_path / "state")
    assert hunt.found == set()


KEYS = {
    "ANTHROPIC_API_KEY": f"sk-ant-{CANARY}",
    "GITHUB_TOKEN": f"ghp_{CANARY}",
    "FORGE_TOKEN": CANARY,
    "HISHAMOS_SECRET_KEYS": CANARY,
    "HISHAMOS_LLM_URLS": json.dumps({"openai-chat": "http://127.0.0.1:1/v1"}),
    "HISHAMOS_GIT_HOSTS": PLANTED["git_hosts"].replace(f"{LOGIN}", "127.0.0.1:1"),
    "HISHAMOS_NOTIFY": json.dumps(
        {"hook": {"kind": "webhook", "url": "http://127.0.0.1:1/", "secret": "HOOK_SECRET"}}
    ),
    "HOOK_SECRET": CANARY,
}
MODEL = {
    "HISHAMOS_LLM": "openai-chat:m",
    "OPENAI_API_KEY": f"sk-{CANARY}",
    "HISHAMOS_LLM_FREE": "openai-chat:*",
}
NOWHERE = {"PATH": "/nowhere"}
# The command, what is set besides, and the exit code that it ends with.
FAILURES: list[tuple[str, dict[str, str], set[int]]] = [
    ("build bad.md", {}, {2}),
    ("build gone", {}, {3}),
    ("projects show gone --json", {}, {3}),
    ("build notes.md", MODEL, {1, 6}),
    ("build notes.md", {"HISHAMOS_LLM": "openai-chat:m"}, {6}),
    ("build notes.md", {"HISHAMOS_SANDBOX": "docker"}, {5}),
    ("build notes.md", {"HISHAMOS_INDEX_URL": PLANTED["index_url"]}, {1}),
    ("build notes.md", {"HISHAMOS_DATABASE_URL": PLANTED["database_url"]}, {5}),
    ("build notes.md", {"HISHAMOS_STORAGE_URL": PLANTED["storage_url"]}, {1, 2, 5}),
    ("build notes.md", {"HISHAMOS_CHECK_SECONDS": CANARY}, {2}),
    ("export notes --to forge", {}, {1, 2, 3, 7}),
    ("notifications test hook", {}, {5}),
    ("doctor", NOWHERE, {5}),
]


def test_no_key_is_told_by_any_failure(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text(API)
    (tmp_path / "bad.md").write_text(f"---\nbudget: {CANARY}\nunknown: {CANARY}\n---\n# Notes\n")
    toolchains = {"HISHAMOS_TOOLCHAINS": str(tmp_path / "toolchains")}
    with Hunt(CANARY) as hunt:
        for words, more, codes in FAILURES:
            done = hishamos_process(tmp_path, *words.split(), **{**KEYS, **toolchains, **more})
            said = f"{done.stdout}{done.stderr}"
            assert done.returncode in codes, (words, more.keys(), done.returncode, said)
            assert "Traceback" not in said, said
            # What somebody has written into a brief or a number is no secret; it is told to him.
            if words != "build bad.md" and "HISHAMOS_CHECK_SECONDS" not in more:
                hunt.look(f"output of {words} with {sorted(more)}", said.encode())
        (tmp_path / "bad.md").unlink()
        hunt.files(tmp_path / "state")
    assert hunt.found == set()
