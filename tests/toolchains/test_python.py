"""Python toolchains: from a real pip and an index on this machine to programs that run in the sandbox."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hishamos_pipeline.errors import ToolchainError
from hishamos_pipeline.sandbox.choice import open_sandbox
from hishamos_pipeline.sandbox.interface import Command, Limits, Outcome, Toolchain
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.toolchains.python import PythonToolchains
from hishamos_pipeline.toolchains.vetting import near_miss, popular, vet
from hishamos_pipeline.verification.imports import declared_requirements
from hishamos_pipeline.verification.running import Runner
from tests.fakes.index import FakeIndex, package_index


@pytest.fixture
def own(index: FakeIndex, tmp_path: Path) -> Settings:
    """Settings with the index and a folder of toolchains of the test's own."""
    return Settings(home=tmp_path / "home", index_url=index.url, toolchains=tmp_path / "toolchains")


async def run(program: str, toolchain: Toolchain, tree: Path) -> Outcome:
    tree.mkdir(exist_ok=True)
    return await open_sandbox().run(
        Command(("python", "-c", program)), tree, Limits(wall_seconds=30), toolchain
    )


async def test_the_base_needs_no_index_and_holds_the_tools_alone(
    own: Settings, index: FakeIndex, tmp_path: Path
) -> None:
    prepared = await PythonToolchains(own).prepare([])
    assert prepared.toolchain and prepared.packages == () and index.asked == []
    program = """
import subprocess
for tool in ("pytest", "ruff"): print(subprocess.run([tool, "--version"], capture_output=True, text=True).stdout)
try: import dagster
except ModuleNotFoundError: print("alone")
"""
    got = await run(program, prepared.toolchain, tmp_path / "tree")
    assert got.succeeded and "pytest 9" in got.output and "ruff 0" in got.output and "alone" in got.output


async def test_dependencies_are_installed_once(own: Settings, index: FakeIndex, tmp_path: Path) -> None:
    index.add("greeter-of-tests", requires=["words-of-tests>=1"], licence="Apache-2.0")
    index.add("words-of-tests", "1.2")
    first = await PythonToolchains(own).prepare(["greeter-of-tests"])
    assert first.toolchain
    assert [(p.name, p.version, p.licence) for p in first.packages] == [
        ("greeter-of-tests", "1.0", "Apache-2.0"),
        ("words-of-tests", "1.2", "MIT"),
    ]
    got = await run(
        "import greeter_of_tests, words_of_tests; print(words_of_tests.VERSION)",
        first.toolchain,
        tmp_path / "t",
    )
    assert got.output == "1.2\n"
    asked = len(index.asked)
    index.add("words-of-tests", "1.3")
    assert await PythonToolchains(own).prepare(["greeter-of-tests"]) == first, "as resolved the first time"
    assert len(index.asked) == asked


async def test_it_cannot_be_written_to(own: Settings, index: FakeIndex, tmp_path: Path) -> None:
    index.add("words-of-tests")
    prepared = await PythonToolchains(own).prepare(["words-of-tests"])
    assert prepared.toolchain
    got = await run(
        "import words_of_tests as w; open(w.__file__, 'a').write('x')", prepared.toolchain, tmp_path / "t"
    )
    assert (not got.succeeded and "OSError" in got.output) or "PermissionError" in got.output


async def test_all_of_it_is_compiled(own: Settings, index: FakeIndex, tmp_path: Path) -> None:
    index.add("words-of-tests", files={"words_of_tests.py": "X = 1\n", "broken_of_tests.py": "(\n"})
    prepared = await PythonToolchains(own).prepare(["words-of-tests"])
    assert prepared.toolchain
    program = """
import importlib, pytest
from importlib.util import cache_from_source
for name in ("words_of_tests", "_pytest.main", "pluggy", "coverage"):
    module = importlib.import_module(name)
    loader = module.__loader__
    compiled = loader.get_data(cache_from_source(module.__file__))
    told = loader.path_stats(module.__file__)
    flags, time, size = (int.from_bytes(compiled[at : at + 4], "little") for at in (4, 8, 12))
    print(name, flags, time == int(told["mtime"]), size == told["size"])
"""
    got = await run(program, prepared.toolchain, tmp_path / "t")
    assert set(got.output.splitlines()) == {
        f"{name} 0 True True" for name in ("words_of_tests", "_pytest.main", "pluggy", "coverage")
    }


async def test_no_code_of_a_package_runs_outside_the_sandbox(
    own: Settings, index: FakeIndex, tmp_path: Path
) -> None:
    mark = tmp_path / "executed"
    code = f"import pathlib; pathlib.Path({str(mark)!r}).write_text('x')"
    index.add("sly-of-tests", files={"sly.pth": code + "\n", "sly_of_tests.py": code + "\n"})
    prepared = await PythonToolchains(own).prepare(["sly-of-tests"])
    assert prepared.toolchain and not mark.exists()
    await run("import sly_of_tests", prepared.toolchain, tmp_path / "t")
    assert not mark.exists(), "and what it does inside stays inside"
    index.add_source("source-of-tests", b"never unpacked")
    prepared = await PythonToolchains(own).prepare(["source-of-tests"])
    assert prepared.toolchain is None and "source-of-tests" in prepared.findings[0]


async def test_what_is_no_good_is_a_finding_and_not_an_install(own: Settings, index: FakeIndex) -> None:
    index.add("withdrawn-of-tests", yanked=True)
    index.add("reqeusts")
    toolchains = PythonToolchains(own)
    expected = {
        "nowhere-of-tests": "No matching distribution found for nowhere-of-tests",
        "withdrawn-of-tests==1.0": "withdrawn-of-tests 1.0: was withdrawn",
        "reqeusts": "looks like the popular requests",
        "thing @ https://example.org/thing.whl": "names an address",
        "not a requirement": "is no requirement",
    }
    for requirement, words in expected.items():
        prepared = await toolchains.prepare([requirement])
        assert prepared.toolchain is None and words in prepared.findings[0], (requirement, prepared.findings)
    assert not any("reqeusts" in path for path in index.asked), "a near miss is not even asked for"
    assert not list(own.toolchains_dir.glob("python-*"))
    allowed = own.model_copy(update={"toolchain_allow": "reqeusts"})
    assert (await PythonToolchains(allowed).prepare(["reqeusts"])).toolchain


async def test_limits_say_their_names(own: Settings, index: FakeIndex) -> None:
    for number in range(3):
        index.add(f"part-{number}-of-tests")
    index.add("whole-of-tests", requires=[f"part-{number}-of-tests" for number in range(3)])
    few = own.model_copy(update={"toolchain_packages": 3})
    prepared = await PythonToolchains(few).prepare(["whole-of-tests"])
    assert prepared.toolchain is None and "HISHAMOS_TOOLCHAIN_PACKAGES" in prepared.findings[0]
    index.add("large-of-tests", padding=200 * 2**20)
    small = own.model_copy(update={"toolchain_mb": 60})
    with pytest.raises(ToolchainError, match="HISHAMOS_TOOLCHAIN_MB"):
        await PythonToolchains(small).prepare(["large-of-tests"])
    index.delay = 5
    with pytest.raises(ToolchainError, match="HISHAMOS_TOOLCHAIN_SECONDS"):
        await PythonToolchains(own.model_copy(update={"toolchain_seconds": 1})).prepare(["part-0-of-tests"])
    assert not list(own.toolchains_dir.glob("python-*[0-9a-f]")), "nothing half made stays"


async def test_an_index_that_cannot_be_reached_is_no_fault_of_the_project(own: Settings) -> None:
    gone = own.model_copy(update={"index_url": "http://127.0.0.1:9/simple"})
    with pytest.raises(ToolchainError, match="cannot be reached"):
        await PythonToolchains(gone).prepare(["words-of-tests"])


async def test_the_named_index_is_the_only_one(
    own: Settings, index: FakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    with package_index() as other:
        other.add("words-of-tests")
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", other.url)
        monkeypatch.delenv("PIP_CONFIG_FILE")
        prepared = await PythonToolchains(own).prepare(["words-of-tests"])
    assert prepared.toolchain is None and other.asked == []


_PREPARE = """
import asyncio, sys
from pathlib import Path
from typing import Any
from hishamos_pipeline.settings import Settings
from hishamos_pipeline.toolchains.python import PythonToolchains
settings = Settings(index_url=sys.argv[1], toolchains=Path(sys.argv[2]))
print(asyncio.run(PythonToolchains(settings).prepare(["slow-of-tests"])).toolchain.key)
"""


def _preparing(own: Settings) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-c", _PREPARE, own.index_url, str(own.toolchains_dir)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_projects_share_one_toolchain_at_once(own: Settings, index: FakeIndex) -> None:
    index.add("slow-of-tests")
    index.delay = 0.3
    both = [_preparing(own) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said[0][0] == said[1][0]
    assert len(list(own.toolchains_dir.glob("python-*[0-9a-f]"))) == 1


def test_a_kill_while_installing_leaves_nothing_that_matters(own: Settings, index: FakeIndex) -> None:
    index.add("slow-of-tests", padding=2**20)
    index.delay = 1.0
    process = _preparing(own)
    deadline = time.monotonic() + 30
    while not list(own.toolchains_dir.glob(".making-*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(own.toolchains_dir.glob(".making-*")), "it was killed while installing"
    index.delay = 0
    prepared = asyncio.run(PythonToolchains(own).prepare(["slow-of-tests"]))
    assert prepared.toolchain and not list(own.toolchains_dir.glob(".making-*"))


async def test_a_damaged_resolution_is_made_anew(own: Settings, index: FakeIndex) -> None:
    index.add("words-of-tests")
    first = await PythonToolchains(own).prepare(["words-of-tests"])
    (known,) = own.toolchains_dir.glob("resolved-*.json")
    assert json.loads(known.read_text())[0]["name"] == "words-of-tests"
    known.write_text("{half")
    assert await PythonToolchains(own).prepare(["words-of-tests"]) == first


def test_names_that_look_like_others() -> None:
    assert near_miss("requets") == "requests" and near_miss("python-requests") == "requests"
    assert near_miss("fast-api") == "fastapi"
    for name in ("requests", "attrs", "pyyaml", "a-name-like-no-other", "six"):
        assert near_miss(name) == "", name
    assert len(popular()) == 6000 and vet(["requests>=2"]) == (vet(["requests>=2"])[0], [])


async def test_a_resolution_that_is_out_of_date_is_forgotten(own: Settings, index: FakeIndex) -> None:
    index.add("words-of-tests")
    toolchains = PythonToolchains(own)
    first = await toolchains.prepare(["words-of-tests"])
    assert first.toolchain
    first.toolchain.programs.parent.rename(own.toolchains_dir / "gone")
    index.add("words-of-tests", files={"words_of_tests.py": "VERSION = 'another'\n"})
    with pytest.raises(ToolchainError, match="try again"):
        await toolchains.prepare(["words-of-tests"])
    assert (await toolchains.prepare(["words-of-tests"])).toolchain


async def test_an_odd_pyproject_is_read_as_far_as_it_goes() -> None:
    for odd in (
        "dependencies = [1]",
        "dependencies = 3",
        "optional-dependencies = 1",
        'dependencies = "requests"',
    ):
        assert set(declared_requirements(f"[project]\n{odd}\n")) <= {"1"}


async def test_a_login_of_the_index_is_in_no_argument_and_no_message(
    own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[list[str], dict[str, str]]] = []
    real = subprocess.Popen

    def popen(argv: list[str], **given: Any) -> Any:
        started.append((argv, given["env"]))
        return real(argv, **given)

    monkeypatch.setattr(subprocess, "Popen", popen)
    gone = own.model_copy(update={"index_url": "http://ada:c4nary-secret@127.0.0.1:9/simple"})
    with pytest.raises(ToolchainError) as caught:
        await PythonToolchains(gone).prepare(["greeter-of-tests"])
    assert "c4nary" not in str(caught.value) and "127.0.0.1:9" in str(caught.value)
    assert started and all("c4nary" not in " ".join(argv) for argv, _ in started)
    assert {environment["PIP_INDEX_URL"] for _, environment in started} == {gone.index_url}


async def test_no_package_takes_the_place_of_a_tool(own: Settings, index: FakeIndex, tmp_path: Path) -> None:
    """A wheel may hold whatever it likes: pytest and what it needs stay those of the base."""
    sly = "raise SystemExit('replaced')\n"
    plugin = "def pytest_runtest_makereport(item, call): raise SystemExit('hooked')\n"
    places = ("pytest/__init__.py", "_pytest/__init__.py", "pytest_cov/plugin.py", "coverage/__init__.py",
              "sitecustomize.py", "usercustomize.py")  # fmt: skip
    files = {
        **dict.fromkeys(places, sly),
        "sly_of_tests.py": plugin,
        "sly.pth": "import sly_of_tests, sys; sys.exit('started')\n",
        "sly_of_tests-1.0.dist-info/entry_points.txt": "[pytest11]\nsly = sly_of_tests\n[console_scripts]\n"
        "pytest = sly_of_tests:x\npython = sly_of_tests:x\n",
    }
    index.add("sly-of-tests", files=files)
    prepared = await PythonToolchains(own).prepare(["sly-of-tests"])
    assert prepared.toolchain and prepared.toolchain.plugins == ()
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "test_it.py").write_text("def test_it():\n    import sly_of_tests\n")
    runner = Runner(open_sandbox(), prepared.toolchain, Limits(wall_seconds=30))
    outcome, tests = await runner.tests(tree)
    assert outcome.succeeded and tests.passed == ("test_it.py::test_it",), outcome.output
    (tree / "test_it.py").unlink()
    got = await run("import pytest, _pytest; print(pytest.__file__)", prepared.toolchain, tree)
    assert got.succeeded and "site-packages" in got.output, got


async def test_known_extensions_of_pytest_are_loaded(own: Settings, index: FakeIndex, tmp_path: Path) -> None:
    entry = "[pytest11]\nmocks = pytest_mock\n"
    files = {
        "pytest_mock.py": "import pytest\n@pytest.fixture\ndef mocker(): return 7\n",
        "pytest_mock-3.0.dist-info/entry_points.txt": entry,
    }
    index.add("pytest-mock", "3.0", files=files)
    prepared = await PythonToolchains(own).prepare(["pytest-mock"])
    assert prepared.toolchain and prepared.toolchain.plugins == ("pytest_mock",)
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "test_it.py").write_text("def test_it(mocker):\n    assert mocker == 7\n")
    outcome, tests = await Runner(open_sandbox(), prepared.toolchain, Limits(wall_seconds=30)).tests(tree)
    assert tests.passed == ("test_it.py::test_it",), outcome.output


async def test_a_version_that_the_tools_do_not_have_is_a_finding(own: Settings, index: FakeIndex) -> None:
    index.add("packaging", "20.0")
    prepared = await PythonToolchains(own).prepare(["packaging<21"])
    assert prepared.toolchain is None and "are checked with packaging" in prepared.findings[0]
