"""A client that is generated from the committed document submits an idea, asks for its build, and downloads its ZIP."""

import importlib
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import ZipFile

import pytest

from hishamos_pipeline.settings import Settings
from scripts.openapi import TARGET
from tests.support.api import running_api, served, token_of
from tests.support.commands import hishamos

BRIEF = "# Notes\n\nKeep notes.\n\n## Features\n- User can add a note\n- User can list notes\n"


@pytest.fixture(scope="module")
def client_package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The generated package, which can be imported."""
    folder = tmp_path_factory.mktemp("client")
    scripts = sysconfig.get_path("scripts")
    done = subprocess.run(
        [f"{scripts}/openapi-python-client", "generate", "--path", str(TARGET), "--meta", "none",
         "--output-path", str(folder / "hishamos_client")],
        env={**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    # Markdown is the one thing that it cannot send: clients send JSON, or a form.
    told = done.stderr
    assert told.count("WARNING") == told.count("Unsupported content type text/markdown") == 1, told
    sys.path.insert(0, str(folder))
    yield "hishamos_client"
    sys.path.remove(str(folder))


def test_from_an_idea_to_its_zip(client_package: str, tmp_path: Path, toolchains_dir: Path) -> None:
    def part(name: str) -> ModuleType:
        return importlib.import_module(f"{client_package}.{name}")

    def call(name: str, *arguments: Any, **named: Any) -> Any:
        return part(f"api.{name}").sync_detailed(*arguments, client=client, **named)

    models = part("models")
    with running_api(Settings(home=tmp_path / "state")) as api, served(api) as (host, port):
        base = f"http://{host}:{port}"
        client = part("client").AuthenticatedClient(base_url=base, token=token_of(api["manager"]), timeout=60)
        submitted = call(
            "ideas.submit_idea", body=models.NewIdea(text=BRIEF, key="jotter"), idempotency_key="one"
        )
        assert submitted.status_code == 201 and submitted.parsed.key == "jotter"
        again = call(
            "ideas.submit_idea", body=models.NewIdea(text=BRIEF, key="jotter"), idempotency_key="one"
        )
        assert again.headers["idempotency-replayed"] == "true"
        asked = call("builds.request_build", "jotter")
        assert asked.status_code == 202 and asked.parsed.status == "requested"

        # What the daemon would do: take the request up.
        built = hishamos(tmp_path, "build", "jotter", HISHAMOS_TOOLCHAINS=str(toolchains_dir))
        assert built.returncode == 0, built.stderr

        request = call("builds.read_build_request", asked.parsed.id)
        assert request.parsed.status == "completed"
        project = call("projects.read_project", "jotter").parsed
        assert (
            project.state == "exported" and project.implemented == 2 and "/" not in "".join(project.archives)
        )
        stories = call("backlog.list_stories", "jotter").parsed
        assert {story.status for story in stories.items} == {"verified"}
        files = call("files.list_files", "jotter", search="pyproject").parsed
        assert [file.path for file in files.items] == ["pyproject.toml"]
        archive = call("exports.download_archive", "jotter", "zip")
        names = ZipFile(BytesIO(archive.content)).namelist()
        assert "notes/pyproject.toml" in names
        assert archive.headers["content-disposition"].endswith("jotter.zip")
        missing = call("projects.read_project", "nowhere")
        assert missing.status_code == 404 and missing.parsed.type_ == "urn:hishamos:problem:project-not-found"
