"""The commands about models and agents against a provider on loopback; builds are processes of their own."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.fakes.providers import FakeProvider, Reply, provider, script
from tests.fakes.recorded import RecordedModel
from tests.support.built import BuiltProject
from tests.support.commands import hishamos, hishamos_process

pytestmark = [pytest.mark.slow, pytest.mark.real_servers]
KEY = "sk-cli-0123456789abcdef"


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    """The recorded project's provider."""
    with provider(RecordedModel("reading-log")) as made:
        yield made


def model(fake: FakeProvider) -> dict[str, str]:
    return {"HISHAMOS_LLM": "compatible:model-a", "HISHAMOS_LLM_FREE": "", "HISHAMOS_LLM_URLS": json.dumps(fake.urls),
            "HISHAMOS_LLM_PRICES": '{"compatible:model-a": {"input": 1, "output": 10}}'}  # fmt: skip


BRIEF = str(RecordedModel("reading-log").brief)


def test_a_build_with_a_model_its_costs_and_its_questions(tmp_path: Path, fake: FakeProvider) -> None:
    given = model(fake)
    built = hishamos_process(tmp_path, "build", BRIEF, "--json", **given)
    assert built.returncode == 0, built.stderr
    assert json.loads(built.stdout)["state"] == "exported"
    asked = len(fake.asked)

    costs = json.loads(hishamos(tmp_path, "costs", "reading-log", "--by", "role", "--json", **given).stdout)
    assert costs["requirements_verified"] == 3
    assert costs["usd_per_verified_requirement"] == pytest.approx(costs["total_usd"] / 3)
    assert {row["group"] for row in costs["rows"]} >= {"coding", "qa", "architect", "code_review"}
    assert "█" in hishamos(tmp_path, "costs", "--by", "day", "--plot", **given).stdout
    assert hishamos(tmp_path, "costs", "nowhere", **given).returncode == 3

    questions = hishamos(tmp_path, "ideas", "questions", "reading-log", "--json", **given)
    assert len(json.loads(questions.stdout)["open"]) == 1
    answered = hishamos(tmp_path, "ideas", "answer", "reading-log", "1", "No.", **given)
    assert "revision 2" in answered.stdout
    questions = json.loads(hishamos(tmp_path, "ideas", "questions", "reading-log", "--json", **given).stdout)
    assert questions["open"] == []
    assert questions["answered"][0]["answer"] == "No."
    assert hishamos(tmp_path, "ideas", "answer", "reading-log", "2", "x", **given).returncode == 2
    assert "as each unit cost the last time" in hishamos(tmp_path, "plan", "reading-log", **given).stdout
    assert len(fake.asked) == asked

    replayed = hishamos_process(tmp_path, "build", "reading-log", "--replay", **given)
    assert replayed.returncode == 1
    assert "without --replay" in replayed.stderr
    shown = hishamos(tmp_path, "plan", "reading-log", "--compare", **given).stdout
    assert "the build has not come to its end" in shown
    foretold = json.loads(hishamos(tmp_path, "plan", "reading-log", "--json", **given).stdout)
    asked = len(fake.asked)
    assert hishamos_process(tmp_path, "build", "reading-log", **given).returncode == 0
    compared = json.loads(hishamos(tmp_path, "plan", "reading-log", "--compare", "--json", **given).stdout)
    assert compared["ended_at"]
    assert compared["calls"] == len(fake.asked) - asked > 0
    assert compared["likely_calls"] == pytest.approx(sum(step["likely_calls"] for step in foretold))
    assert compared["within_most"]
    shown = hishamos(tmp_path, "plan", "reading-log", "--compare", **given).stdout
    assert f"{compared['error']:.0%} off" in shown
    assert hishamos(tmp_path, "build", "x", "--replay", "--refresh", **given).returncode == 2


def test_a_budget_that_is_too_small_blocks(tmp_path: Path, fake: FakeProvider) -> None:
    given = {**model(fake), "HISHAMOS_BUDGET_PROJECT_USD": "0.1"}
    built = hishamos_process(tmp_path, "build", BRIEF, **given)
    assert built.returncode == 1
    assert "is blocked at" in built.stderr
    assert "HISHAMOS_BUDGET_PROJECT_USD" in built.stderr


def test_keys_are_kept_rotated_and_never_shown(tmp_path: Path, fake: FakeProvider) -> None:
    old, new = (
        Fernet.generate_key().decode(),
        hishamos(tmp_path, "credentials", "new-key").stdout.strip(),
    )
    urls = {"HISHAMOS_LLM_URLS": json.dumps(fake.urls)}
    assert hishamos(tmp_path, "credentials", "add", "openai-chat", stdin=KEY).returncode == 6
    kept = hishamos(tmp_path, "credentials", "add", "openai-chat", stdin=KEY, HISHAMOS_SECRET_KEYS=old)
    assert "kept the key" in kept.stdout
    listed = hishamos(tmp_path, "providers", "list", HISHAMOS_SECRET_KEYS=old, **urls)
    assert "stored" in listed.stdout
    assert KEY not in listed.stdout + kept.stdout
    assert "unreadable" in hishamos(tmp_path, "providers", "list", HISHAMOS_SECRET_KEYS=new).stdout
    both = f"{new},{old}"
    assert "1 key again" in hishamos(tmp_path, "credentials", "rotate", HISHAMOS_SECRET_KEYS=both).stdout
    checked = hishamos(tmp_path, "providers", "check", "openai-chat", HISHAMOS_SECRET_KEYS=new, **urls)
    assert checked.returncode == 0, checked.stdout
    models = hishamos(tmp_path, "providers", "models", "openai-chat", HISHAMOS_SECRET_KEYS=new, **urls)
    assert "model-a" in models.stdout
    removed = hishamos(tmp_path, "credentials", "remove", "openai-chat", HISHAMOS_SECRET_KEYS=new)
    assert "removed" in removed.stdout
    assert hishamos(tmp_path, "providers", "check", "openai-chat", **urls).returncode == 6


def test_providers_are_added_set_and_removed(tmp_path: Path, fake: FakeProvider) -> None:
    added = hishamos(tmp_path, "providers", "add", "ours", "--wire", "ollama", "--url", f"{fake.url}/v1")
    assert "its models are written ours:MODEL" in added.stdout, added.stderr
    pulled = hishamos(tmp_path, "providers", "pull", "ours", "qwen3")
    assert "pulling 6a 50 %" in pulled.stdout and "success" in pulled.stdout, pulled.stderr
    assert hishamos(tmp_path, "providers", "pull", "openai", "qwen3").returncode == 2
    assert "file does not exist" in hishamos(tmp_path, "providers", "pull", "ours", "missing").stderr
    priced = hishamos(tmp_path, "providers", "price", "ours", "*", "--free")
    assert "*: 0 USD in" in priced.stdout
    assert hishamos(tmp_path, "providers", "price", "ours", "*", "--free", "--input", "1").returncode == 2
    models = json.loads(hishamos(tmp_path, "providers", "models", "ours", "--json").stdout)
    assert [(m["model"], m["input_usd"], m["context_tokens"]) for m in models] == [
        ("ours:model-a", 0.0, 131_072), ("ours:qwen3", 0.0, 32_768)
    ]  # fmt: skip
    assert "switched off" in hishamos(tmp_path, "providers", "disable", "ours").stdout
    assert "switched off" in hishamos(tmp_path, "providers", "list").stdout
    assert "is asked" in hishamos(tmp_path, "providers", "enable", "ours").stdout
    assert (
        "http://127.0.0.1:9/v1"
        in hishamos(tmp_path, "providers", "set", "ours", "--url", "http://127.0.0.1:9/v1").stdout
    )
    assert "removed ours" in hishamos(tmp_path, "providers", "remove", "ours").stdout
    assert hishamos(tmp_path, "providers", "models", "ours").returncode == 2


def test_doctor_looks_at_what_ollama_takes(tmp_path: Path, fake: FakeProvider) -> None:
    given = {
        "HISHAMOS_LLM": "ollama:model-a",
        "HISHAMOS_LLM_FREE": "ollama:*",
        "HISHAMOS_LLM_URLS": json.dumps(fake.urls),
    }

    def models(**changed: str) -> str:
        found = hishamos(tmp_path, "doctor", "--json", **{**given, **changed})
        return str(next(check["detail"] for check in json.loads(found.stdout) if check["check"] == "models"))

    assert models() == "ollama:model-a"
    assert "hishamos providers pull ollama other" in models(HISHAMOS_LLM="ollama:other")
    fake.loaded["model-a"] = 4096
    assert "OLLAMA_CONTEXT_LENGTH=108000" in models()
    fake.has["model-a"] = 32_768
    assert "HISHAMOS_LLM_CONTEXT_TOKENS to 24,768 or less" in models()


def test_agents_and_prompts(tmp_path: Path, fake: FakeProvider) -> None:
    fake.answer = lambda _: Reply(json.dumps({"summary": "Nothing found.", "findings": []}))
    given = model(fake)
    (tmp_path / "app.py").write_text("x = 1\n")
    run = hishamos(
        tmp_path, "agents", "run", "security", "audit", "--text", "Look.", "--file", "app.py", **given
    )
    assert "Nothing found." in run.stdout, run.stderr
    assert "x = 1" in fake.asked[0].text
    assert "--text" in hishamos(tmp_path, "agents", "run", "security", "audit", **given).stderr
    assert "threat_model" in hishamos(tmp_path, "agents", "show", "security", **given).stdout
    assert "bug_triage" in hishamos(tmp_path, "agents", "list").stdout

    copied = hishamos(tmp_path, "prompts", "copy", "security", "audit")
    path = Path(copied.stdout.removeprefix("copied to ").strip())
    path.write_text(path.read_text() + "\nBe quick.\n")
    assert "+Be quick." in hishamos(tmp_path, "prompts", "diff", "security", "audit").stdout
    listed = json.loads(hishamos(tmp_path, "prompts", "list", "--json").stdout)
    own = [row for row in listed if row["source"] != "built in"]
    assert [(row["role"], row["task"]) for row in own] == [("security", "audit")]
    assert "Be quick." in hishamos(tmp_path, "prompts", "show", "security", "audit").stdout


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"HISHAMOS_LLM": "nope:x"}, "HISHAMOS_LLM names 'nope:x'"),
        ({"HISHAMOS_LLM": "anthropic"}, "write anthropic:MODEL"),
        ({"HISHAMOS_LLM": "anthropic:claude-opus-5-5"}, "set ANTHROPIC_API_KEY"),
        ({"HISHAMOS_LLM": "ollama:llama"}, "the price of ollama:llama is not known"),
        ({"HISHAMOS_LLM": "compatible:m", "HISHAMOS_LLM_FREE": "compatible:*"}, 'lacks "compatible"'),
        ({"HISHAMOS_LLM_URLS": "{bad"}, "HISHAMOS_LLM_URLS is not valid JSON"),
        ({"HISHAMOS_LLM_PRICES": '{"a:b": {"input": 1}}'}, "HISHAMOS_LLM_PRICES at a:b.output"),
        ({"HISHAMOS_DATABASE_URL": "nonsense"}, "HISHAMOS_DATABASE_URL cannot be used"),
        ({"HISHAMOS_DATABASE_URL": "postgresql://x/y"}, "postgresql+psycopg2://"),
    ],
)
def test_a_setting_that_cannot_work_is_named_before_any_work(
    tmp_path: Path, variables: dict[str, str], said: str
) -> None:
    done = hishamos(tmp_path, "build", BRIEF, **variables)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode != 0


def test_a_setting_that_is_none_is_named(tmp_path: Path, built_notes: BuiltProject) -> None:
    home = built_notes.copy_to(tmp_path)
    done = hishamos(home, "build", "notes", HISHAMOS_BUDGET_PROJET_USD="1")
    assert "HISHAMOS_BUDGET_PROJET_USD is no setting" in done.stderr
    assert done.returncode == 0 and "Traceback" not in done.stderr


def test_a_role_calls_the_api_for_whoever_gives_it_a_task(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("# Notes\n\n## Features\n- User can add a note\n")
    asked = Reply(tool=("call_operation", {"operation": "request_build", "arguments": {}}))
    refused = Reply(
        tool=("call_operation", {"operation": "delete_project", "arguments": {"confirm": "notes"}})
    )
    done = Reply(json.dumps({"answer": "It will be built.", "done": ["a build"], "left": []}))
    assert hishamos(tmp_path, "ideas", "submit", "notes.md").returncode == 0
    with provider(script(asked, refused, done)) as fake:
        words = ("agents", "run", "project_manager", "assist", "--project", "notes", "--text", "Build it")
        ran = hishamos(tmp_path, *words, **model(fake))
    assert ran.returncode == 0, ran.stderr
    assert "It will be built." in ran.stdout
    assert '\\"project\\":\\"notes\\"' in fake.asked[1].text, "the answer of the API"
    entries = json.loads(hishamos(tmp_path, "audit", "list", "--json").stdout)
    called = [entry for entry in entries if entry["action"] == "api.call"]
    assert called and all(entry["actor"] == "agent:project_manager" for entry in called)
    assert json.loads(hishamos(tmp_path, "projects", "list", "--json").stdout)[0]["key"] == "notes"
